"""Layers that move elements: Concat, Permute, Flatten, Reshape, UpSampling.

All of them act on the logical order N, C, H, W, and results always have four dimensions.
"""

from __future__ import annotations

from typing import Literal

from zqcnn_xp.formats.zqcnn.layer import Lowered, Take
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.upsample import Upsample

__all__ = ["concat", "flatten", "permute", "reshape", "upsampling"]

_RANK = 4


def concat(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Concat`` along ``axis``, channels by default."""
    return Concat(record.integer("axis", 1)), {}


def permute(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Permute``: axis i of the result is axis ``order[i]`` of the input."""
    order = record.integers("order")
    if sorted(order) != list(range(_RANK)):
        found = f"order={','.join(map(str, order))}"
        raise record.error(found, "four order= that name each of 0, 1, 2, 3 once")
    return Transpose(order), {}


def flatten(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Flatten`` axes ``axis`` to ``end_axis`` into one; sizes of 1 follow."""
    axis = record.integer("axis", 1, low=-_RANK)
    return Flatten(axis, record.integer("end_axis", -1, low=-_RANK), form="keep"), {}


def reshape(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``Reshape``: sizes from ``axis`` on; 0 copies, a negative one takes what is left.

    Sizes that are not given are copied. With ``num_axes`` the original uses one value more than
    that; ``compat`` does the same.
    """
    dims = [max(dim, -1) for dim in record.integers("dim")]
    axis = record.integer("axis", 0)
    count = record.integer("num_axes", -1, low=-1)
    if count >= 0:
        dims = dims[: count + 1] if compat else dims
        if not compat and len(dims) != count:
            raise record.error(f"{len(dims)} dim= with num_axes={count}", f"{count} dim=")
    if not dims or axis + len(dims) > _RANK or dims.count(-1) > 1:
        found = f"dim={','.join(map(str, dims)) or 'none'} from axis {axis} on"
        raise record.error(found, f"one to {_RANK} sizes in all, at most one of them negative")
    rest = _RANK - axis - len(dims)
    return Reshape((*(0,) * axis, *dims, *(0,) * rest)), {}


def upsampling(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``UpSampling`` by a factor (``scale_h``, ``scale_w``) or to a size (``dst_h``, ``dst_w``)."""
    kind = _sampling(record)
    align = _alignment(record)
    scaled, sized = record.has("scale_h", "scale_w"), record.has("dst_h", "dst_w")
    if scaled == sized:
        found = "both scale_h/scale_w and dst_h/dst_w" if scaled else "no size"
        raise record.error(found, "either scale_h and scale_w, or dst_h and dst_w")
    if sized:
        size = (record.integer("dst_h", low=1), record.integer("dst_w", low=1))
        return Upsample(kind, align, size=size), {}
    return Upsample(kind, align, scale=(record.number("scale_h"), record.number("scale_w"))), {}


def _sampling(record: Record) -> Literal["nearest", "bilinear"]:
    word = record.text("sample_type").lower()
    if word in ("nearest", "0"):
        return "nearest"
    if word in ("bilinear", "1"):
        return "bilinear"
    raise record.error(f"sample_type={word}", "sample_type=nearest or bilinear")


def _alignment(record: Record) -> Literal["center", "corner"]:
    word = record.text("align_type", "corner").lower()
    if word in ("center", "0"):
        return "center"
    if word in ("corner", "1"):
        return "corner"
    raise record.error(f"align_type={word}", "align_type=center or corner")
