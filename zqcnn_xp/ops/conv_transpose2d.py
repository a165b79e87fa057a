"""Two-dimensional transposed convolution with groups and a fused epilogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.window import check_groups, check_window, extent, kernel_weights, pad_spatial

__all__ = ["ConvTranspose2D"]

Crop: TypeAlias = tuple[int, int, int, int] | Literal["same_upper"]


@dataclass(frozen=True)
class ConvTranspose2D(Op):
    """The adjoint of `Conv2D` over H and W, then bias and an optional activation.

    Every input cell adds its multiple of the kernel to the output:
    ``out[n, y*s + i*d - top, x*s + j*d - left, o] += in[n,y,x,c] * W[i,j,c,o]``, with
    ``H' = (H - 1) * s + (k - 1) * d + 1 - top - bottom + output_padding`` (PyTorch, ONNX).

    Parameters
    ----------
    out_channels
        Channels of the output.
    kernel, stride, dilation
        (height, width), all at least 1.
    pads
        (top, bottom, left, right): cells *cropped* from the full result, as PyTorch and ONNX
        count them; a negative one adds cells that no input reaches. ``"same_upper"`` crops to
        ``H * s``, the odd cell at the bottom or right.
    output_padding
        (bottom, right): cells kept beyond the crop, or that no input reaches; at least 0.
    size
        (height, width) of the result whatever the input's, 0 being the input's times the
        stride; the crop is then split as by ``"same_upper"``. None takes ``pads``.
    groups
        Channel groups; depthwise is ``groups == channels``.
    bias
        Whether there is a ``bias`` weight (O,).
    activation
        An element-wise op applied to the result; its weights sit beside this op's own.

    Raises
    ------
    InputError
        If an attribute is out of range.

    Notes
    -----
    ``weight`` is (kH, kW, C / groups, O), float32, *not flipped*: ``W[i, j]`` is what the cell
    ``(i, j)`` behind an input cell receives. A PyTorch or ONNX weight (C, O / groups, kH, kW) of
    one group is ``transpose(2, 3, 0, 1)``. Zeros are put between the cells and the result is
    correlated with the kernel turned by half a turn.

    Examples
    --------
    >>> ConvTranspose2D(4, (4, 4), (2, 2), pads=(1, 1, 1, 1)).infer((1, 8, 5, 7))
    ((1, 4, 10, 14),)
    """

    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: Crop = (0, 0, 0, 0)
    output_padding: tuple[int, int] = (0, 0)
    groups: int = 1
    bias: bool = True
    activation: Op | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_window("ConvTranspose2D", self.kernel, self.stride, "same_upper", self.dilation)
        whole = self.pads == "same_upper" or len(self.pads) == 4
        low = min(*self.output_padding, *(self.size or (0, 0)))
        if not whole or min(self.out_channels, self.groups) < 1 or low < 0:
            msg = (
                f"ConvTranspose2D: found {self.out_channels} output channels in {self.groups} "
                f"groups, pads {self.pads!r}, output_padding {self.output_padding}, size "
                f"{self.size}, expected counts of at least 1, four pads or 'same_upper', and "
                "output_padding and sizes of at least 0"
            )
            raise InputError(msg)

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return ``weight`` (kH, kW, C / groups, O), ``bias`` (O,) and the activation's."""
        (shape,) = shapes
        group = shape[1] // self.groups
        found = kernel_weights(self.kernel, group, self.out_channels, self.bias)
        if self.activation is not None:
            found.update(self.activation.weights(*self.infer(shape)))
        return found

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (N, O, H', W')."""
        (shape,) = shapes
        check_rank("ConvTranspose2D", shape)
        n, c, h, w = shape
        check_groups("ConvTranspose2D", c, self.out_channels, self.groups)
        if h < 1 or w < 1:
            msg = f"ConvTranspose2D: found an empty map {shape}, expected cells"
            raise ShapeError(msg)
        top, bottom, left, right = self.crop(h, w)
        full_h, full_w = self._full(h, w)
        out = (full_h - top - bottom, full_w - left - right)
        if min(out) < 1:  # as for any other window: a map without cells cannot be run
            msg = f"ConvTranspose2D: found a result of {out} for {shape}, expected a smaller crop"
            raise ShapeError(msg)
        return ((n, self.out_channels, *out),)

    def crop(self, h: int, w: int) -> tuple[int, int, int, int]:
        """Return the cells cropped at (top, bottom, left, right), ``output_padding`` deducted."""
        if self.size is None and self.pads != "same_upper":
            top, bottom, left, right = self.pads
            return (top, bottom - self.output_padding[0], left, right - self.output_padding[1])
        same = (h * self.stride[0], w * self.stride[1])
        wanted = tuple(s or t for s, t in zip(self.size or same, same, strict=True))
        sides: list[int] = []
        for full, out in zip(self._full(h, w), wanted, strict=True):
            sides += [(full - out) // 2, full - out - (full - out) // 2]
        return sides[0], sides[1], sides[2], sides[3]

    def _full(self, h: int, w: int) -> tuple[int, int]:
        (kh, kw), (sh, sw), (dh, dw) = self.kernel, self.stride, self.dilation
        return (h - 1) * sh + extent(kh, dh), (w - 1) * sw + extent(kw, dw)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Put zeros between the cells and correlate with the turned kernel."""
        (x,) = xs
        _, h, width, _ = x.shape
        top, bottom, left, right = self.crop(h, width)
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        reach_y, reach_x = extent(kh, dh) - 1, extent(kw, dw) - 1
        x = _spread(xp, x, self.stride)
        above, below = reach_y - top, reach_y - bottom
        before, after = reach_x - left, reach_x - right
        x = pad_spatial(xp, x, (max(above, 0), max(below, 0), max(before, 0), max(after, 0)))
        rows = slice(max(-above, 0), x.shape[1] - max(-below, 0))
        columns = slice(max(-before, 0), x.shape[2] - max(-after, 0))
        x = x[:, rows, columns, :]
        turned = {**w, "weight": xp.flip(w["weight"], axis=(0, 1))}
        return self._correlation().forward(xp, turned, x)

    def _correlation(self) -> Conv2D:
        return Conv2D(
            self.out_channels,
            self.kernel,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
            activation=self.activation,
        )

    def muladds(self, *shapes: Shape) -> int:
        """H*W*O*kH*kW*C/groups of the input's cells, and on the output the bias and activation."""
        (shape,) = shapes
        out = self.infer(shape)[0]
        n, c, h, w = shape
        cells = out[0] * out[1] * out[2] * out[3]
        kernel = self.kernel[0] * self.kernel[1] * (c // self.groups)
        total = n * h * w * self.out_channels * kernel + (cells if self.bias else 0)
        return total + (self.activation.muladds(out) if self.activation is not None else 0)


def _spread(xp: Any, x: Array, stride: tuple[int, int]) -> Array:
    """Put ``stride - 1`` zeros between neighbouring cells."""
    n, h, w, c = x.shape
    sh, sw = stride
    if sh > 1:
        x = xp.reshape(x, (n, h, 1, w, c))
        x = xp.concat([x, *[xp.zeros_like(x)] * (sh - 1)], axis=2)
        x = xp.reshape(x, (n, h * sh, w, c))[:, : (h - 1) * sh + 1, :, :]
    if sw > 1:
        rows = x.shape[1]
        x = xp.reshape(x, (n, rows, w, 1, c))
        x = xp.concat([x, *[xp.zeros_like(x)] * (sw - 1)], axis=3)
        x = xp.reshape(x, (n, rows, w * sw, c))[:, :, : (w - 1) * sw + 1, :]
    return x
