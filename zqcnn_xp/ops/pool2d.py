"""Maximum and average pooling, with every rule that the model formats know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank
from zqcnn_xp.ops.window import (
    Pads,
    check_window,
    extent,
    output_size,
    pad_spatial,
    resolve_pads,
    taps,
)

__all__ = ["Pool2D"]

# Behind every finite float32, so that a padded cell never wins a maximum.
_LOWEST = float("-inf")


@dataclass(frozen=True)
class Pool2D(Op):
    """Maximum or mean over windows of a feature map.

    Parameters
    ----------
    kind
        ``"max"`` or ``"average"``.
    kernel
        (height, width), or None for the whole map.
    stride
        (vertical, horizontal).
    pads
        (top, bottom, left, right) or ``"same_upper"``.
    ceil
        Round the number of windows up: the last may be only partly inside.
    clip_last
        Under ``ceil``, drop a last window that starts behind the map (Caffe, ONNX); ZQCNN
        keeps it.
    pad_value
        Padding seen by a maximum: ``"ignore"`` (never wins) or ``"zero"`` (ZQCNN).
    count
        What a mean divides by: ``"valid"`` cells of the map, ``"padded"`` cells of map and
        padding (Caffe, ZQCNN), or the whole ``"kernel"``.
    counted
        Kernel that `muladds` counts, where a format counts another than it computes.
    dilation
        (vertical, horizontal) distance of the cells of a window.

    Raises
    ------
    InputError
        If an attribute is out of range.

    Examples
    --------
    >>> Pool2D("max", (2, 2), (2, 2), ceil=True).infer((1, 10, 238, 317))
    ((1, 10, 119, 159),)
    """

    kind: Literal["max", "average"]
    kernel: tuple[int, int] | None
    stride: tuple[int, int] = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    ceil: bool = False
    clip_last: bool = False
    pad_value: Literal["ignore", "zero"] = "ignore"
    count: Literal["valid", "padded", "kernel"] = "padded"
    counted: tuple[int, int] | None = None
    dilation: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        check_window("Pool2D", self.kernel or (1, 1), self.stride, self.pads, self.dilation)
        for name, value, known in (
            ("kind", self.kind, ("max", "average")),
            ("pad_value", self.pad_value, ("ignore", "zero")),
            ("count", self.count, ("valid", "padded", "kernel")),
        ):
            if value not in known:
                msg = f"Pool2D: found {name} {value!r}, expected one of {', '.join(known)}"
                raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (N, C, H', W')."""
        (shape,) = shapes
        check_rank("Pool2D", shape)
        n, c, h, w = shape
        if self.kernel is None and not h * w:
            msg = f"Pool2D: found an empty map {shape}, expected cells to pool"
            raise ShapeError(msg)
        if self.kernel is None:
            return ((n, c, 1, 1),)
        top, bottom, left, right = self.padding(h, w)
        rule = {"ceil": self.ceil, "clip_last": self.clip_last}
        (kh, kw), (sh, sw) = self._span(h, w), self.stride
        ho = output_size("Pool2D", h, top, bottom, kh, sh, **rule)
        wo = output_size("Pool2D", w, left, right, kw, sw, **rule)
        return ((n, c, ho, wo),)

    def padding(self, h: int, w: int) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) for a map of h x w."""
        return resolve_pads(self.pads, (h, w), self._span(h, w), self.stride)

    def _span(self, h: int, w: int) -> tuple[int, int]:
        """Return how many cells a window reaches over."""
        if self.kernel is None:
            return (h, w)
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (extent(kh, dh), extent(kw, dw))

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Fold the shifted views of the padded map."""
        (x,) = xs
        if self.kernel is None:
            fold = xp.max if self.kind == "max" else xp.mean
            return (fold(x, axis=(1, 2), keepdims=True),)
        n, h, width, c = x.shape
        _, _, ho, wo = self.infer((n, c, h, width))[0]
        pads = self.padding(h, width)
        (kh, kw), (sh, sw) = self._span(h, width), self.stride
        # Cells a last partial window reaches beyond the declared padding never count.
        reach_y = max((ho - 1) * sh + kh - (h + pads[0] + pads[1]), 0)
        reach_x = max((wo - 1) * sw + kw - (width + pads[2] + pads[3]), 0)
        if self.kind == "max":
            if self.pad_value == "zero":
                x = pad_spatial(xp, x, pads)
                x = pad_spatial(xp, x, (0, reach_y, 0, reach_x), _LOWEST)
            else:
                x = pad_spatial(
                    xp, x, (pads[0], pads[1] + reach_y, pads[2], pads[3] + reach_x), _LOWEST
                )
        else:
            x = pad_spatial(xp, x, (pads[0], pads[1] + reach_y, pads[2], pads[3] + reach_x))
        total = None
        for _, _, view in taps(x, self.kernel, self.stride, self.dilation, (ho, wo)):
            if total is None:
                total = view
            else:
                total = xp.maximum(total, view) if self.kind == "max" else total + view
        if self.kind == "max":
            return (total,)
        rows, columns = self.counts(h, width)
        scale = [[1.0 / max(r * q, 1) for q in columns] for r in rows]
        from array_api_compat import device

        factor = xp.asarray(scale, dtype=x.dtype, device=device(x))
        return (total * xp.reshape(factor, (1, ho, wo, 1)),)

    def counts(self, h: int, w: int) -> tuple[list[int], list[int]]:
        """Return how many rows and columns a mean counts, for each row and column of windows."""
        _, _, ho, wo = self.infer((1, 1, h, w))[0]
        top, bottom, left, right = self.padding(h, w)
        kh, kw = self.kernel or (h, w)
        (sh, sw), (dh, dw) = self.stride, self.dilation
        sides = ((ho, kh, sh, dh, h, top, bottom), (wo, kw, sw, dw, w, left, right))
        found: list[list[int]] = []
        for count, k, s, d, cells, before, after in sides:
            if self.count == "kernel":
                found.append([k] * count)
                continue
            low, high = (0, before + cells + after)
            if self.count == "valid":
                low, high = before, before + cells
            # Taps j of window i that fall into low ... high - 1: all before the one less all
            # before the other.
            found.append(
                [
                    min(max(-(-(high - i * s) // d), 0), k) - min(max(-(-(low - i * s) // d), 0), k)
                    for i in range(count)
                ]
            )
        return found[0], found[1]

    def muladds(self, *shapes: Shape) -> int:
        """Ho*Wo*C*kH*kW, as ZQCNN counts."""
        (shape,) = shapes
        n, c, ho, wo = self.infer(shape)[0]
        kh, kw = self.counted or self.kernel or shape[2:]
        return n * c * ho * wo * kh * kw
