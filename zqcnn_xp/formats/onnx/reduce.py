"""Reductions along any axes, and what is made of them: sums, means, norms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOWERINGS", "fold_axes"]

_AXES_AS_INPUT_SINCE = {"ReduceSum": 13}


def reduce(call: Call, kind: str) -> None:
    """Lower ReduceSum, ReduceMean, ReduceMax or ReduceMin."""
    x = call.value(0)
    axes, keep = _options(call, x)
    fold_axes(call, x, kind, axes, keep, last=True)


def sum_square(call: Call) -> None:
    """Lower ReduceSumSquare."""
    x = call.value(0)
    axes, keep = _options(call, x)
    fold_axes(call, call.emit(Elementwise("product"), x, x), "sum", axes, keep, last=True)


def l2(call: Call) -> None:
    """Lower ReduceL2, the Euclidean length."""
    x = call.value(0)
    axes, keep = _options(call, x)
    square = call.emit(Elementwise("product"), x, x)
    call.emit(Unary("sqrt"), fold_axes(call, square, "sum", axes, keep, last=False), last=True)


def l1(call: Call) -> None:
    """Lower ReduceL1, the sum of magnitudes."""
    x = call.value(0)
    axes, keep = _options(call, x)
    fold_axes(call, call.emit(Unary("abs"), x), "sum", axes, keep, last=True)


def fold_axes(
    call: Call, x: Value, kind: str, axes: tuple[int, ...] | None, keep: bool, last: bool
) -> Value:
    """Fold the logical axes, all of them for None; a map's H and W by the pool that does it."""
    if axes == ():
        return call.emit(Identity(), x, last=last) if last else x
    whole = x.rank == 4 and axes is not None and sorted(axes) == [2, 3]
    if whole and kind in ("mean", "max"):
        pool = call.make(Pool2D, "average" if kind == "mean" else "max", None)
        out = call.emit(pool, x, last=last and keep)
        return out if keep else call.reshape(out, tuple(s[:2] for s in out.shapes), last=last)
    return call.emit(call.make(Reduce, kind, axes, keep), x, last=last)


def _options(call: Call, x: Value) -> tuple[tuple[int, ...] | None, bool]:
    if call.opset >= _AXES_AS_INPUT_SINCE.get(call.node.op_type, 18):
        noop = call.attribute("noop_with_empty_axes", "int", 0)
        given = call.integers(1)[0] if call.given(1) else ()
        axes = tuple(given) if given or noop else None
    else:
        axes = call.attribute("axes", "ints", None)
    if axes is not None:
        axes = tuple(call.axis(axis, x.rank) for axis in axes)
        if len(set(axes)) != len(axes):
            raise call.error(f"axes {axes}", "different ones")
    call.expect("keepdims", "int", (1, 0))
    return axes, bool(call.attribute("keepdims", "int", 1))


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "ReduceL1": l1,
    "ReduceL2": l2,
    "ReduceMax": partial(reduce, kind="max"),
    "ReduceMean": partial(reduce, kind="mean"),
    "ReduceMin": partial(reduce, kind="min"),
    "ReduceSum": partial(reduce, kind="sum"),
    "ReduceSumSquare": sum_square,
}
