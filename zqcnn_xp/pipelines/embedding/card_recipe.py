"""The recipe that a model card holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.embedding.recipe import Recipe

if TYPE_CHECKING:
    from zqcnn_xp_models import Card

__all__ = ["recipe_of"]


def recipe_of(card: Card) -> Recipe:
    """Return the recipe of a model card.

    Raises
    ------
    InputError
        The model is none that embeds faces.

    Examples
    --------
    >>> from zqcnn_xp_models import load_card
    >>> recipe_of(load_card("mobilefacenet-zqcnn-v1")).color
    'bgr'
    """
    table: Mapping[str, Any] = card.preprocessing
    if card.task != "face recognition":
        raise InputError(f"found model {card.name!r} for {card.task}, expected one that embeds")
    width, height = table["size"]
    return Recipe(
        template=table["alignment"],
        size=(height, width),
        color=table["color"],
        mean=_from_table(table["mean"]),
        scale=_from_table(table["scale"]),
        output=next(iter(card.outputs)),
        flip=table.get("flip", "none"),
        transposed=table.get("transposed", False),
    )


def _from_table(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
