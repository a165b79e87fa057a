"""Ops that take parts of a value or add cells to it: Slice, Split, Pad."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.slice import Slice

__all__ = ["LOWERINGS", "pad_value", "split_value"]

_END = 1 << 31  # exporters write the largest integer for "to the end"


def slices(call: Call) -> None:
    """Lower Slice with positive steps; bounds must not depend on free sizes."""
    x = call.value(0)
    if call.opset < 10:
        starts = call.attribute("starts", "ints", ())
        ends = call.attribute("ends", "ints", ())
        axes = call.attribute("axes", "ints", tuple(range(len(starts))))
        steps: tuple[int, ...] = (1,) * len(starts)
    else:
        starts, ends = _fixed(call, 1), _fixed(call, 2)
        axes = _fixed(call, 3) if call.given(3) else tuple(range(len(starts)))
        steps = _fixed(call, 4) if call.given(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or len(axes) > x.rank:
        raise call.error(f"starts {starts}, ends {ends}, axes {axes}", "lists of equal length")
    ops = [
        call.make(Slice, call.axis(axis, x.rank), start, None if end >= _END else end, step)
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True)
    ]
    for place, op in enumerate(ops or [Identity()]):
        x = call.emit(op, x, last=place >= len(ops) - 1)


def _fixed(call: Call, index: int) -> tuple[int, ...]:
    found = set(call.integers(index))
    if len(found) != 1:
        raise call.error(f"input {index} that depends on a free input size", "constant integers")
    return found.pop()


def split(call: Call) -> None:
    """Lower Split, in parts of given or equal sizes, as one Slice for each."""
    x = call.value(0)
    axis = call.axis(call.attribute("axis", "int", 0), x.rank)
    total, outputs = x.size(axis), call.node.outputs
    if total is None:
        raise call.error(f"a split along axis {axis} of free size", "a fixed size")
    if call.opset >= 18:
        call.expect("num_outputs", "int", (len(outputs),))
    if call.opset < 13:
        parts = call.attribute("split", "ints", None)
    else:
        parts = _fixed(call, 1) if call.given(1) else None
    if parts is None:
        # Equal parts; the last may be smaller since opset 18.
        each = -(-total // len(outputs))
        parts = (*(each,) * (len(outputs) - 1), total - each * (len(outputs) - 1))
        if call.opset < 18 and parts[-1] != each:
            raise call.error(f"{total} cells in {len(outputs)} parts", "equal parts")
    split_value(call, x, axis, parts)


def split_value(call: Call, x: Value, axis: int, parts: tuple[int, ...]) -> None:
    """Give each output its part of the axis."""
    total, outputs = x.size(axis), call.node.outputs
    if total is None:
        raise call.error(f"a split along axis {axis} of free size", "a fixed size")
    if len(parts) != len(outputs) or sum(parts) != total or min(parts) < 0:
        raise call.error(f"parts {parts} of {total} cells", f"{len(outputs)} that add up")
    start = 0
    for output, size in zip(outputs, parts, strict=True):
        if output:
            call.target = output
            call.emit(Slice(axis, start, start + size), x, last=True)
        start += size


def pad(call: Call) -> None:
    """Lower Pad with a constant; zeros around a map are also offered to a Conv or a pool."""
    x = call.value(0)
    call.expect("mode", "string", ("constant",))
    if call.opset < 11:
        pads, value = call.attribute("pads", "ints", ()), call.attribute("value", "float", 0.0)
        axes: tuple[int, ...] = tuple(range(x.rank))
    else:
        pads = _fixed(call, 1)
        value = float(call.weight(2).reshape(-1)[0]) if call.given(2) else 0.0
        axes = _fixed(call, 3) if call.given(3) else tuple(range(x.rank))
    if len(pads) != 2 * len(axes) or any(size < 0 for size in pads):
        raise call.error(f"pads {pads}", f"{2 * len(axes)} counts of 0 or more")
    sides = [(0, 0)] * x.rank
    for k, axis in enumerate(axes):
        sides[call.axis(axis, x.rank)] = (pads[k], pads[k + len(axes)])
    pad_value(call, x, sides, value)


def pad_value(call: Call, x: Value, sides: list[tuple[int, int]], value: float) -> None:
    """Border every axis; zeros around a map are also offered to what reads it."""
    out = call.emit(call.make(Pad, tuple(sides), value), x, last=True)
    if x.rank == 4 and value == 0.0 and sides[:2] == [(0, 0), (0, 0)]:
        call.builder.padded[out.name] = (x, (*sides[2], *sides[3]))


LOWERINGS: Mapping[str, Callable[[Call], None]] = {"Pad": pad, "Slice": slices, "Split": split}
