"""Ops that move or rename axes: Transpose, Flatten, Reshape, Squeeze, Unsqueeze, Concat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.values import Value, reshape_dims
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.transpose import Transpose

__all__ = ["LOWERINGS", "reshape_to", "squeeze", "unsqueeze"]


def transpose(call: Call) -> None:
    """Lower Transpose; without ``perm`` the axes are reversed."""
    x = call.value(0)
    perm = call.attribute("perm", "ints", tuple(reversed(range(x.rank))))
    call.emit(call.make(Transpose, tuple(perm)), x, last=True)


def flatten(call: Call) -> None:
    """Lower Flatten: a matrix of what is before ``axis`` and what is from it on."""
    x = call.value(0)
    axis = call.attribute("axis", "int", 1)
    if not -x.rank <= axis <= x.rank:
        raise call.error(f"attribute 'axis' = {axis}", f"one from {-x.rank} to {x.rank}")
    call.emit(Flatten(axis, form="matrix"), x, last=True)


def reshape(call: Call) -> None:
    """Lower Reshape to sizes that are constant, or that follow from the input's."""
    reshape_to(call, call.value(0), zero=bool(call.attribute("allowzero", "int", 0)))


def reshape_to(call: Call, x: Value, zero: bool) -> None:
    """Give ``x`` the sizes of input 1, where 0 copies a size unless ``zero``."""
    targets = tuple(
        _target(call, shape, dims, zero)
        for shape, dims in zip(x.shapes, call.integers(1), strict=True)
    )
    call.reshape(x, targets, last=True)


def _target(call: Call, shape: Shape, dims: tuple[int, ...], zero: bool) -> Shape:
    """Return the shape that a list of sizes asks for: 0 copies, -1 takes the rest."""
    sizes = [shape[k] if d == 0 and not zero and k < len(shape) else d for k, d in enumerate(dims)]
    known = prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and known > 0 and prod(shape) % known == 0:
        sizes[sizes.index(-1)] = prod(shape) // known
    if any(size < 0 for size in sizes) or prod(sizes) != prod(shape):
        raise call.error(f"sizes {dims} for a value of shape {shape}", "as many elements")
    return tuple(sizes)


def squeeze(call: Call) -> None:
    """Lower Squeeze: drops axes of size 1, all of them where none is named."""
    x = call.value(0)
    axes = _axes(call)
    if axes is None:
        # A free axis is never 1 at a probe, as the standard's own shape inference takes it.
        drop = {axis for axis in range(x.rank) if x.size(axis) == 1}
    else:
        drop = {call.axis(axis, x.rank) for axis in axes}
    if any(x.size(axis) != 1 for axis in drop):
        raise call.error(f"axes {sorted(drop)} of {x.shapes[0]}", "axes of size 1")
    kept = [axis for axis in range(x.rank) if axis not in drop]
    targets = tuple(tuple(shape[axis] for axis in kept) for shape in x.shapes)
    steps = [call.make(Reshape, (), axis, 1) for axis in sorted(drop, reverse=True)]
    _rename(call, x, targets, steps)


def _rename(call: Call, x: Value, targets: tuple[Shape, ...], steps: list[Reshape]) -> None:
    """Drop or add axes of size 1 by one reshape, or axis by axis beside several free sizes."""
    if reshape_dims(x.shapes, targets) is not None or not steps:
        call.reshape(x, targets, last=True)
        return
    for place, step in enumerate(steps):
        x = call.emit(step, x, last=place == len(steps) - 1)


def unsqueeze(call: Call) -> None:
    """Lower Unsqueeze: puts in axes of size 1."""
    x = call.value(0)
    axes = _axes(call)
    if axes is None or len(axes) > 16:
        raise call.error("no axes, or too many", "some")
    rank = x.rank + len(axes)
    new = {call.axis(axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise call.error(f"axes {axes}", "different ones")
    shapes: list[Shape] = []
    for shape in x.shapes:
        rest = iter(shape)
        shapes.append(tuple(1 if axis in new else next(rest) for axis in range(rank)))
    _rename(call, x, tuple(shapes), [call.make(Reshape, (1,), axis, 0) for axis in sorted(new)])


def _axes(call: Call) -> tuple[int, ...] | None:
    if call.opset < 13:
        axes = call.attribute("axes", "ints", None)
        return None if axes is None else tuple(axes)
    return call.integers(1)[0] if call.given(1) else None


def concat(call: Call) -> None:
    """Lower Concat of computed values."""
    values = [call.value(index) for index in range(len(call.node.inputs))]
    if not call.has("axis") or not values:
        raise call.error("no attribute 'axis' or no inputs", "both")
    axis = call.axis(call.attribute("axis", "int", 0), values[0].rank)
    call.emit(Concat(axis), *values, last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "Concat": concat,
    "Flatten": flatten,
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
