"""Winograd's convolution F(m x m, 3 x 3): fewer multiplications for dense 3x3 kernels.

Lavin and Gray 2015. A tile of (m+2) x (m+2) cells gives m x m results with (m+2)^2 products of
matrices instead of 9 m^2. The transforms are sums of tiles weighted with constants; here they are
matrix products, too, which NumPy does at the speed of BLAS.

The points at which the polynomials are evaluated decide the error. With 0, ±1/√2, ±√2 and
infinity F(4x4) stays within some 3e-6 of the largest value at 256 channels, against 1e-5 with the
usual 0, ±1, ±2, and 5e-7 of a direct convolution; F(2x2) is as exact as a direct one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from zqcnn_xp.ops.base import Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_numpy.epilogue import finish
from zqcnn_xp_numpy.pointwise import MATRIX
from zqcnn_xp_numpy.tape import Pads, Rows, Stage, Tape, blocks

__all__ = ["Prepared", "tile_size", "transforms", "winograd_pads", "winograd_stage"]

_ROOT = 2**0.5
_POINTS = {2: (0.0, 1.0, -1.0), 4: (0.0, 1 / _ROOT, -1 / _ROOT, _ROOT, -_ROOT)}
# Floats of one block of transformed tiles, before and after the products: they share L2. Where the
# kernel is larger than that, a block is as large: each block reads the whole kernel.
BLOCK = 1 << 17
# Rates of the cost rule, measured on one core: multiply-adds and copied floats in a nanosecond,
# floats of kernels that BLAS packs, and nanoseconds for the calls of one block.
PRODUCTS, COPIES, WEIGHTS, CALLS = 45.0, 6.0, 3.0, 1.0e4


class Prepared(dict[str, Any]):
    """Weights of a convolution; the forms that only some shapes want are made when asked for."""

    def winograd(self, m: int) -> Rows:
        """Return the transformed kernel ((m+2)^2, C, O)."""
        name = f"winograd {m}"
        if name not in self:
            self[name] = transformed(self[MATRIX], m)
        found: Rows = self[name]
        return found


@lru_cache
def transforms(m: int) -> tuple[Any, Any, Any]:
    """Return the matrices ``A^T`` (m, m+2), ``G`` (m+2, 3) and ``B^T`` (m+2, m+2), in float64.

    ``A^T ((G g) * (B^T d))`` is the correlation of ``d`` (m+2) with ``g`` (3): polynomials are
    multiplied by their values at m+1 points and at infinity, and the algorithm is transposed.

    Examples
    --------
    >>> a, g, b = transforms(4)
    >>> d, w = np.arange(6.0) ** 2, np.array([1.0, 2.0, 3.0])
    >>> np.allclose(a @ ((g @ w) * (b @ d)), np.correlate(d, w))
    True
    """
    points = np.array(_POINTS[m])

    def values(count: int) -> Any:
        powers = points[:, None] ** np.arange(count)
        return np.vstack([powers, np.eye(count)[-1:]])

    return values(m).T, values(3), np.linalg.inv(values(m + 2)).T


def transformed(matrix: Rows, m: int) -> Rows:
    """Transform a kernel that is flattened to (9 C, O), perhaps with a row of biases."""
    _, g, _ = transforms(m)
    kernel = matrix[: len(matrix) // 9 * 9].reshape(3, 3, -1, matrix.shape[1])
    c, o = kernel.shape[2:]
    flat = kernel.reshape(9, c * o).astype(np.float64)
    return (np.kron(g, g) @ flat).astype(np.float32).reshape((m + 2) ** 2, c, o)


def tile_size(op: Conv2D, shape: Shape) -> int:
    """Return 2 or 4 where F(m x m) is estimated quicker than windows, 0 elsewhere."""
    n, c, _, _ = shape
    fits = op.kernel == (3, 3) and op.stride == op.dilation == (1, 1) and op.groups == 1
    if not fits or c < 16:
        return 0
    o = op.out_channels
    _, _, ho, wo = op.infer(shape)[0]
    direct = n * ho * wo * 9 * c * (o / PRODUCTS + 1 / COPIES) + 9 * c * o / WEIGHTS
    found, least = 0, 0.95 * direct
    for m in _POINTS:
        a = (m + 2) ** 2
        tiles = n * -(-ho // m) * -(-wo // m)
        products = tiles * (a * a * c + a * c * o + m * m * a * o) / PRODUCTS
        copies = tiles * (a * c + m * m * o) / COPIES + a * c * o / WEIGHTS
        count = -(-tiles * a * (c + o) // max(BLOCK, a * c * o))
        cost = products + copies + count * CALLS
        if cost < least:
            found, least = m, cost
    return found


def winograd_pads(op: Conv2D, shape: Shape) -> Pads:
    """Return the border that `winograd_stage` reads, which completes the last tiles."""
    m = tile_size(op, shape)
    _, _, h, width = shape
    top, bottom, left, right = op.padding(h, width)
    _, _, ho, wo = op.infer(shape)[0]
    return top, bottom + -ho % m, left, right + -wo % m


def winograd_stage(op: Conv2D, shape: Shape) -> Stage:
    """Return the stage of a 3x3 convolution at a shape for which there is a `tile_size`."""
    m = tile_size(op, shape)
    a = m + 2
    n, c, _, _ = shape
    _, o, ho, wo = op.infer(shape)[0]
    down, across = -(-ho // m), -(-wo // m)
    pads = winograd_pads(op, shape)
    after, _, before = transforms(m)
    inner = np.kron(before, before).astype(np.float32)
    outer = np.kron(after, after).astype(np.float32)
    most = max(BLOCK, a * a * c * o)

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        kernel = w.winograd(m) if isinstance(w, Prepared) else transformed(w[MATRIX], m)
        x = tape.bordered(xs[0], pads)
        s0, s1, s2, s3 = x.strides
        tiles = as_strided(
            x, (a, a, n, down, across, c), (s1, s2, s0, s1 * m, s2 * m, s3), writeable=False
        )
        target = outs[0].reshape(n, ho, wo * o)
        for samples, rows in blocks(n, down, across * a * a * (c + o), most):
            some = tiles[:, :, samples, rows]
            count = some.shape[2] * some.shape[3] * across
            gathered = tape.scratch("tiles", some.shape)
            tape.add(np.copyto, gathered, some)
            left = tape.scratch("transformed", (a * a, count * c))
            tape.add(np.matmul, inner, gathered.reshape(a * a, -1), out=left)
            # The tiles are not needed any more, so the products may have their place.
            products = tape.scratch("tiles" if c >= o else "multiplied", (a * a, count, o))
            tape.add(np.matmul, left.reshape(a * a, count, c), kernel, out=products)
            results = tape.scratch("results", (m, m, *some.shape[2:5], o))
            flat = products.reshape(a * a, -1), results.reshape(m * m, -1)
            tape.add(np.matmul, outer, flat[0], out=flat[1])
            block = tape.scratch("products", (*some.shape[2:4], m, across, m, o))
            sorted_ = results.transpose(2, 3, 0, 4, 1, 5)
            if op.bias:
                tape.add(np.add, sorted_, w["bias"], out=block)
            else:
                tape.add(np.copyto, block, sorted_)
            lines = slice(rows.start * m, min(rows.stop * m, ho))
            part = target[samples, lines]
            block = block.reshape(some.shape[2], -1, across * m * o)[:, : part.shape[1]]
            finish(tape, None, op.activation, w, block, part)

    return stage
