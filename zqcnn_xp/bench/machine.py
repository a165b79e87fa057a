"""What figures were taken on: processor, versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["Machine", "machine"]

_VECTORS = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON"), ("sse2", "SSE2"))
_OURS = ("zqcnn-xp", "numpy", "jax", "llvmlite")


@dataclass(frozen=True)
class Machine:
    """A machine and what is installed on it.

    Parameters
    ----------
    processor
        Its name, or "" where the system tells none.
    architecture
        Such as ``x86_64``.
    vectors
        Widest vector instructions known here, or "".
    processors
        How many this process may use.
    python
        Version.
    packages
        Version by package, of those that are installed.
    """

    processor: str
    architecture: str
    vectors: str
    processors: int
    python: str
    packages: dict[str, str]

    def __str__(self) -> str:
        """One line for a table's head."""
        name = self.processor or "unknown processor"
        parts = ", ".join(filter(None, (self.architecture, self.vectors)))
        packages = ", ".join(f"{package} {number}" for package, number in self.packages.items())
        return f"{name} ({parts}), Python {self.python}, {packages}"


def machine(packages: Sequence[str] = ()) -> Machine:
    """Describe this machine.

    Parameters
    ----------
    packages
        Whose versions matter beside our own.

    Examples
    --------
    >>> "numpy" in machine().packages
    True
    """
    lines = _cpuinfo()
    flags = set((lines.get("flags") or lines.get("Features") or "").split())
    found = {}
    for name in dict.fromkeys((*_OURS, *packages)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return Machine(
        processor=lines.get("model name", platform.processor()),
        architecture=platform.machine(),
        vectors=next((words for flag, words in _VECTORS if flag in flags), ""),
        processors=count,
        python=platform.python_version(),
        packages=found,
    )


def _cpuinfo(file: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Return the entries of the first processor."""
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
