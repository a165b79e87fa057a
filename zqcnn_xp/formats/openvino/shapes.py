"""Ops that move, rename, take, repeat or add cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zqcnn_xp.formats.onnx import shapes as shared
from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.rearrange import expand, pick, tile, to_space
from zqcnn_xp.formats.onnx.regions import pad_value, split_value
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.formats.openvino.attributes import boolean, choice, integer, integers
from zqcnn_xp.formats.openvino.pointwise import one_number
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.transpose import Transpose

__all__ = ["LOWERINGS", "axis_input"]

_END = 1 << 31


def reshape(call: Call) -> None:
    """Lower Reshape; a 0 copies a size unless ``special_zero`` is false."""
    shared.reshape_to(call, call.value(0), zero=not boolean(call, "special_zero", True))


def squeeze(call: Call) -> None:
    """Lower Squeeze."""
    if boolean(call, "allow_axis_skip", False):
        raise call.error("attribute 'allow_axis_skip'", "false")
    shared.squeeze(call)


def transpose(call: Call) -> None:
    """Lower Transpose; an empty order reverses the axes."""
    x = call.value(0)
    order = fixed(call, 1) or tuple(reversed(range(x.rank)))
    call.emit(call.make(Transpose, order), x, last=True)


def concat(call: Call) -> None:
    """Lower Concat of computed values."""
    values = [call.value(index) for index in range(len(call.node.inputs))]
    if not values:
        raise call.error("no inputs", "some")
    axis = call.axis(integer(call, "axis"), values[0].rank)
    call.emit(Concat(axis), *values, last=True)


def split(call: Call) -> None:
    """Lower Split, in equal parts."""
    x = call.value(0)
    axis, count = axis_input(call, x, 1), integer(call, "num_splits")
    total = x.size(axis)
    if count != len(call.node.outputs) or total is None or total % count:
        found = f"{count} parts of {total or 'a free size'} in {len(call.node.outputs)} outputs"
        raise call.error(found, "equal parts of a fixed size")
    split_value(call, x, axis, (total // count,) * count)


def variadic_split(call: Call) -> None:
    """Lower VariadicSplit, in parts of given lengths; one may be -1, the rest."""
    x = call.value(0)
    axis, parts = axis_input(call, x, 1), list(fixed(call, 2))
    total = x.size(axis)
    if total is not None and parts.count(-1) == 1:
        parts[parts.index(-1)] = total - sum(parts) - 1
    split_value(call, x, axis, tuple(parts))


def strided_slice(call: Call) -> None:
    """Lower StridedSlice with forward steps; bounds must not depend on free sizes."""
    x = call.value(0)
    begin, end = fixed(call, 1), fixed(call, 2)
    steps = fixed(call, 3) if call.given(3) else (1,) * len(begin)
    masks = [_mask(call, name, len(begin)) for name in ("begin_mask", "end_mask")]
    dropped = _mask(call, "shrink_axis_mask", len(begin))
    if any(integers(call, "new_axis_mask", ())) or any(integers(call, "ellipsis_mask", ())):
        raise call.error("new_axis_mask or ellipsis_mask", "plain ranges")
    if not len(begin) == len(end) == len(steps) <= x.rank:
        raise call.error(f"begin {begin}, end {end}, steps {steps}", "lists of equal length")
    ranges = [
        (axis, 0 if masks[0][axis] else a, None if masks[1][axis] or b >= _END else b, step)
        for axis, (a, b, step) in enumerate(zip(begin, end, steps, strict=True))
    ]
    ranges = [
        (axis, a, (a + 1 or None) if dropped[axis] else b, step) for axis, a, b, step in ranges
    ]
    _take(call, x, ranges, [axis for axis, drop in enumerate(dropped) if drop])


def _mask(call: Call, name: str, count: int) -> tuple[int, ...]:
    mask = integers(call, name, ())
    if any(bit not in (0, 1) for bit in mask) or len(mask) > 16:
        raise call.error(f"attribute {name!r} = {mask[:16]}", "bits")
    return (*mask, *(0,) * count)[: max(count, len(mask))]


def slices(call: Call) -> None:
    """Lower Slice with forward steps: start, stop, step and perhaps axes."""
    x = call.value(0)
    start, stop, step = (fixed(call, k) for k in (1, 2, 3))
    axes = fixed(call, 4) if call.given(4) else tuple(range(len(start)))
    if not len(start) == len(stop) == len(step) == len(axes) <= x.rank:
        raise call.error(f"start {start}, stop {stop}, step {step}", "lists of equal length")
    ranges = [
        (call.axis(axis, x.rank), a, None if b >= _END else b, by)
        for axis, a, b, by in zip(axes, start, stop, step, strict=True)
    ]
    _take(call, x, ranges, [])


def _take(
    call: Call, x: Value, ranges: list[tuple[int, int, int | None, int]], drop: list[int]
) -> None:
    ops = [
        call.make(Slice, axis, a, b, step)
        for axis, a, b, step in ranges
        if (a, b, step) != (0, None, 1)
    ]
    ops += [call.make(Reshape, (), axis, 1) for axis in reversed(drop)]
    for place, op in enumerate(ops or [Identity()]):
        x = call.emit(op, x, last=place >= len(ops) - 1)


def gather(call: Call) -> None:
    """Lower Gather by constant indices."""
    x = call.value(0)
    if integer(call, "batch_dims", 0):
        raise call.error("attribute 'batch_dims'", "0")
    pick(call, x, axis_input(call, x, 2), call.constant(1))


def pad(call: Call) -> None:
    """Lower Pad with a constant."""
    choice(call, "pad_mode", "constant", ("constant",))
    x = call.value(0)
    begin, end = fixed(call, 1), fixed(call, 2)
    value = one_number(call, 3) if call.given(3) else 0.0
    if len(begin) != x.rank or len(end) != x.rank or min(begin + end, default=0) < 0:
        raise call.error(f"pads {begin} and {end}", f"{x.rank} counts of 0 or more each")
    pad_value(call, x, list(zip(begin, end, strict=True)), value)


def depth_to_space(call: Call) -> None:
    """Lower DepthToSpace."""
    mode = choice(call, "mode", "blocks_first", ("blocks_first", "depth_first"))
    side = integer(call, "block_size", 1)
    to_space(call, call.value(0, rank=4), side, slowest=mode == "blocks_first")


def space_to_depth(call: Call) -> None:
    """Lower SpaceToDepth."""
    mode = choice(call, "mode", "blocks_first", ("blocks_first", "depth_first"))
    order = "block" if mode == "blocks_first" else "channel"
    op = call.make(Reorg, integer(call, "block_size", 1), order)
    call.emit(op, call.value(0, rank=4), last=True)


def broadcast(call: Call) -> None:
    """Lower Broadcast along axes of size 1."""
    choice(call, "mode", "numpy", ("numpy", "bidirectional"))
    expand(call)


def axis_input(call: Call, x: Value, index: int) -> int:
    """Return an axis that an input gives."""
    array = call.constant(index)
    if array.size != 1 or array.dtype.kind not in "iu":
        raise call.error(f"input {index} of shape {array.shape}", "one axis")
    return call.axis(int(array.reshape(-1)[0]), x.rank)


def fixed(call: Call, index: int) -> tuple[int, ...]:
    """Return a constant list of integers that no free size changes."""
    found = set(call.integers(index))
    if len(found) != 1:
        raise call.error(f"input {index} that depends on a free input size", "constant integers")
    return found.pop()


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "Broadcast": broadcast,
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Gather": gather,
    "Pad": pad,
    "Reshape": reshape,
    "Slice": slices,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "StridedSlice": strided_slice,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": shared.unsqueeze,
    "VariadicSplit": variadic_split,
}
