"""Queries as kernels for bytes read them: rounded to integers, laid out by lane or by place."""

from __future__ import annotations

from typing import Any

import numpy as np

from zqcnn_xp_llvm.kernels.scan_bytes import PARTS
from zqcnn_xp_llvm.kernels.scan_few import few_bytes, few_starts

__all__ = ["laid_by_place", "pack_bytes", "pack_lanes", "pack_places", "round_queries"]

Host = np.ndarray[Any, Any]

# A query's largest value as an integer: both its bytes stay within theirs.
_LARGEST = 127 * 256


def round_queries(queries: Host, dot: str) -> tuple[Host, Host]:
    """Return (q, d) integers of 16 bits, and (q,) the step of each query, float64.

    Of long features, sums of 16-bit products (``"pmaddwd"``) have room for fewer bits.

    Examples
    --------
    >>> whole, steps = round_queries(np.array([[1.0, -0.5]], np.float32), "vpdpbusd")
    >>> whole, (whole * steps[:, None]).round(3)
    (array([[ 32512, -16256]]), array([[ 1. , -0.5]]))
    """
    largest = _LARGEST
    if dot == "pmaddwd":
        largest = min(largest, (2**31 - 1) // (128 * queries.shape[1]))
    exact = queries.astype(np.float64)
    steps = np.abs(exact).max(axis=1, initial=0.0) / largest
    steps = np.where(steps > 0, steps, 1.0)
    whole = np.rint(exact / steps[:, None]).clip(-largest, largest).astype(np.int64)
    return whole, steps


def pack_lanes(whole: Host, dot: str, groups: int, vectors: int, lanes: int) -> Host:
    """Lay queries for `zqcnn_xp_llvm.kernels.scan_bytes.ScanBytes`, where a lane is a query.

    Returns
    -------
    array
        (groups, 1 + steps, vectors, 2, lanes) int32: what sums start with, then steps.
    """
    count, dim = whole.shape
    full = np.zeros((groups * vectors * lanes, -(-dim // 4) * 4), np.int64)
    full[:count, :dim] = whole
    if dot == "pmaddwd":
        fours = full.astype(np.int16).reshape(groups, vectors, lanes, -1, 2, 2)
        # (group, vector, lane, step, pair, half) -> (group, step, vector, half, lane, pair)
        laid = np.ascontiguousarray(fours.transpose(0, 3, 1, 5, 2, 4))
    else:
        parts = _parts(full).astype(np.int8).reshape(groups, vectors, lanes, PARTS, -1, 4)
        # (group, vector, lane, part, step, byte) -> (group, step, vector, part, lane, byte)
        laid = np.ascontiguousarray(parts.transpose(0, 4, 1, 3, 2, 5))
    words = laid.view(np.int32)[..., 0]
    start = _start(_parts(full), dot).reshape(groups, vectors, lanes, PARTS).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(np.concatenate([start[:, None].astype(np.int32), words], axis=1))


def pack_bytes(stored: Host, dot: str, groups: int, vectors: int, lanes: int) -> Host:
    """Lay (q, d) int8 queries for a `zqcnn_xp_llvm.kernels.scan_bytes.ScanBytes` of one part.

    Returns
    -------
    array
        (groups, 1 + steps, vectors, 1, lanes) int32, as of `pack_lanes`.
    """
    if dot == "pmaddwd":
        return pack_lanes(stored, dot, groups, vectors, lanes)
    count, dim = stored.shape
    full = np.zeros((groups * vectors * lanes, -(-dim // 4) * 4), np.int8)
    full[:count, :dim] = stored
    fours = full.view(np.int32).reshape(groups, vectors, lanes, -1)
    # (group, vector, lane, step) -> (group, step, vector, lane)
    words = fours.transpose(0, 3, 1, 2)[:, :, :, None]
    times = -128 if dot == "vpdpbusd" else 0
    start = times * full.sum(axis=1, dtype=np.int32).reshape(groups, 1, vectors, 1, lanes)
    return np.ascontiguousarray(np.concatenate([start, words], axis=1))


def pack_places(whole: Host, dot: str, vector_bytes: int) -> Host:
    """Lay queries for `zqcnn_xp_llvm.kernels.scan_few.ScanFewBytes`, where a lane is a place.

    Returns
    -------
    array
        Bytes: vectors of each query, and an int32 each that is added to its sums.
    """
    wide = few_bytes(vector_bytes, dot)
    laid = laid_by_place(whole[:, None] if dot == "pmaddwd" else _parts(whole), wide)
    start = _start(_parts(whole), dot)
    # Modulo 2 ** 32, as the sums themselves.
    both = ((start[:, 0] << 8) + start[:, 1]).astype(np.int32)
    kind = np.int16 if dot == "pmaddwd" else np.int8
    return np.concatenate([laid.astype(kind).reshape(-1).view(np.int8), both.view(np.int8)])


def laid_by_place(parts: Host, wide: int) -> Host:
    """Return (q, parts, d) as (q, parts, vectors, wide): what the last vector repeats is 0."""
    starts = few_starts(parts.shape[2], wide)
    laid = np.stack([parts[..., at : at + wide] for at in starts], axis=2)
    if len(starts) > 1:
        laid[:, :, -1, : starts[-2] + wide - starts[-1]] = 0
    return np.ascontiguousarray(laid)


def _parts(whole: Host) -> Host:
    """Return (q, 2, d) high and low bytes, both signed."""
    high = (whole + 128) >> 8
    return np.stack([high, whole - (high << 8)], axis=1)


def _start(parts: Host, dot: str) -> Host:
    """Return what sums start with, to make up for features that are taken as 128 more."""
    times = -128 if dot == "vpdpbusd" else 0
    found: Host = times * parts.sum(axis=2)
    return found
