"""The card of a network that is given as files: files of the same content are the same network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

from zqcnn_xp_models.card import WEIGHTS, Card, CardFile
from zqcnn_xp_models.cards import list_models

__all__ = ["find_card"]


def find_card(
    model: str | os.PathLike[str], weights: str | os.PathLike[str] | None = None
) -> Card | None:
    """Return the card whose network these files are, or None where no card knows them.

    Only files whose size is a card's are read.

    Parameters
    ----------
    model, weights
        Paths. Without ``weights``, of a network that has them apart, the file beside the model is
        meant.

    Examples
    --------
    >>> find_card("no/such/file.param") is None
    True
    """
    path = Path(model)
    for card in list_models():
        roles = {file.role: file for file in card.files}
        for network in card.networks:
            if not _is(path, roles[network]):
                continue
            apart = roles.get(network + WEIGHTS)
            if apart is None:
                return card if weights is None else None
            places = [Path(weights)] if weights is not None else _beside(path, apart)
            if any(_is(place, apart) for place in places):
                return card
    return None


def _is(path: Path, file: CardFile) -> bool:
    """Whether a file has the content that a card says."""
    try:
        if not path.is_file() or path.stat().st_size != file.size:
            return False
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest() == file.sha256
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False


def _beside(path: Path, file: CardFile) -> Iterator[Path]:
    """Name the places where a reader looks for the weights of a model."""
    yield path.with_suffix(Path(file.name).suffix)
    yield path.with_name(file.name)
