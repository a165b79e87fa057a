"""Which network made the features of a store, so that no other's are compared with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.networks import files_of
from zqcnn_xp.errors import StoreError

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.embedding import Embedder

__all__ = ["ORIGIN_FILE", "Origin"]

ORIGIN_FILE = "origin.json"
"""Beside the files of a store."""

_VERSION = 1
_MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class Origin:
    """What features were made with.

    Parameters
    ----------
    model
        Name of the model card, or path of the network's file.
    weights
        Path of the weight file, for formats that have one; else empty.
    sha256
        Of the network's files, in this order.
    recipe
        How the network was fed, as `Recipe.to_dict` gives it.
    compat
        Whose rules its files were read by, as `zqcnn_xp.load` takes it; empty for none.

    Examples
    --------
    >>> Origin("mobilefacenet", recipe={"flip": "none"}).sha256
    ()
    """

    model: str
    weights: str = ""
    sha256: tuple[str, ...] = ()
    recipe: dict[str, Any] = field(default_factory=dict)
    compat: str = ""

    @classmethod
    def of(
        cls, embedder: Embedder, model: str, weights: str | None = None, *, compat: str = ""
    ) -> Origin:
        """Describe an embedder.

        Parameters
        ----------
        embedder
            The embedder.
        model, weights
            What it was made from: a card's name, or paths of files, which are read for their
            checksums.
        compat
            As it was given to the embedder.

        Raises
        ------
        OSError
            If a file cannot be read.
        """
        recipe = embedder.recipe.to_dict()
        card = embedder.card
        known = card is not None and bool(card.files)
        if card is not None and known and weights is None and model == card.name:
            return cls(model, "", tuple(file.sha256 for file in card.files), recipe, compat)
        # Absolute: a gallery is used from other folders than the one where it was made.
        given = [Path(path) for path in (model, weights) if path]
        paths = [str(path.resolve()) if path.exists() else str(path) for path in given]
        if card is not None and known:
            sums = tuple(file.sha256 for file in card.files)
        else:
            sums = tuple(_sum(path) for path in files_of(model, weights))
        return cls(paths[0], paths[1] if weights else "", sums, recipe, compat)

    def differences(self, other: Origin) -> list[str]:
        """Say in words what makes the features of two origins incomparable; empty if nothing.

        Examples
        --------
        >>> one = Origin("a", sha256=("12" * 32,), recipe={"color": "rgb", "flip": "none"})
        >>> two = Origin("b", sha256=("12" * 32,), recipe={"color": "bgr", "flip": "none"})
        >>> one.differences(two)
        ["color 'rgb' and 'bgr'"]
        """
        found = []
        if sorted(self.sha256) != sorted(other.sha256):
            found.append(
                f"files of {self.model} {_short(self)} and of {other.model} {_short(other)}"
            )
        if self.compat != other.compat:
            found.append(f"compat {self.compat!r} and {other.compat!r}")
        for name in {**self.recipe, **other.recipe}:
            if name == "normalise":  # what is stored has length 1 in any case
                continue
            one, two = self.recipe.get(name), other.recipe.get(name)
            if one != two:
                found.append(f"{name} {one!r} and {two!r}")
        return found

    def check(self, other: Origin, folder: Path) -> None:
        """Refuse features of another network.

        Raises
        ------
        StoreError
            Saying what differs.
        """
        if found := self.differences(other):
            raise StoreError(
                str(folder),
                "",
                f"features of {self.model}, and a model that differs ({'; '.join(found)})",
                "the same network and recipe for both",
            )

    def write(self, folder: Path) -> None:
        """Write it beside a store's files."""
        from zqcnn_xp.cli.files import writing

        document = {"version": _VERSION, **asdict(self)}
        with writing(folder / ORIGIN_FILE) as file:
            file.write(json.dumps(document, indent=2).encode("ascii"))

    @classmethod
    def read(cls, folder: Path) -> Origin | None:
        """Read what stands beside a store's files; None where nothing does.

        Raises
        ------
        StoreError
            If it is not as written.
        """
        path = folder / ORIGIN_FILE
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        try:
            if len(data) > _MAX_BYTES:
                raise ValueError("too long")
            document = json.loads(data)
            version = document.pop("version")
            if version != _VERSION:
                raise StoreError(str(path), "", f"version {version}", f"version {_VERSION}")
            document["sha256"] = tuple(document["sha256"])
            found = cls(**document)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if isinstance(error, StoreError):
                raise
            raise StoreError(str(path), "", f"what cannot be read ({error})", "JSON") from error
        for name, kind in (("model", str), ("weights", str), ("compat", str), ("recipe", dict)):
            if not isinstance(getattr(found, name), kind):
                raise StoreError(str(path), name, f"{getattr(found, name)!r}", f"a {kind.__name__}")
        if not all(isinstance(text, str) for text in found.sha256):
            raise StoreError(str(path), "sha256", f"{found.sha256!r}"[:80], "texts")
        return found


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _short(origin: Origin) -> str:
    return f"({', '.join(_prefixes(origin.sha256)) or 'no checksum'})"


def _prefixes(sums: Sequence[str]) -> list[str]:
    return [text[:8] for text in sums]
