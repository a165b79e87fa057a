"""NumPy evaluation of nodes whose inputs are all known: exporters' arithmetic on shapes.

Only what that arithmetic uses is here. Results are small by nature, so a bound on their size
stops files that would make large constants out of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.onnx.tensors import DTYPES
from zqcnn_xp.formats.onnx.values import Const, Value

__all__ = ["FOLDS", "MAX_FOLDED", "Fold", "bounded", "constant", "divide", "fold", "shape_of"]

MAX_FOLDED = 1 << 24
"""Elements of a constant that is made while reading."""

Fold = Callable[..., Tensor]


def constant(call: Call) -> None:
    """Fold Constant: a tensor, or plain numbers."""
    values = [
        call.attribute("value", "tensor", None),
        _numbers(call, "value_float", "float", np.float32),
        _numbers(call, "value_floats", "floats", np.float32),
        _numbers(call, "value_int", "int", np.int64),
        _numbers(call, "value_ints", "ints", np.int64),
    ]
    given = [value for value in values if value is not None]
    if len(given) != 1:
        raise call.error("no value attribute that is read", "one tensor, number or list of them")
    call.fold((given[0],) * call.builder.probes)


def _numbers(call: Call, name: str, kind: str, dtype: Any) -> Tensor | None:
    value = call.attribute(name, kind, None)
    return None if value is None else np.asarray(value, dtype)


def shape_of(call: Call) -> None:
    """Fold Shape: the sizes are known at each probe."""
    start = call.attribute("start", "int", 0)
    end = call.attribute("end", "int", None)
    operand = call.operand(0)
    shapes = operand.shapes if isinstance(operand, Value) else [a.shape for a in operand.arrays]
    call.fold(tuple(np.asarray(shape[slice(start, end)], np.int64) for shape in shapes))


def fold(call: Call, function: Fold) -> None:
    """Evaluate a node at each probe.

    Raises
    ------
    FormatError
        If NumPy refuses the operands, or the result would be large.
    """
    constants = [call.operand(i) if call.given(i) else None for i in range(len(call.node.inputs))]
    results: list[Tensor] = []
    for probe in range(call.builder.probes):
        arrays = [c.arrays[probe] if isinstance(c, Const) else None for c in constants]
        try:
            with np.errstate(all="ignore"):
                results.append(np.asarray(function(call, *arrays)))
        except (ValueError, IndexError, TypeError, OverflowError, ArithmeticError) as error:
            raise call.error(f"constants it cannot take ({error})", "operands that fit") from error
    call.fold(tuple(results))


def bounded(call: Call, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Refuse the shape of a large constant before it is made."""
    if any(size < 0 for size in shape) or prod(shape) > MAX_FOLDED:
        raise call.error(f"a constant of shape {shape}", f"at most {MAX_FOLDED:,} elements")
    return shape


def _listed(array: Tensor) -> tuple[int, ...]:
    return tuple(int(x) for x in array.reshape(-1))


def _binary(function: Callable[[Any, Any], Any]) -> Fold:
    def apply(call: Call, a: Tensor, b: Tensor) -> Tensor:
        bounded(call, np.broadcast_shapes(a.shape, b.shape))
        return np.asarray(function(a, b))

    return apply


def divide(a: Tensor, b: Tensor) -> Tensor:
    """Divide; integers towards zero."""
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    if not np.all(b):
        msg = "a division by zero"
        raise ValueError(msg)
    return np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)), a.dtype)


def _cast(call: Call, a: Tensor) -> Tensor:
    code = call.attribute("to", "int", 0)
    call.ignore("saturate", "round_mode")
    if code not in DTYPES or code == 16:
        raise call.error(f"attribute 'to' = {code}", "a float, integer or bool type")
    return a.astype(DTYPES[code][0])


def _gather(call: Call, a: Tensor, indices: Tensor) -> Tensor:
    axis = call.axis(call.attribute("axis", "int", 0), a.ndim)
    bounded(call, (*a.shape[:axis], *indices.shape, *a.shape[axis + 1 :]))
    return np.asarray(np.take(a, indices, axis=axis))


def _concat(call: Call, *arrays: Tensor) -> Tensor:
    bounded(call, (sum(a.size for a in arrays),))
    return np.concatenate(arrays, axis=call.attribute("axis", "int", 0))


def _axes(call: Call, listed: Tensor | None) -> tuple[int, ...] | None:
    if call.opset < 13:
        axes = call.attribute("axes", "ints", None)
        return None if axes is None else tuple(axes)
    return None if listed is None else _listed(listed)


def _unsqueeze(call: Call, a: Tensor, listed: Tensor | None = None) -> Tensor:
    return np.expand_dims(a, _axes(call, listed) or ())


def _squeeze(call: Call, a: Tensor, listed: Tensor | None = None) -> Tensor:
    return np.squeeze(a, _axes(call, listed))


def _reshape(call: Call, a: Tensor, dims: Tensor) -> Tensor:
    call.expect("allowzero", "int", (0,))
    sizes = _listed(dims)
    return a.reshape([a.shape[k] if size == 0 else size for k, size in enumerate(sizes)])


def _transpose(call: Call, a: Tensor) -> Tensor:
    return a.transpose(call.attribute("perm", "ints", None))


def _slice(
    call: Call,
    a: Tensor,
    starts: Tensor | None = None,
    ends: Tensor | None = None,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    if call.opset < 10:
        begin, end = call.attribute("starts", "ints", ()), call.attribute("ends", "ints", ())
        along = call.attribute("axes", "ints", tuple(range(len(begin))))
        by: tuple[int, ...] = (1,) * len(begin)
    else:
        if starts is None or ends is None:
            raise call.error("no starts or ends", "both")
        begin, end = _listed(starts), _listed(ends)
        along = tuple(range(len(begin))) if axes is None else _listed(axes)
        by = (1,) * len(begin) if steps is None else _listed(steps)
    cut = [slice(None)] * a.ndim
    for first, stop, axis, step in zip(begin, end, along, by, strict=True):
        # Going backwards, an end before the first cell means: through the first cell.
        past = step < 0 and stop < -a.shape[axis]
        cut[axis] = slice(first, None if past else stop, step)
    return a[tuple(cut)]


def _constant_of_shape(call: Call, dims: Tensor) -> Tensor:
    value = call.attribute("value", "tensor", np.zeros(1, np.float32))
    shape = bounded(call, _listed(dims))
    return np.full(shape, value.reshape(-1)[0], value.dtype)


def _expand(call: Call, a: Tensor, dims: Tensor) -> Tensor:
    shape = np.broadcast_shapes(a.shape, _listed(dims))
    return np.broadcast_to(a, bounded(call, shape))


def _range(call: Call, start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    first, stop, step = (x.reshape(-1)[0].item() for x in (start, limit, delta))
    if step == 0:
        raise call.error("a step of 0", "another")
    bounded(call, (max(int(np.ceil((stop - first) / step)), 0),))
    return np.arange(first, stop, step, dtype=start.dtype)


def _where(call: Call, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    bounded(call, np.broadcast_shapes(condition.shape, a.shape, b.shape))
    return np.where(condition, a, b)


def _mod(call: Call, a: Tensor, b: Tensor) -> Tensor:
    call.expect("fmod", "int", (0,))
    bounded(call, np.broadcast_shapes(a.shape, b.shape))
    if b.dtype.kind != "f" and not np.all(b):
        raise call.error("a division by zero", "another divisor")
    return np.asarray(np.mod(a, b))


def _product(call: Call, a: Tensor, listed: Tensor | None = None) -> Tensor:
    axes = call.attribute("axes", "ints", None) if call.opset < 18 else None
    axes = _listed(listed) if listed is not None else axes
    call.expect("noop_with_empty_axes", "int", (0,))
    keep = bool(call.attribute("keepdims", "int", 1))
    return np.asarray(np.prod(a, axis=tuple(axes) if axes else None, keepdims=keep), a.dtype)


FOLDS: Mapping[str, Fold] = {
    "Add": _binary(np.add),
    "Cast": _cast,
    "Ceil": lambda _, a: np.ceil(a),
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Div": _binary(divide),
    "Equal": _binary(np.equal),
    "Expand": _expand,
    "Floor": lambda _, a: np.floor(a),
    "Gather": _gather,
    "Identity": lambda _, a: a,
    "Max": _binary(np.maximum),
    "Min": _binary(np.minimum),
    "Mod": _mod,
    "Mul": _binary(np.multiply),
    "Neg": lambda _, a: np.negative(a),
    "Range": _range,
    "ReduceProd": _product,
    "Reshape": _reshape,
    "Slice": _slice,
    "Sqrt": lambda _, a: np.sqrt(a),
    "Squeeze": _squeeze,
    "Sub": _binary(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}
"""Functions of the call and one array for each input, by op type."""
