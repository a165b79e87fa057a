"""ZQCNN's first step of clustering: features that stand for those like them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.near_pairs import exact_scores
from zqcnn_xp.gallery.picked import PickedRows, gathered, refuse_infinite
from zqcnn_xp.gallery.rows import Features, as_rows
from zqcnn_xp.gallery.scan import Floor, scan

__all__ = ["find_masters"]

# Features at a time: 16 MB of scores among them.
_BLOCK = 2048


def find_masters(
    features: Features,
    conquer: float = 0.9,
    *,
    window: int | None = None,
    seed: int | None = None,
    **options: Any,
) -> NDArray[np.int64]:
    """Give each feature a master: the first feature that is similar enough and has none itself.

    Features are gone through in order. One that no master has conquered becomes a master, and
    conquers all later ones that are still free and similar enough.

    Parameters
    ----------
    features
        (n, d) rows or array, of length 1 each.
    conquer
        Similarity at which a master conquers.
    window
        A master reaches this many features ahead; None reaches all. ZQCNN has 10,000, for the faces
        of a video, where time is near.
    seed
        Go through the features in a random order, which this seed chooses; None keeps theirs.
    **options
        Passed to `scan`: backend, threads.

    Returns
    -------
    NDArray[int64]
        (n,) the row of each feature's master; a master's is its own.

    Raises
    ------
    InputError
        If a number is out of range, or a feature is not finite.

    Notes
    -----
    Memory: 24 bytes a feature, and blocks of 2,048.

    Examples
    --------
    >>> angles = np.radians([0, 20, 40, 25])
    >>> features = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    >>> find_masters(features, 0.9).tolist()
    [0, 0, 2, 0]
    """
    if not np.isfinite(conquer):
        raise InputError(f"conquer={conquer}: expected a finite number")
    if window is not None and window < 1:
        raise InputError(f"window={window}: expected at least 1, or None")
    rows = as_rows(features)
    count = rows.shape[0]
    reach = count if window is None else window
    order = np.arange(count) if seed is None else np.random.default_rng(seed).permutation(count)
    # Places in this order, from here on; a master's place is below those that it conquers.
    masters = np.empty(count, np.int64)
    found = 0
    master_of = np.empty(count, np.int64)
    limit, longest = Floor(conquer).value, 0.0
    for start in range(0, count, _BLOCK):
        block = gathered(rows, order[start : start + _BLOCK])
        refuse_infinite(block, order[start : start + _BLOCK])
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
        longest = max(longest, float(lengths.max()))
        # How far products in float32 may be off: those that near the limit are scored again, so
        # that all backends find the same masters.
        off = 4 * (block.shape[1] + 2) * 2.0**-24 * float(lengths.max()) * longest
        places = np.arange(start, start + len(block))
        lowest = np.full(len(block), count)
        near = int(np.searchsorted(masters[:found], start - reach))
        if near < found:
            known = masters[near:found]
            some = PickedRows(rows, order[known])
            for hits in scan(block, some, Floor(conquer - off), **options):
                at = known[hits.row]
                counts = places[hits.query] - at <= reach
                unsure = np.flatnonzero(counts & (hits.score <= limit + off))
                for part in np.array_split(unsure, len(unsure) // _BLOCK + 1):
                    masters_of = gathered(rows, order[at[part]])
                    exact = exact_scores(block, masters_of, hits.query[part], np.arange(len(part)))
                    counts[part] = exact >= limit
                np.minimum.at(lowest, hits.query[counts], at[counts])
        free = lowest == count
        lowest[free] = places[free]
        scores = block @ block.T
        similar = scores >= limit
        one, other = np.nonzero(np.abs(scores - limit) <= off)
        similar[one, other] = exact_scores(block, block, one, other) >= limit
        similar = np.triu(similar, 1)
        if reach < len(block):
            similar &= ~np.triu(np.ones_like(similar), reach + 1)
        for place in np.flatnonzero(free):
            if free[place]:  # nobody before it in this block has conquered it
                taken = similar[place] & free
                lowest[taken] = start + place
                free[taken] = False
        fresh = places[free]
        masters[found : found + len(fresh)] = fresh
        found += len(fresh)
        master_of[places] = lowest
    result = np.empty(count, np.int64)
    result[order] = order[master_of]
    return result
