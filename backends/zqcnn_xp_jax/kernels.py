"""Kernels for the ops where XLA's own primitives are quicker than the reference.

Measured on one CPU core (medians): `lax` convolution without groups beats patches and a matrix
product, except for 1x1 kernels, where the product alone is quicker, for dense 3x3 kernels, where
Winograd's is (`zqcnn_xp_jax.winograd`), and for images, whose few shifted planes times weights
are summed in one loop in a third of the time; `lax` convolution with groups is an order of
magnitude slower than a sum of k*k shifted products for depthwise layers; small windows are
pooled several times quicker as maxima of shifted rows, then columns, than by a window reduction.
Precision is that of the surrounding `jax.default_matmul_precision`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import reduce
from math import prod
from typing import Any

from zqcnn_xp.backend import Kernel
from zqcnn_xp.ops.base import Array, Op, Shape, Weights
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.window import extent
from zqcnn_xp_jax.winograd import WINOGRAD, winograd

__all__ = ["kernel_for", "reads_often"]

_LAYOUT = ("NHWC", "HWIO", "NHWC")
# Terms and output channels up to which a convolution is written out as one sum.
FEW_TERMS, FEW_OUTPUTS = 32, 32
# Results from which that pays, for a 1x1 kernel and for others.
MANY_RESULTS, SOME_RESULTS = 1 << 16, 1 << 14
# Largest window of a maximum that is folded view by view: larger ones compile slowly.
SMALL_WINDOW = 5


def kernel_for(op: Op, *shapes: Shape, cpu: bool = True) -> Kernel | None:
    """Return a kernel, or None where the reference is as good.

    Parameters
    ----------
    op, shapes
        The op and the logical shapes of its inputs.
    cpu
        Written-out sums of products are for a CPU alone.
    """
    if isinstance(op, Conv2D):
        return _convolution(op, shapes[0], cpu)
    if isinstance(op, Pool2D) and op.kind == "max" and op.kernel is not None:
        return _max_pool(op, shapes[0])
    return None


def reads_often(op: Op, *shapes: Shape) -> bool:
    """Tell whether the kernel of an op is one loop that reads each input value several times."""
    if isinstance(op, Conv2D):
        alone = op.groups == shapes[0][1] and op.groups > 1
        return (alone and _terms(op, 1) > 1) or _short(op, shapes[0])
    return isinstance(op, Pool2D) and op.kernel not in (None, (1, 1))


def _convolution(op: Conv2D, shape: Shape, cpu: bool) -> Kernel:
    _, c, h, w = shape
    pads = op.padding(h, w)
    if op.groups == c and c > 1:
        product = _whole_map if op.kernel == (h, w) and not any(pads) else _depthwise
    elif cpu and _short(op, shape):
        product = _written_out
    elif op.groups == 1 and op.kernel == (1, 1) and not any(pads):
        product = _pointwise
    else:
        product = _lax

    def kernel(weights: Weights, x: Array) -> tuple[Array, ...]:
        if WINOGRAD in weights:
            y = winograd(op, pads, x, weights[WINOGRAD])
        else:
            y = product(op, pads, x, weights["weight"])
        if op.bias:
            y = y + weights["bias"]
        if op.activation is not None:
            import jax.numpy as jnp

            return op.activation.forward(jnp, weights, y)
        return (y,)

    return kernel


def _lax(op: Conv2D, pads: tuple[int, int, int, int], x: Array, weight: Array) -> Array:
    from jax import lax

    top, bottom, left, right = pads
    return lax.conv_general_dilated(
        x,
        weight,
        window_strides=op.stride,
        padding=((top, bottom), (left, right)),
        rhs_dilation=op.dilation,
        dimension_numbers=_LAYOUT,
        feature_group_count=op.groups,
    )


def _pointwise(op: Conv2D, pads: tuple[int, int, int, int], x: Array, weight: Array) -> Array:
    import jax.numpy as jnp

    x = x[:, :: op.stride[0], :: op.stride[1], :]
    n, h, w, c = x.shape
    # A product of matrices, not of a batch of them: XLA hands it to the BLAS in one piece.
    y = jnp.matmul(jnp.reshape(x, (n * h * w, c)), weight[0, 0])
    return jnp.reshape(y, (n, h, w, op.out_channels))


def _whole_map(op: Conv2D, pads: tuple[int, int, int, int], x: Array, weight: Array) -> Array:
    """Depthwise over the whole map: one weighted sum, which compiles faster than h*w products."""
    import jax.numpy as jnp

    return jnp.sum(_multiplied(op, x) * weight[:, :, 0, :], axis=(1, 2), keepdims=True)


def _depthwise(op: Conv2D, pads: tuple[int, int, int, int], x: Array, weight: Array) -> Array:
    views = _views(op, pads, _multiplied(op, x))
    return _sum(view * weight[i, j, 0, :] for i, j, view in views)


def _terms(op: Conv2D, channels: int) -> int:
    return op.kernel[0] * op.kernel[1] * channels


def _short(op: Conv2D, shape: Shape) -> bool:
    """Tell whether a convolution is quickest as one loop over the sum of its terms."""
    if op.groups != 1 or op.out_channels > FEW_OUTPUTS:
        return False
    results = prod(op.infer(shape)[0])
    if op.kernel == (1, 1):
        # The product of matrices is quick, too, but where results are many it passes twice.
        return shape[1] <= FEW_TERMS // 2 and results >= MANY_RESULTS
    return _terms(op, shape[1]) <= FEW_TERMS and results >= SOME_RESULTS


def _written_out(op: Conv2D, pads: tuple[int, int, int, int], x: Array, weight: Array) -> Array:
    views = _views(op, pads, x)
    return _sum(
        view[..., c : c + 1] * weight[i, j, c, :] for i, j, view in views for c in range(x.shape[3])
    )


def _views(op: Conv2D, pads: tuple[int, int, int, int], x: Array) -> list[tuple[int, int, Array]]:
    """Return the shifted and strided view of the padded map for each cell of the kernel."""
    from jax import lax

    top, bottom, left, right = pads
    x = lax.pad(x, _zero(x), ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)))
    n, h, w, c = x.shape
    (kh, kw), (sy, sx), (dy, dx) = op.kernel, op.stride, op.dilation
    rows, columns = (h - 1 - (kh - 1) * dy) // sy, (w - 1 - (kw - 1) * dx) // sx
    found = []
    for i in range(kh):
        for j in range(kw):
            y, z = i * dy, j * dx
            end = (n, y + rows * sy + 1, z + columns * sx + 1, c)
            found.append((i, j, lax.slice(x, (0, y, z, 0), end, (1, sy, sx, 1))))
    return found


def _sum(terms: Iterable[Array]) -> Array:
    return reduce(operator.add, terms)


def _multiplied(op: Conv2D, x: Array) -> Array:
    """Repeat each channel for the several outputs of its group, where there are several."""
    import jax.numpy as jnp

    each = op.out_channels // op.groups
    return x if each == 1 else jnp.repeat(x, each, axis=3)


def _max_pool(op: Pool2D, shape: Shape) -> Kernel | None:
    _, _, h, w = shape
    top, bottom, left, right = op.padding(h, w)
    if op.pad_value == "zero" and (top or bottom or left or right):
        return None
    _, _, ho, wo = op.infer(shape)[0]
    (kh, kw), (sy, sx), (dy, dx) = op.kernel or (h, w), op.stride, op.dilation
    # The last window may end before the padding does, or reach behind it.
    below = (ho - 1) * sy + extent(kh, dy) - h - top
    beside = (wo - 1) * sx + extent(kw, dx) - w - left

    def folded(weights: Weights, x: Array) -> tuple[Array, ...]:
        import jax.numpy as jnp
        from jax import lax

        border = ((0, 0, 0), (top, below, 0), (left, beside, 0), (0, 0, 0))
        x = lax.pad(x, jnp.asarray(-float("inf"), x.dtype), border)
        n, _, wide, c = x.shape
        lines = [
            lax.slice(x, (0, i, 0, 0), (n, i + (ho - 1) * sy + 1, wide, c), (1, sy, 1, 1))
            for i in range(0, kh * dy, dy)
        ]
        y = reduce(jnp.maximum, lines)
        columns = [
            lax.slice(y, (0, 0, j, 0), (n, ho, j + (wo - 1) * sx + 1, c), (1, 1, sx, 1))
            for j in range(0, kw * dx, dx)
        ]
        return (reduce(jnp.maximum, columns),)

    def kernel(weights: Weights, x: Array) -> tuple[Array, ...]:
        from jax import lax

        y = lax.reduce_window(
            x[:, : h + min(below, 0), : w + min(beside, 0), :],
            -float("inf"),
            lax.max,
            (1, kh, kw, 1),
            (1, sy, sx, 1),
            ((0, 0), (top, max(below, 0)), (left, max(beside, 0)), (0, 0)),
            window_dilation=(1, dy, dx, 1),
        )
        return (y,)

    return folded if max(kh, kw) <= SMALL_WINDOW and ho * wo > 1 else kernel


def _zero(x: Array) -> Any:
    import jax.numpy as jnp

    return jnp.zeros((), x.dtype)
