"""Photos with faces that pip packages carry, all in the public domain, for the demo."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["PIP", "Photo", "find_photos"]

PIP = "pip install 'zqcnn-xp[demo]'"


@dataclass(frozen=True)
class Photo:
    """A photo, the package that carries it, and who is on it."""

    path: Path
    package: str
    title: str


# Both are works of US government agencies: a Navy portrait and a NASA portrait.
_KNOWN = (
    ("skimage", "scikit-image", "data/astronaut.png", "Eileen Collins (NASA)"),
    ("matplotlib", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "Grace Hopper (US Navy)"),
)


def find_photos() -> list[Photo]:
    """Return the photos that are installed; their packages are located, not imported."""
    found = []
    for module, package, relative, title in _KNOWN:
        spec = find_spec(module)
        for place in (spec.submodule_search_locations or []) if spec else []:
            path = Path(place) / relative
            if path.is_file():
                found.append(Photo(path, package, title))
                break
    return found
