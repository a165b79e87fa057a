"""One batch of crops through the network, the mirrored ones with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.buckets import round_up
from zqcnn_xp.pipelines.embedding.recipe import Recipe
from zqcnn_xp.session import Session

__all__ = ["embed_batch", "unit_rows"]

Float32 = NDArray[np.float32]


def embed_batch(session: Session, recipe: Recipe, crops: NDArray[np.uint8]) -> Float32:
    """Embed a batch of crops by a recipe's flip rule; nothing is scaled to length 1.

    Parameters
    ----------
    session
        The network.
    recipe
        How it is fed.
    crops
        (n, height, width, 3) uint8 RGB of the recipe's size, n >= 1.

    Returns
    -------
    NDArray[float32]
        (n, dim).
    """
    n = crops.shape[0]
    used = count = 2 * n if recipe.flip != "none" else n
    if session.backend.jits:
        # Powers of two: few programs, whatever number of faces an image has.
        count = round_up(count, per_octave=1)
    channels, height, width = recipe.shape
    # Storage layout, so that the session's view of it needs no copy.
    stored = np.empty((count, height, width, channels), np.float32)
    recipe.prepare(crops, stored[:n])
    if used > n:
        columns = 1 if recipe.transposed else 2
        stored[n:used] = np.flip(stored[:n], columns)
    stored[used:] = 0
    outputs = (recipe.output,) if recipe.output else None
    (found,) = session(stored.transpose(0, 3, 1, 2), outputs).values()
    rows: Float32 = np.asarray(found, np.float32).reshape(count, -1)
    if recipe.flip == "sum":
        return rows[:n] + rows[n:used]
    if recipe.flip == "concatenate":
        return np.concatenate([rows[:n], rows[n:used]], axis=1)
    return rows[:n]


def unit_rows(rows: Float32) -> Float32:
    """Scale rows to length 1; a row of zeros stays one.

    Examples
    --------
    >>> unit_rows(np.float32([[3, 4], [0, 0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    length[length == 0] = 1
    unit: Float32 = (rows / length[:, None]).astype(np.float32)
    return unit
