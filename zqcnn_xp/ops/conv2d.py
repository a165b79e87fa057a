"""Two-dimensional convolution with groups and a fused epilogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank
from zqcnn_xp.ops.window import (
    Pads,
    check_groups,
    check_window,
    extent,
    kernel_weights,
    output_size,
    pad_spatial,
    resolve_pads,
    taps,
)

__all__ = ["Conv2D"]


@dataclass(frozen=True)
class Conv2D(Op):
    """Cross-correlation over H and W, zero-padded, then bias and an optional activation.

    ``out[n,y,x,o] = act(b[o] + sum_ijc in[n, y*s + i*d - pad, x*s + j*d - pad, c] * W[i,j,c,o])``

    Parameters
    ----------
    out_channels
        Channels of the output.
    kernel, stride, dilation
        (height, width), all at least 1.
    pads
        (top, bottom, left, right) or ``"same_upper"``.
    groups
        Channel groups; depthwise convolution is ``groups == channels``.
    bias
        Whether there is a ``bias`` weight (O,).
    activation
        An element-wise op (`Activation`, `PReLU`) applied to the result; its weights sit
        beside this op's own.

    Raises
    ------
    InputError
        If an attribute is out of range.

    Notes
    -----
    Weight layout is HWIO: ``weight`` (kH, kW, C / groups, O), float32.

    Examples
    --------
    >>> Conv2D(10, (3, 3)).infer((1, 3, 240, 320))
    ((1, 10, 238, 318),)
    """

    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    groups: int = 1
    bias: bool = True
    activation: Op | None = None

    def __post_init__(self) -> None:
        check_window("Conv2D", self.kernel, self.stride, self.pads, self.dilation)
        if self.out_channels < 1 or self.groups < 1:
            msg = (
                f"Conv2D: found {self.out_channels} output channels in {self.groups} groups, "
                "expected at least one of each"
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
        check_rank("Conv2D", shape)
        n, c, h, w = shape
        check_groups("Conv2D", c, self.out_channels, self.groups)
        top, bottom, left, right = self.padding(h, w)
        (kh, kw), (sh, sw), (dh, dw) = self.kernel, self.stride, self.dilation
        return (
            (
                n,
                self.out_channels,
                output_size("Conv2D", h, top, bottom, extent(kh, dh), sh),
                output_size("Conv2D", w, left, right, extent(kw, dw), sw),
            ),
        )

    def padding(self, h: int, w: int) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) for a map of h x w."""
        return resolve_pads(self.pads, (h, w), self.kernel, self.stride, self.dilation)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Sum of shifted products for depthwise, one matrix product per group otherwise."""
        (x,) = xs
        n, h, width, c = x.shape
        _, o, ho, wo = self.infer((n, c, h, width))[0]
        x = pad_spatial(xp, x, self.padding(h, width))
        views = taps(x, self.kernel, self.stride, self.dilation, (ho, wo))
        if self.groups == c and o == c:
            y = _depthwise(views, w["weight"])
        else:
            y = _grouped(xp, list(views), w["weight"], self.groups)
        if self.bias:
            y = y + w["bias"]
        if self.activation is not None:
            (y,) = self.activation.forward(xp, w, y)
        return (y,)

    def muladds(self, *shapes: Shape) -> int:
        """Ho*Wo*O*kH*kW*C/groups, and one per output for a bias, three for a PReLU."""
        (shape,) = shapes
        out = self.infer(shape)[0]
        cells = out[0] * out[1] * out[2] * out[3]
        total = cells * self.kernel[0] * self.kernel[1] * (shape[1] // self.groups)
        total += cells if self.bias else 0
        return total + (self.activation.muladds(out) if self.activation is not None else 0)


def _depthwise(views: Any, weight: Array) -> Array:
    total = None
    for i, j, view in views:
        term = view * weight[i, j, 0, :]
        total = term if total is None else total + term
    return total


def _grouped(xp: Any, views: list[tuple[int, int, Array]], weight: Array, groups: int) -> Array:
    n, ho, wo, c = views[0][2].shape
    kh, kw, cg, o = weight.shape
    columns = views[0][2] if len(views) == 1 else xp.stack([v for _, _, v in views], axis=3)
    if groups == 1:
        flat = xp.reshape(columns, (n * ho * wo, kh * kw * c))
        y = xp.matmul(flat, xp.reshape(weight, (kh * kw * c, o)))
        return xp.reshape(y, (n, ho, wo, o))
    columns = xp.reshape(columns, (n * ho * wo, kh * kw, groups, cg))
    columns = xp.permute_dims(columns, (2, 0, 1, 3))
    columns = xp.reshape(columns, (groups, n * ho * wo, kh * kw * cg))
    kernels = xp.reshape(weight, (kh * kw * cg, groups, o // groups))
    y = xp.matmul(columns, xp.permute_dims(kernels, (1, 0, 2)))
    return xp.reshape(xp.permute_dims(y, (1, 0, 2)), (n, ho, wo, o))
