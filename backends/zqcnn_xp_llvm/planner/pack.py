"""Weights in the order in which kernels read them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["block_vectors", "conv_weights", "dense_matrix", "row_weights"]

Array = np.ndarray[Any, Any]


def _padded(x: Array, size: int) -> Array:
    """Add zeros behind the last axis."""
    rest = size - x.shape[-1]
    return np.concatenate([x, np.zeros((*x.shape[:-1], rest), x.dtype)], -1) if rest else x


def block_vectors(
    x: Array, first: int, groups: int, vectors: int, lanes: int, *, pair: bool = False
) -> Array:
    """Cut the last axis, channels, into (groups, vectors, lanes), from block ``first`` on.

    Parameters
    ----------
    x
        (..., O) with all output channels.
    pair
        The first half of a group's vectors comes from the first half of the channels, the
        second from the second.

    Returns
    -------
    ndarray
        (groups, ..., vectors, lanes).
    """
    halves = np.split(x, 2, axis=-1) if pair else [x]
    each = vectors // len(halves)
    parts = []
    for half in halves:
        blocks = -(-half.shape[-1] // lanes)
        cut = _padded(half, blocks * lanes)[..., first * lanes : (first + groups * each) * lanes]
        parts.append(cut.reshape(*x.shape[:-1], groups, each, lanes))
    return np.moveaxis(np.concatenate(parts, axis=-2), -3, 0)


def conv_weights(
    w: Array, block: int, first: int, groups: int, vectors: int, lanes: int, *, pair: bool
) -> Array:
    """Order a kernel (kH, kW, C, O) for `ConvBlocks`; a last block of channels may be shorter."""
    cut = block_vectors(w, first, groups, vectors, lanes, pair=pair)  # (G, kH, kW, C, v, l)
    kh, kw, c = w.shape[:3]
    full = c - c % block
    head = cut[:, :, :, :full].reshape(groups, kh, kw, full // block, block, vectors, lanes)
    head = head.transpose(0, 3, 1, 2, 4, 5, 6).reshape(groups, -1)
    return np.concatenate([head, cut[:, :, :, full:].reshape(groups, -1)], axis=1)


def row_weights(w: Array, first: int, groups: int, outputs: int) -> Array:
    """Order a kernel (kH, kW, C, O) for `ConvRows`: (group, C, kH, kW, channel of the group)."""
    cut = w[..., first : first + groups * outputs]
    return cut.reshape(*w.shape[:3], groups, outputs).transpose(3, 2, 0, 1, 4)


def dense_matrix(w: Array, lanes: int, *, blocks: bool) -> Array:
    """Return a product's matrix (F, O) whose rows follow the memory of its input.

    Parameters
    ----------
    w
        (H, W, C, O), or (F, O).
    lanes
        Channels of a block.
    blocks
        The input lies in blocks, without a border; otherwise in logical order.
    """
    if w.ndim == 2:
        return w
    h, width, c, o = w.shape
    if not blocks:
        return w.transpose(2, 0, 1, 3).reshape(-1, o)
    cut = w.reshape(h, width, c // lanes, lanes, o)
    return cut.transpose(0, 2, 1, 3, 4).reshape(-1, o)
