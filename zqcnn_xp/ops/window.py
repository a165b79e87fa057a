"""Sliding windows: sizes, padding and the strided views convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.base import Array, Shape

__all__ = [
    "Pads",
    "check_groups",
    "check_window",
    "extent",
    "kernel_weights",
    "output_size",
    "pad_spatial",
    "resolve_pads",
    "taps",
]

Pads: TypeAlias = tuple[int, int, int, int] | Literal["same_upper"]
"""(top, bottom, left, right), or TensorFlow's SAME rule evaluated at run time."""


def check_window(
    op: str,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pads: Pads,
    dilation: tuple[int, int] = (1, 1),
) -> None:
    """Refuse a window that no map can have.

    Raises
    ------
    InputError
        If kernel, stride or dilation is below 1 or a pad below 0, or their counts are wrong.
    """
    pairs = (kernel, stride, dilation)
    sides = (0, 0, 0, 0) if pads == "same_upper" else pads
    if any(len(p) != 2 or min(p) < 1 for p in pairs) or len(sides) != 4 or min(sides) < 0:
        msg = (
            f"{op}: found kernel {kernel}, stride {stride}, dilation {dilation}, pads {pads!r}, "
            "expected pairs of 1 or more, and four pads of 0 or more or 'same_upper'"
        )
        raise InputError(msg)


def check_groups(op: str, channels: int, out_channels: int, groups: int) -> None:
    """Refuse channels that the groups do not divide.

    Raises
    ------
    ShapeError
        If the input's or the output's are no multiple of ``groups``.
    """
    if channels % groups or out_channels % groups:
        msg = (
            f"{op}: found {channels} input and {out_channels} output channels, "
            f"expected multiples of the {groups} groups"
        )
        raise ShapeError(msg)


def kernel_weights(
    kernel: tuple[int, int], channels: int, out_channels: int, bias: bool
) -> dict[str, Shape]:
    """Return ``weight`` (kH, kW, channels of a group, O) and, if there is one, ``bias`` (O,).

    Examples
    --------
    >>> kernel_weights((3, 3), 8, 16, bias=True)
    {'weight': (3, 3, 8, 16), 'bias': (16,)}
    """
    found: dict[str, Shape] = {"weight": (*kernel, channels, out_channels)}
    return found | {"bias": (out_channels,)} if bias else found


def extent(kernel: int, dilation: int) -> int:
    """Return how many input cells a dilated kernel spans.

    Examples
    --------
    >>> extent(3, 2)
    5
    """
    return (kernel - 1) * dilation + 1


def resolve_pads(
    pads: Pads,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int, int, int]:
    """Turn a padding rule into (top, bottom, left, right) for a map of ``size`` (H, W).

    ``"same_upper"`` gives ceil(in / stride) outputs, the odd cell at the bottom or right.

    Examples
    --------
    >>> resolve_pads("same_upper", (5, 6), (2, 3), (2, 2))
    (0, 1, 0, 1)
    """
    if pads != "same_upper":
        return pads
    sides: list[int] = []
    for cells, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-cells // s) - 1) * s + extent(k, d) - cells, 0)
        sides += [total // 2, total - total // 2]
    top, bottom, left, right = sides
    return top, bottom, left, right


def output_size(
    op: str,
    cells: int,
    before: int,
    after: int,
    span: int,
    stride: int,
    *,
    ceil: bool = False,
    clip_last: bool = False,
) -> int:
    """Return the number of windows along one axis.

    Parameters
    ----------
    op
        Name for the message.
    cells, before, after
        Size of the map and its padding.
    span
        Cells under the (dilated) kernel.
    ceil
        Count a last window that is only partly inside.
    clip_last
        Drop a last window that starts in the padding behind the map (Caffe, PyTorch, ONNX).

    Raises
    ------
    ShapeError
        If not even one window fits.
    """
    room = cells + before + after - span
    if room < 0 and not (ceil and cells + before + after > 0 and room > -stride):
        msg = f"{op}: found {cells} cells with padding {before}+{after}, expected at least {span}"
        raise ShapeError(msg)
    count = (-(-room // stride) if ceil else room // stride) + 1
    if clip_last and ceil and (count - 1) * stride >= cells + before:
        count -= 1
    return count


def pad_spatial(xp: Any, x: Array, pads: tuple[int, int, int, int], value: float = 0.0) -> Array:
    """Border a stored map (N, H, W, C) with ``value``."""
    top, bottom, left, right = pads
    n, _, w, c = x.shape
    options = {"dtype": x.dtype, "device": _device(x)}
    if top or bottom:
        rows = [xp.full((n, top, w, c), value, **options)] if top else []
        rows.append(x)
        if bottom:
            rows.append(xp.full((n, bottom, w, c), value, **options))
        x = xp.concat(rows, axis=1)
    if left or right:
        h = x.shape[1]
        columns = [xp.full((n, h, left, c), value, **options)] if left else []
        columns.append(x)
        if right:
            columns.append(xp.full((n, h, right, c), value, **options))
        x = xp.concat(columns, axis=2)
    return x


def taps(
    x: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    out: tuple[int, int],
) -> Iterator[tuple[int, int, Array]]:
    """Yield (row, column, view) for each kernel cell: the (N, Ho, Wo, C) input cells under it."""
    (sy, sx), (dy, dx) = stride, dilation
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows = slice(i * dy, i * dy + (out[0] - 1) * sy + 1, sy)
            columns = slice(j * dx, j * dx + (out[1] - 1) * sx + 1, sx)
            yield i, j, x[:, rows, columns, :]


def _device(x: Array) -> Any:
    from array_api_compat import device

    return device(x)
