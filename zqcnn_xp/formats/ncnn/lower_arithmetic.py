"""Arithmetic of blobs with each other and with numbers, and reductions."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any, Literal

import numpy as np

from zqcnn_xp.formats.ncnn.broadcast import lifted, widest
from zqcnn_xp.formats.ncnn.call import Call, Lowering, Tensor
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.scalar import Scalar, ScalarKind
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOWERINGS"]

_SCALARS: Mapping[int, ScalarKind] = {
    0: "add",
    1: "subtract",
    2: "multiply",
    3: "divide",
    4: "max",
    5: "min",
    6: "power",
    7: "reverse_subtract",
    8: "reverse_divide",
}
# Codes whose operands are the other way round: s - x, s / x.
_TURNED = {7: 1, 8: 3}


def binary(call: Call) -> None:
    """``BinaryOp`` of two blobs, or of a blob and a number."""
    record = call.record
    code = record.integer(0)
    if record.switch(1) or len(call.operands) == 1:
        value = record.number(2)
        if code == 9 and value > 0:
            call.emit(Unary("exp"), call.emit(Scalar("multiply", log(value)), part="power"))
        elif code in _SCALARS:
            call.emit(Scalar(_SCALARS[code], value))
        else:
            raise call.error(f"0={code} with a number", "0 to 8, or 9 of a positive number")
        return
    if len(call.operands) != 2 or code not in _SCALARS or code == 6:
        raise call.error(f"0={code} of {len(call.operands)} blobs", "0 to 5, 7 or 8 of two")
    first, second = call.operands if code not in _TURNED else reversed(call.operands)
    code = _TURNED.get(code, code)
    if isinstance(first, str) and isinstance(second, str):
        _values(call, first, second, code)
    elif isinstance(second, str):
        _array(call, second, first, {1: 7, 3: 8}.get(code, code))  # type: ignore[arg-type]
    elif isinstance(first, str):
        _array(call, first, second, code)
    else:
        raise call.error("two arrays", "at least one computed blob")


def _values(call: Call, first: str, second: str, code: int) -> None:
    target = widest([call.assembly.shapes[first], call.assembly.shapes[second]])
    first, second = lifted(call, first, target), lifted(call, second, target)
    if code == 5:
        turned = [call.emit(Scalar("multiply", -1.0), v, part="minus") for v in (first, second)]
        largest = call.emit(Elementwise("max"), *turned, part="max")
        call.emit(Scalar("multiply", -1.0), largest)
        return
    if code == 3:
        second = call.emit(Unary("reciprocal"), second, part="reciprocal")
    op = {
        0: Elementwise("sum"),
        1: Elementwise("sum", (1.0, -1.0)),
        2: Elementwise("product"),
        3: Elementwise("product"),
        4: Elementwise("max"),
    }[code]
    call.emit(op, first, second)


def _array(call: Call, value: str, array: Tensor, code: int) -> None:
    """Combine a blob with a number, or one for each channel, of MemoryData."""
    if array.size == 1:
        number = float(array.reshape(-1)[0])
        call.emit(Scalar(_SCALARS[code], number), value)
        return
    shape = call.assembly.shapes[value]
    outer = array.shape[:1] + (1,) * (array.ndim - 1)
    if array.shape != outer or len(shape) < 2 or array.size != shape[1]:
        found = f"an array of shape {array.shape} with a blob of shape {shape}"
        raise call.error(found, f"one number, or one for each of {shape[1:2]} channels")
    vector = np.ascontiguousarray(array.reshape(-1))
    if code in (7, 8):
        turn: Any = Scalar("multiply", -1.0) if code == 7 else Unary("reciprocal")
        value = call.emit(turn, value, part="turned")
    if code in (0, 1, 7):
        weights = {"bias": -vector if code == 1 else vector}
        call.emit(Scale(scale=False), value, weights=weights)
        return
    if code not in (2, 3, 8):
        raise call.error(f"0={code} with an array", "0 to 3, 7 or 8")
    if code == 3:
        with np.errstate(all="ignore"):
            vector = (1.0 / vector.astype(np.float64)).astype(np.float32)
        if not np.all(np.isfinite(vector)):
            raise call.error("a divisor without a finite reciprocal", "others")
    call.emit(Scale(bias=False), value, weights={"scale": vector})


def eltwise(call: Call) -> None:
    """``Eltwise``: product, sum with factors, or maximum."""
    record = call.record
    kinds: dict[int, Literal["product", "sum", "max"]] = {0: "product", 1: "sum", 2: "max"}
    code = record.integer(0)
    if code not in kinds or len(call.operands) < 2:
        raise call.error(f"0={code} of {len(call.operands)} blobs", "0, 1 or 2 of at least two")
    factors = record.numbers(1) if code == 1 else ()
    if factors and len(factors) != len(call.operands):
        raise call.error(f"{len(factors)} factors of {len(call.operands)} blobs", "one for each")
    values = [call.value(place) for place in range(len(call.operands))]
    target = widest([call.assembly.shapes[value] for value in values])
    values = [lifted(call, value, target) for value in values]
    plain = all(factor == 1 for factor in factors)
    call.emit(Elementwise(kinds[code], () if plain else factors), *values)


def unary(call: Call) -> None:
    """``UnaryOp``."""
    code = call.record.integer(0)
    ops: dict[int, Any] = {
        0: Unary("abs"),
        1: Scalar("multiply", -1.0),
        5: Unary("sqrt"),
        6: Scalar("power", -0.5),
        7: Unary("exp"),
        8: Unary("log"),
        15: Unary("reciprocal"),
        16: Activation("tanh"),
    }
    if code == 4:
        call.emit(Elementwise("product"), call.value(), call.value())
    elif code == 17:
        call.emit(Scalar("divide", log(10)), call.emit(Unary("log"), part="log"))
    elif code in ops:
        call.emit(ops[code])
    else:
        known = ", ".join(map(str, sorted([*ops, 4, 17])))
        raise call.error(f"0={code}", f"one of {known}")


def reduction(call: Call) -> None:
    """``Reduction``: sums, means, extremes and norms over axes, times a factor."""
    record = call.record
    shape = call.shape()
    kind = record.integer(0)
    axes = tuple(range(1, len(shape)))
    if not record.switch(1, True):
        if not record.switch(5):
            raise call.error("axes without 5=1", "a file of a newer converter, with 5=1")
        axes = tuple(sorted({call.axis(axis) for axis in record.integers(3)}))
    value = call.value()
    if kind in (1, 7):
        value = call.emit(Unary("abs"), part="abs")
    elif kind in (2, 8):
        value = call.emit(Elementwise("product"), value, value, part="square")
    elif kind == 10:
        value = call.emit(Unary("exp"), part="exp")
    elif kind not in (0, 3, 4, 5, 9):
        raise call.error(f"0={kind}", "0 to 5 or 7 to 10: no products")
    rule = {3: "mean", 4: "max", 5: "min"}.get(kind, "sum")
    value = call.emit(Reduce(rule, axes), value, part="reduced")  # type: ignore[arg-type]
    if not record.switch(4):
        # A blob without a batch keeps at least one axis.
        for axis in reversed(axes if len(axes) < len(shape) - 1 else axes[1:]):
            value = call.emit(Reshape((), axis, 1), value, part=f"axis{axis}")
    if kind == 8:
        value = call.emit(Unary("sqrt"), value, part="root")
    elif kind in (9, 10):
        value = call.emit(Unary("log"), value, part="log")
    call.emit(Scalar("multiply", record.number(2, 1.0)), value)


LOWERINGS: Mapping[str, Lowering] = {
    "BinaryOp": binary,
    "Eltwise": eltwise,
    "Reduction": reduction,
    "UnaryOp": unary,
}
