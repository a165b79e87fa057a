"""Constants that broadcast against a value, as per-channel weights wherever that is exact."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.fold import MAX_FOLDED
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.scalar import Scalar, ScalarKind
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.transpose import Transpose

__all__ = ["along_channels"]


def along_channels(call: Call, x: Value, constants: Mapping[str, Tensor], last: bool) -> Value:
    """Apply `Scale` (``scale``, ``bias``) or `PReLU` (``slope``) with broadcasting constants.

    Four ways, the first that fits: the constants are single numbers, and there are no channels
    or a free number of them; they vary along axis 1 alone, which is what these ops do; along
    one other axis, which is brought to axis 1 and back; along several axes of fixed size,
    which are merged into one.

    Raises
    ------
    FormatError
        If the constants do not broadcast to the shape of ``x``, or vary along a free axis.
    """
    aligned = {name: _align(call, x, array) for name, array in constants.items()}
    op: Op = PReLU() if "slope" in aligned else Scale("scale" in aligned, "bias" in aligned)
    varying = sorted({k for a in aligned.values() for k, size in enumerate(a.shape) if size > 1})
    if not varying and (x.rank < 2 or x.size(1) is None):
        return _one_number(call, x, aligned, last)
    if x.rank >= 2 and varying in ([], [1]):
        return call.emit(op, x, weights=_vectors(call, x, aligned), last=last)
    if x.rank >= 2 and len(varying) == 1 and varying[0] > 1:
        axis = varying[0]
        swap = list(range(x.rank))
        swap[1], swap[axis] = axis, 1
        turned = call.emit(Transpose(tuple(swap)), x)
        scaled = call.emit(op, turned, weights=_vectors(call, turned, aligned))
        return call.emit(Transpose(tuple(swap)), scaled, last=last)
    return _merged(call, x, op, aligned, varying, last)


def _one_number(call: Call, x: Value, constants: Mapping[str, Tensor], last: bool) -> Value:
    numbers = {name: float(array.reshape(-1)[0]) for name, array in constants.items()}
    if "slope" in numbers:
        slope = np.ascontiguousarray(constants["slope"].reshape(-1))
        return call.emit(PReLU(shared=True), x, weights={"slope": slope}, last=last)
    kinds: Mapping[str, ScalarKind] = {"scale": "multiply", "bias": "add"}
    ops = [
        call.make(Scalar, kind, numbers[name]) for name, kind in kinds.items() if name in numbers
    ]
    for place, op in enumerate(ops):
        x = call.emit(op, x, last=last and place == len(ops) - 1)
    return x


def _align(call: Call, x: Value, array: Tensor) -> Tensor:
    """Give the constant the rank of ``x``; refuse one that is not stretched to its shape."""
    # Leading sizes of 1 beyond the rank of x would change the rank of the result.
    shape = (1,) * (x.rank - array.ndim) + array.shape
    fits = len(shape) == x.rank and all(
        size in (1, x.size(axis)) for axis, size in enumerate(shape)
    )
    if not fits:
        found = f"a constant of shape {array.shape} with a value of shape {x.shapes[0]}"
        raise call.error(found, "one that broadcasts to the value's shape along fixed axes")
    return array.reshape(shape)


def _vectors(call: Call, x: Value, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    count = x.size(1)
    if count is None:
        raise call.error("a constant along a free axis", "a fixed number of channels")
    return {name: _vector(array, count) for name, array in constants.items()}


def _vector(array: Tensor, count: int) -> Tensor:
    flat = array.reshape(-1)
    # One number for all channels takes no memory: a view whose steps are zero.
    return flat if flat.size == count else np.broadcast_to(flat[:1], (count,))


def _merged(
    call: Call, x: Value, op: Op, constants: Mapping[str, Tensor], varying: list[int], last: bool
) -> Value:
    # The batch is left out where the constants allow it, so that samples stay apart.
    first = 0 if not varying or varying[0] == 0 else 1
    sizes = [x.size(axis) for axis in range(first, x.rank)]
    fixed: Shape = tuple(size for size in sizes if size is not None)
    if len(fixed) != len(sizes):
        raise call.error("a constant that varies along several axes, some free", "fixed sizes")
    count = prod(fixed)
    if count > MAX_FOLDED:
        raise call.error(f"a constant stretched to {count:,} elements", f"at most {MAX_FOLDED:,}")
    lead = first == 1
    targets = tuple((shape[0] if lead else 1, count) for shape in x.shapes)
    flat = call.reshape(x, targets)
    weights = {
        name: np.ascontiguousarray(np.broadcast_to(array[0] if lead else array, fixed)).reshape(-1)
        for name, array in constants.items()
    }
    out = call.emit(op, flat, weights=weights)
    return call.reshape(out, x.shapes, last=last)
