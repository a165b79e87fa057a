"""Move blocks of pixels into channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.layout import logical_shape, to_logical, to_storage
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank

__all__ = ["Reorg"]


@dataclass(frozen=True)
class Reorg(Op):
    """Give the s x s pixels of each block a channel each: (N, C, H, W) -> (N, C*s*s, H/s, W/s).

    Parameters
    ----------
    stride
        Side ``s`` of a block.
    order
        ``"block"``: the place in the block counts slowest, the channel fastest (ONNX
        SpaceToDepth, Darknet's ``reorg3d``). ``"channel"``: the channel counts slowest (ncnn,
        PyTorch's PixelUnshuffle). ``"darknet"``: Darknet's ``reorg`` of YOLOv2, which takes its
        *input* as (C/(s*s), H*s, W*s) in memory, moves blocks of that to channels, and reads
        the result as (C*s*s, H/s, W/s); it needs C divisible by s*s.

    Raises
    ------
    InputError
        If an attribute is out of range.

    Examples
    --------
    >>> Reorg(2).infer((1, 64, 26, 26))
    ((1, 256, 13, 13),)
    """

    stride: int = 2
    order: Literal["darknet", "block", "channel"] = "darknet"

    def __post_init__(self) -> None:
        if self.stride < 1 or self.order not in ("darknet", "block", "channel"):
            msg = (
                f"Reorg: found stride {self.stride}, order {self.order!r}, expected at least 1 "
                "and 'darknet', 'block' or 'channel'"
            )
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (N, C*s*s, H/s, W/s)."""
        (shape,) = shapes
        check_rank("Reorg", shape)
        n, c, h, w = shape
        s = self.stride
        if h % s or w % s or (self.order == "darknet" and c % (s * s)):
            msg = f"Reorg: found shape {shape}, expected height and width divisible by {s}"
            msg += f" and channels by {s * s}" if self.order == "darknet" else ""
            raise ShapeError(msg)
        return ((n, c * s * s, h // s, w // s),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Reshape and permute in logical order."""
        (x,) = xs
        n, c, h, width = logical_shape(x)
        out = self.infer((n, c, h, width))[0]
        s = self.stride
        y = to_logical(xp, x)
        if self.order == "darknet":
            c, h, width = c // (s * s), h * s, width * s
        y = xp.reshape(y, (n, c, h // s, s, width // s, s))
        slowest_channel = (0, 1, 3, 5, 2, 4)
        slowest_place = (0, 3, 5, 1, 2, 4)
        y = xp.permute_dims(y, slowest_channel if self.order == "channel" else slowest_place)
        return (to_storage(xp, xp.reshape(y, out)),)
