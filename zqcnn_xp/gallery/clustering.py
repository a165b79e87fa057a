"""Clusters of features: which photos show one person, when nobody has said so.

Three rules, all exact and all in bounded memory: pairs come from a scan, block by block, and none
is kept. ``"components"`` joins every pair at the threshold, so that a chain of pairs is one
cluster. ``"density"`` (DBSCAN: Ester, Kriegel, Sander, Xu 1996) lets only features with enough
neighbours join others, which cuts such chains. ``"masters"`` is ZQCNN's two steps: features that
stand for those like them, as `find_masters` has it, and components of these.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.components import Components
from zqcnn_xp.gallery.floors import Floor
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.masters import find_masters
from zqcnn_xp.gallery.near_pairs import near_pairs
from zqcnn_xp.gallery.picked import PickedRows
from zqcnn_xp.gallery.pivots import find_pivots
from zqcnn_xp.gallery.rows import Features, Rows, as_rows

__all__ = ["Clusters", "cluster"]

Method = Literal["components", "density", "masters"]


class Clusters(NamedTuple):
    """Clusters, the largest first; of equal ones, the one whose first row is first.

    Attributes
    ----------
    labels
        (n,) int64 cluster of each feature.
    sizes
        (c,) int64.
    representatives
        (c,) int64 row of each cluster's pivot, as `find_pivots` has it.
    """

    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    representatives: NDArray[np.int64]


def cluster(
    features: Features,
    threshold: float,
    *,
    method: Method = "components",
    neighbours: int = 2,
    conquer: float = 0.9,
    window: int | None = None,
    seed: int | None = None,
    **scan: Any,
) -> Clusters:
    """Group features by similarity.

    Parameters
    ----------
    features
        (n, d) rows or array, of length 1 each.
    threshold
        Similarity at which two features belong together. For ``"masters"``, two masters.
    method
        ``"components"``, ``"density"`` or ``"masters"``.
    neighbours
        For ``"density"``: how many others must be at the threshold for a feature to join others.
        Those with fewer go to the most similar feature that has enough, or stay alone.
    conquer, window, seed
        For ``"masters"``, as `find_masters` has them.
    **scan
        Passed to the scans: backend, threads.

    Returns
    -------
    Clusters
        Every feature is in one; alone in its own, if need be.

    Raises
    ------
    InputError
        Another method, or a number out of range.

    Notes
    -----
    Memory: 60 to 190 bytes a feature, the more the more clusters there are, and the scan's blocks.
    Time: all n * (n - 1) / 2 pairs, twice for ``"density"``; ``"masters"`` compares with masters
    only, which are fewer.

    Examples
    --------
    >>> angles = np.radians([0, 100, 20, 40, 101])
    >>> features = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    >>> cluster(features, 0.9)
    Clusters(labels=array([0, 1, 0, 0, 1]), sizes=array([3, 2]), representatives=array([2, 1]))
    """
    if not np.isfinite(threshold):
        raise InputError(f"threshold={threshold}: expected a finite number")
    rows = as_rows(features)
    if method == "components":
        roots = _components(rows, threshold, scan)
    elif method == "density":
        if neighbours < 1:
            raise InputError(f"neighbours={neighbours}: expected at least 1")
        roots = _density(rows, threshold, neighbours, scan)
    elif method == "masters":
        master_of = find_masters(rows, conquer, window=window, seed=seed, **scan)
        masters = np.unique(master_of)
        of_masters = _components(PickedRows(rows, masters), threshold, scan)
        roots = masters[of_masters[np.searchsorted(masters, master_of)]]
    else:
        raise InputError(f"method={method!r}: expected 'components', 'density' or 'masters'")
    return _numbered(rows, roots)


def _components(rows: Rows, threshold: float, scan: dict[str, Any]) -> NDArray[np.int64]:
    """Join every pair at the threshold; return the first row of each row's cluster."""
    parts = Components(rows.shape[0])
    for hits in near_pairs(rows, Floor(threshold), **scan):
        parts.join(hits.query, hits.row)
    return parts.roots()


def _density(
    rows: Rows, threshold: float, neighbours: int, scan: dict[str, Any]
) -> NDArray[np.int64]:
    """Join pairs of features that have enough neighbours, then give those others theirs."""
    count = rows.shape[0]
    near = np.zeros(count, np.int64)
    for hits in near_pairs(rows, Floor(threshold), **scan):
        np.add.at(near, hits.query, 1)
        np.add.at(near, hits.row, 1)
    core = near >= neighbours
    parts = Components(count)
    best = np.full(count, -np.inf, np.float32)
    nearest = np.arange(count)
    for hits in near_pairs(rows, Floor(threshold), **scan):
        both = core[hits.query] & core[hits.row]
        parts.join(hits.query[both], hits.row[both])
        for one, other in ((hits.query, hits.row), (hits.row, hits.query)):
            edge = core[one] & ~core[other]
            _nearer(best, nearest, other[edge], one[edge], hits.score[edge])
    roots = parts.roots()
    return np.where(core, roots, roots[nearest])


def _nearer(
    best: NDArray[np.float32],
    nearest: NDArray[np.int64],
    who: NDArray[np.int64],
    core: NDArray[np.int64],
    score: NDArray[np.float32],
) -> None:
    """Remember for each of ``who`` the most similar core feature; of equal ones the first."""
    order = np.lexsort((core, -score, who))
    who, core, score = who[order], core[order], score[order]
    lead = np.append(True, np.diff(who) != 0)[: len(who)]
    who, core, score = who[lead], core[lead], score[lead]
    better = (score > best[who]) | ((score == best[who]) & (core < nearest[who]))
    best[who[better]], nearest[who[better]] = score[better], core[better]


def _numbered(rows: Rows, roots: NDArray[np.int64]) -> Clusters:
    """Give clusters numbers by size, and choose their representatives."""
    _, first, inverse, counts = np.unique(
        roots, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -counts))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    labels = rank[inverse]
    pivots = find_pivots(Labelled(rows, labels, [""] * len(order)))
    return Clusters(labels, counts[order], pivots.rows)
