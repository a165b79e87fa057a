"""NumPy evaluation of layers whose inputs are all known: decompression, arithmetic on shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.fold import FOLDS as SHARED
from zqcnn_xp.formats.onnx.fold import Fold, bounded, divide, shape_of
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.openvino import ssd
from zqcnn_xp.formats.openvino.attributes import boolean, choice, integer, integers
from zqcnn_xp.formats.openvino.blobs import ELEMENTS

__all__ = ["FOLDS", "shape_of_value"]


def shape_of_value(call: Call) -> None:
    """Fold ShapeOf: the sizes are known at each probe."""
    choice(call, "output_type", "i64", ("i64", "i32"))
    shape_of(call)


def _binary(function: Callable[[Any, Any], Any]) -> Fold:
    def apply(call: Call, a: Tensor, b: Tensor) -> Tensor:
        choice(call, "auto_broadcast", "numpy", ("numpy", "none"))
        call.ignore("m_pythondiv")
        bounded(call, np.broadcast_shapes(a.shape, b.shape))
        return np.asarray(function(a, b))

    return apply


def _convert(call: Call, a: Tensor) -> Tensor:
    wanted = choice(call, "destination_type", "f32", tuple(ELEMENTS))
    # A narrow float is widened once more where it is used.
    return a.astype("<f4" if wanted == "bf16" else ELEMENTS[wanted])


def _gather(call: Call, a: Tensor, indices: Tensor, axis: Tensor) -> Tensor:
    if integer(call, "batch_dims", 0):
        raise call.error("attribute 'batch_dims'", "0")
    place = call.axis(int(axis.reshape(-1)[0]), a.ndim)
    bounded(call, (*a.shape[:place], *indices.shape, *a.shape[place + 1 :]))
    return np.asarray(np.take(a, indices, axis=place))


def _concat(call: Call, *arrays: Tensor) -> Tensor:
    bounded(call, (sum(a.size for a in arrays),))
    return np.concatenate(arrays, axis=integer(call, "axis"))


def _reshape(call: Call, a: Tensor, dims: Tensor) -> Tensor:
    zero = boolean(call, "special_zero", True)
    sizes = [int(size) for size in dims.reshape(-1)]
    return a.reshape([a.shape[k] if size == 0 and zero else size for k, size in enumerate(sizes)])


def _transpose(call: Call, a: Tensor, order: Tensor) -> Tensor:
    return a.transpose([int(axis) for axis in order.reshape(-1)] or None)


def _product(call: Call, a: Tensor, axes: Tensor) -> Tensor:
    places = tuple(int(axis) for axis in axes.reshape(-1))
    keep = boolean(call, "keep_dims", False)
    return np.asarray(np.prod(a, axis=places, keepdims=keep), a.dtype)


def _strided(
    call: Call, a: Tensor, begin: Tensor, end: Tensor, step: Tensor | None = None
) -> Tensor:
    starts, stops = begin.reshape(-1).tolist(), end.reshape(-1).tolist()
    steps = [1] * len(starts) if step is None else step.reshape(-1).tolist()
    masks = {
        name: (*integers(call, f"{name}_mask", ()), *(0,) * len(starts))
        for name in ("begin", "end", "shrink_axis", "new_axis", "ellipsis")
    }
    if any(masks["new_axis"]) or any(masks["ellipsis"]):
        raise call.error("new_axis_mask or ellipsis_mask", "plain ranges")
    cut: list[Any] = []
    for k, (a0, b0, by) in enumerate(zip(starts, stops, steps, strict=True)):
        if masks["shrink_axis"][k]:
            cut.append(a0)
        else:
            cut.append(
                slice(None if masks["begin"][k] else a0, None if masks["end"][k] else b0, by)
            )
    return np.asarray(a[tuple(cut)])


def _slice(
    call: Call, a: Tensor, start: Tensor, stop: Tensor, step: Tensor, axes: Tensor | None = None
) -> Tensor:
    along = range(start.size) if axes is None else [int(axis) for axis in axes.reshape(-1)]
    cut = [slice(None)] * a.ndim
    for axis, first, last, by in zip(
        along, start.reshape(-1), stop.reshape(-1), step.reshape(-1), strict=True
    ):
        # Going backwards, an end before the first cell means: through the first cell.
        past = by < 0 and last < -a.shape[axis]
        cut[axis] = slice(int(first), None if past else int(last), int(by))
    return a[tuple(cut)]


def _broadcast(call: Call, a: Tensor, dims: Tensor) -> Tensor:
    choice(call, "mode", "numpy", ("numpy", "bidirectional"))
    shape = np.broadcast_shapes(a.shape, tuple(int(size) for size in dims.reshape(-1)))
    return np.broadcast_to(a, bounded(call, shape))


def _range(call: Call, start: Tensor, stop: Tensor, step: Tensor) -> Tensor:
    wanted = choice(call, "output_type", "i64", tuple(ELEMENTS))
    return SHARED["Range"](call, start, stop, step).astype(ELEMENTS[wanted])


def _select(call: Call, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    choice(call, "auto_broadcast", "numpy", ("numpy", "none"))
    return SHARED["Where"](call, condition, a, b)


FOLDS: Mapping[str, Fold] = {
    "Add": _binary(np.add),
    "Broadcast": _broadcast,
    "Ceiling": lambda _, a: np.ceil(a),
    "Concat": _concat,
    "Convert": _convert,
    "Divide": _binary(divide),
    "Equal": _binary(np.equal),
    "Floor": lambda _, a: np.floor(a),
    "Gather": _gather,
    "Maximum": _binary(np.maximum),
    "Minimum": _binary(np.minimum),
    "Multiply": _binary(np.multiply),
    "Negative": lambda _, a: np.negative(a),
    "Range": _range,
    "ReduceProd": _product,
    "Reshape": _reshape,
    "Select": _select,
    "Slice": _slice,
    "Sqrt": lambda _, a: np.sqrt(a),
    "Squeeze": SHARED["Squeeze"],
    "StridedSlice": _strided,
    "Subtract": _binary(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": SHARED["Unsqueeze"],
    **ssd.FOLDS,
}
"""Functions of the call and one array for each input, by layer type."""
