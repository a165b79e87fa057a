"""Other libraries behind the same call: faiss and usearch, each exact and approximate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.extras import needed
from zqcnn_xp.gallery.picked import refuse_infinite
from zqcnn_xp.gallery.rows import Rows, decoded
from zqcnn_xp.threads import thread_count

__all__ = ["ENGINES", "EXACT", "build_index", "search_index"]

ENGINES = ("faiss", "faiss-sq8", "usearch", "usearch-hnsw")
EXACT = ("faiss", "usearch")
"""Those that compare all rows, in float32; rounding is theirs."""
# Rows that are decoded at a time while an index is built.
_BLOCK = 1 << 16


def search_index(
    engine: str,
    queries: NDArray[np.float32],
    rows: Rows,
    k: int | None,
    least: float,
    threads: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Search the rows once by another library; an index is built for that where it needs one.

    To search often, keep what `build_index` returns.

    Parameters
    ----------
    engine
        ``"faiss"``, ``"usearch"``: all scores, in float32. ``"faiss-sq8"``: approximate, as the
        index keeps 8 bits a value and scores what it keeps. ``"usearch-hnsw"``: approximate, a
        graph that may miss some of the best, and that takes long to build.
    queries
        (q, d) float32.
    rows
        (n, d).
    k
        How many of each query.
    least
        Scores below it are left out.
    threads
        CPU threads; None takes the setting in force.

    Returns
    -------
    indices, scores
        (q, k) int64 and float32; -1 and -inf where there are fewer.

    Raises
    ------
    InputError
        If there is no such engine, ``k`` is None, or a feature is not finite.
    PackageMissing
        If the library is not installed.
    """
    if engine not in ENGINES:
        msg = f"found engine {engine!r}, expected 'exact' or one of {', '.join(ENGINES)}"
        raise InputError(msg)
    if k is None:
        msg = f"found no k, which engine {engine!r} needs; 'exact' returns all above a threshold"
        raise InputError(msg)
    indices = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    some = min(k, rows.shape[0])
    if not some or not len(queries):
        return indices, scores
    count = thread_count(threads)
    if engine == "usearch":
        package = needed("usearch.index", extra="search", purpose="searching with usearch")
        whole = _finite(rows, 0, rows.shape[0])
        matches = package.search(whole, queries, some, "ip", exact=True, threads=count)
        found, values = _matches(matches, len(queries), some)
    else:
        index = build_index(engine, rows, threads=count)
        if engine == "usearch-hnsw":
            matches = index.search(queries, some, threads=count)
            found, values = _matches(matches, len(queries), some)
        else:
            found, values = _ask_faiss(index, queries, some, count)
    keep = (found >= 0) & (values >= least)
    indices[:, :some] = np.where(keep, found, -1)
    scores[:, :some] = np.where(keep, values, -np.inf)
    return indices, scores


def build_index(engine: str, rows: Rows, *, threads: int | None = None) -> Any:
    """Return an index of a library, filled with decoded rows.

    Parameters
    ----------
    engine
        ``"faiss"``, ``"faiss-sq8"`` or ``"usearch-hnsw"``.
    rows
        (n, d).
    threads
        CPU threads; None takes the setting in force.

    Raises
    ------
    PackageMissing
        If the library is not installed.
    """
    (n, d), count = rows.shape, thread_count(threads)
    if engine == "usearch-hnsw":
        package = needed("usearch.index", extra="search", purpose="searching with usearch")
        index = package.Index(ndim=d, metric="ip", dtype="f32")
        for start in range(0, n, _BLOCK):
            stop = min(start + _BLOCK, n)
            index.add(np.arange(start, stop), _finite(rows, start, stop), threads=count)
        return index
    faiss = needed("faiss", extra="search", purpose="searching with faiss")
    if engine == "faiss":
        index = faiss.IndexFlatIP(d)
    else:
        kind = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexScalarQuantizer(d, kind, faiss.METRIC_INNER_PRODUCT)
        # The range of each value; a sample would cut off what lies outside of its own.
        index.train(_finite(rows, 0, n))
    for start in range(0, n, _BLOCK):
        index.add(_finite(rows, start, min(start + _BLOCK, n)))
    return index


def _finite(rows: Rows, start: int, stop: int) -> NDArray[np.float32]:
    """Return decoded rows, none of them infinite or no number: libraries leave those out."""
    found = np.ascontiguousarray(decoded(rows, start, stop))
    refuse_infinite(found, np.arange(start, stop))
    return found


def _ask_faiss(
    index: Any, queries: NDArray[np.float32], k: int, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    faiss = needed("faiss", extra="search", purpose="searching with faiss")
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        values, found = index.search(queries, k)
    finally:
        faiss.omp_set_num_threads(before)
    return found, values


def _matches(matches: Any, queries: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    # One query comes back without its axis. A distance is 1 - product; those there are counted.
    keys = np.asarray(matches.keys).reshape(queries, -1).astype(np.int64)
    values = (1 - np.asarray(matches.distances)).reshape(keys.shape).astype(np.float32)
    counts = np.asarray(getattr(matches, "counts", keys.shape[1])).reshape(-1, 1)
    found = np.full((queries, k), -1, np.int64)
    scores = np.full((queries, k), -np.inf, np.float32)
    there = np.arange(keys.shape[1]) < counts
    found[:, : keys.shape[1]] = np.where(there, keys, -1)
    scores[:, : keys.shape[1]] = np.where(there, values, -np.inf)
    return found, scores
