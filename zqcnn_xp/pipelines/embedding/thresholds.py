"""From which similarity on two embeddings are one person: the points that a model card names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.embedding.card_recipe import recipe_of
from zqcnn_xp.pipelines.embedding.embedder import Embedder

if TYPE_CHECKING:
    from zqcnn_xp_models.card import OperatingPoint

__all__ = ["FAR", "find_point", "points_of"]

FAR = 1e-3
"""False-accept rate that is taken where none is asked for."""


def points_of(embedder: Embedder) -> tuple[OperatingPoint, ...]:
    """Return the operating points that hold for an embedder: its card's, at its flip rule.

    None hold where the network is fed otherwise than its card says: they were measured so.
    """
    card = embedder.card
    if card is None:
        return ()
    flip = embedder.recipe.flip
    as_measured = recipe_of(card).changed(flip=flip, normalise=embedder.recipe.normalise)
    if embedder.recipe != as_measured:
        return ()
    return tuple(point for point in card.operating_points if point.flip == flip)


def find_point(embedder: Embedder, far: float | None = None) -> OperatingPoint | None:
    """Return the operating point at a false-accept rate, or None where the model has none at all.

    Parameters
    ----------
    embedder
        Whose embeddings are compared.
    far
        Share of the pairs of different people that may be accepted. None takes the threshold that
        the network's authors publish (without a rate), else the one at 1e-3.

    Raises
    ------
    InputError
        There is no point at this rate, but there are others: names them.

    Examples
    --------
    >>> from zqcnn_xp_models import sphereface
    >>> plain = Embedder(sphereface.build(), color="bgr", mean=0, scale=1, backend="numpy")
    >>> find_point(plain) is None
    True
    """
    points = points_of(embedder)
    if not points:
        return None
    if far is None:
        published = [point for point in points if point.far is None]
        usual = [point for point in points if point.far == FAR]
        return (published or usual or list(points))[0]
    for point in points:
        if point.far is not None and abs(point.far - far) <= 1e-9:
            return point
    known = ", ".join("unstated" if p.far is None else f"{p.far:g}" for p in points)
    raise InputError(
        f"far={far:g}: {embedder.name} has no threshold at this false-accept rate (known: "
        f"{known}); give threshold="
    )
