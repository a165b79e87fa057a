"""Winograd's convolution F(2x2, 3x3): 16 products of matrices instead of 36 for dense 3x3 kernels.

Lavin and Gray 2015. XLA's own convolution on a CPU takes each window as it is. The transforms
here are sums and differences alone, so the results round like those of a plain convolution; larger
tiles save more products, but XLA compiles their transforms into loops that spill.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zqcnn_xp.ops.base import Array, Weights
from zqcnn_xp.ops.conv2d import Conv2D

__all__ = ["WINOGRAD", "pays", "transform_kernel", "winograd"]

WINOGRAD = "winograd"
# Half of the results of an axis from sums and differences of four values and three weights.
_KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


def pays(op: Conv2D, channels: int) -> bool:
    """Tell whether this is quicker than `lax` for so many input channels; measured on a CPU."""
    plain = op.kernel == (3, 3) and op.stride == op.dilation == (1, 1) and op.groups == 1
    return plain and channels >= 16 and op.out_channels >= 32


def transform_kernel(weights: Weights) -> dict[str, Any]:
    """Replace ``weight`` (3, 3, C, O) by its transform ``winograd`` (16, C, O)."""
    kernel = np.asarray(weights["weight"], np.float64)
    c, o = kernel.shape[2:]
    made = np.kron(_KERNEL, _KERNEL) @ kernel.reshape(9, c * o)
    rest = {name: w for name, w in weights.items() if name != "weight"}
    return {WINOGRAD: made.astype(np.float32).reshape(16, c, o), **rest}


def winograd(op: Conv2D, pads: tuple[int, int, int, int], x: Array, kernel: Array) -> Array:
    """Convolve a stored map with a transformed kernel."""
    import jax.numpy as jnp
    from jax import lax

    n, h, w, c = x.shape
    _, o, ho, wo = op.infer((n, c, h, w))[0]
    top, _, left, _ = pads
    rows, columns = -(-ho // 2), -(-wo // 2)
    # A border that completes the last tiles, or cuts off what no tile reads.
    below, beside = 2 * rows + 2 - h - top, 2 * columns + 2 - w - left
    x = lax.pad(
        x, jnp.zeros((), x.dtype), ((0, 0, 0), (top, below, 0), (left, beside, 0), (0, 0, 0))
    )

    def cells(i: int, j: int) -> Array:
        end = (n, i + 2 * rows - 1, j + 2 * columns - 1, c)
        return lax.slice(x, (0, i, j, 0), end, (1, 2, 2, 1))

    # Without the barriers XLA computes each transform again for all that read it.
    down = lax.optimization_barrier([_before(*(cells(i, j) for i in range(4))) for j in range(4)])
    both = [_before(*(down[j][i] for j in range(4))) for i in range(4)]
    tiles = jnp.stack([jnp.reshape(t, (n * rows * columns, c)) for row in both for t in row])
    sums = lax.optimization_barrier(jnp.matmul(lax.optimization_barrier(tiles), kernel))
    up = lax.optimization_barrier([_after(*(sums[4 * i + j] for i in range(4))) for j in range(4)])
    results = [jnp.stack(_after(*(up[j][i] for j in range(4)))) for i in range(2)]
    y = jnp.reshape(jnp.stack(results), (2, 2, n, rows, columns, o))
    y = jnp.reshape(jnp.transpose(y, (2, 3, 0, 4, 1, 5)), (n, 2 * rows, 2 * columns, o))
    return y[:, :ho, :wo, :]


def _before(a: Array, b: Array, c: Array, d: Array) -> list[Array]:
    return [a - c, b + c, c - b, b - d]


def _after(a: Array, b: Array, c: Array, d: Array) -> list[Array]:
    return [a + b + c, b - c - d]
