"""From which similarity on two embeddings are one person: the points that a model card names."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.embedding.card_recipe import recipe_of
from zqcnn_xp.pipelines.embedding.embedder import Embedder

if TYPE_CHECKING:
    from zqcnn_xp_models.card import OperatingPoint

__all__ = ["FAR", "PUBLISHED", "find_point", "points_of"]

FAR = 1e-3
"""False-accept rate that is taken where none is asked for."""

PUBLISHED = "published"
"""What asks for the threshold of the network's authors, who may state no rate."""


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


def find_point(embedder: Embedder, far: float | str | None = None) -> OperatingPoint | None:
    """Return the operating point at a false-accept rate, or None where the model has none at all.

    Parameters
    ----------
    embedder
        Whose embeddings are compared.
    far
        Share of the pairs of different people that may be accepted. None takes the point measured
        at 1e-3, so that an answer comes with a rate; where there is none, what the network's
        authors publish without one. ``"published"`` takes that in any case.

    Raises
    ------
    InputError
        There is no point at this rate, but there are others: names them; or no rate at all.

    Examples
    --------
    >>> from zqcnn_xp_models import sphereface
    >>> plain = Embedder(sphereface.build(), color="bgr", mean=0, scale=1, backend="numpy")
    >>> find_point(plain) is None
    True
    """
    far = None if far is None else _rate(far)
    points = points_of(embedder)
    if not points:
        return None
    published = [point for point in points if point.far is None]
    if far is None:
        usual = [point for point in points if point.far == FAR]
        return (usual or published or list(points))[0]
    known = ", ".join(PUBLISHED if p.far is None else f"{p.far:g}" for p in points)
    if isinstance(far, str):
        if published:
            return published[0]
        raise InputError(
            f"far={far!r}: {embedder.name} has no published threshold (known: {known})"
        )
    for point in points:
        if point.far is not None and abs(point.far - far) <= 1e-9:
            return point
    raise InputError(
        f"far={far:g}: {embedder.name} has no threshold at this false-accept rate (known: "
        f"{known}); give threshold="
    )


def _rate(far: Any) -> float | str:
    """Return a rate as a number, or the word that stands for none."""
    if isinstance(far, str) and far == PUBLISHED:
        return far
    if isinstance(far, Real) and not isinstance(far, bool) and 0 <= float(far) <= 1:
        return float(far)
    raise InputError(f"far={far!r}: expected a share, 0 to 1, or {PUBLISHED!r}")
