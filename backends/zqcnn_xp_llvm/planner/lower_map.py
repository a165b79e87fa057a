"""Formulas, softmax and copies as instructions."""

from __future__ import annotations

from functools import partial

import numpy as np

from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.softmax import Softmax as SoftmaxOp
from zqcnn_xp.ops.upsample import Upsample
from zqcnn_xp_llvm.kernels.copies import CopyCells, CopyRuns, Turn
from zqcnn_xp_llvm.kernels.normalize import Normalize
from zqcnn_xp_llvm.kernels.pointwise import Pointwise
from zqcnn_xp_llvm.kernels.softmax import Softmax
from zqcnn_xp_llvm.planner.lower_conv import row_params
from zqcnn_xp_llvm.planner.lower_window import block_params
from zqcnn_xp_llvm.planner.moves import moves_of, repeats_of
from zqcnn_xp_llvm.planner.steps import MapStep, MoveStep, NormStep, SoftmaxStep
from zqcnn_xp_llvm.planner.storage import Instruction, Place, Pool, Storage, instruction

__all__ = ["convert", "map_step", "move", "normalize", "softmax"]

_TILES = (4, 3, 2, 1)


def _tile(vectors: int) -> int:
    """Return how many vectors to take at a time: as many as fit, and as divide evenly."""
    return next(t for t in _TILES if t <= vectors and (vectors % t == 0 or vectors > 8))


def map_step(
    pool: Pool, step: MapStep, xs: list[Storage], out: Storage, rows: range
) -> list[Instruction]:
    """Return the instructions that apply a formula to some rows."""
    lanes = pool.target.lanes
    size = out.layout.map
    blocks = out.layout.kind == "blocks"
    flat = all(s.layout.kind == "plain" for s in (*xs, out)) and len(rows) == size.h
    flat = flat and not step.params and not step.spread
    if flat:
        # One long row, whatever the axes.
        channels, count, width = 1, 1, size.size
    else:
        channels, count, width = out.layout.planes, len(rows), size.w
    single = not blocks and width < lanes
    tile = 1 if single else _tile(max(width if blocks else width // lanes, 1))
    across = tile if blocks or single else tile * lanes
    kernel = Pointwise(step.formula, blocks, tile, step.spread, single)
    places: dict[str, Place] = {"out": out.at(rows.start)}
    for k, array in enumerate(step.fixed, start=len(xs)):
        places[f"x{k}"] = pool.pack((step.name, "fixed", k), partial(np.asarray, array))
    integers = {"channels": channels, "rows": count}
    integers |= {"tiles": -(-width // across), "tile_last": width - across}
    integers |= {"out_row": out.layout.row, "out_channel": out.layout.plane}
    for k, x in enumerate(xs):
        spread = k in step.spread
        places[f"x{k}"] = x.at(0 if spread else rows.start)
        integers[f"x{k}_row"] = 0 if spread else x.layout.row
        integers[f"x{k}_channel"] = x.layout.plane
    if blocks:
        places["params"] = block_params(pool, step, size.c)
    else:
        places["params"] = row_params(pool, step, slice(0, size.c))
    return [instruction(kernel, places, integers)]


def normalize(
    pool: Pool, step: NormStep, x: Storage, out: Storage, rows: range
) -> list[Instruction]:
    """Return the instructions that divide pixels by their lengths, over planes."""
    op = step.op
    if not isinstance(op, L2Normalize):
        raise TypeError(f"{op} normalizes nothing")
    size = out.layout.map
    given = np.asarray(step.nodes[0].weights["scale"], np.float32)
    scale = pool.pack((step.name, "scale"), partial(np.broadcast_to, given, (size.c,)))
    single = size.w < pool.target.lanes
    across = 1 if single else pool.target.lanes
    integers = {
        "rows": len(rows),
        "x_row": x.layout.row,
        "out_row": out.layout.row,
        "tiles": -(-size.w // across),
        "tile_last": size.w - across,
        "channels": size.c,
        "x_channel": x.layout.plane,
        "out_channel": out.layout.plane,
    }
    places = {"x": x.at(rows.start), "scale": scale, "out": out.at(rows.start)}
    return [instruction(Normalize(op.eps, single), places, integers)]


def softmax(
    pool: Pool, step: SoftmaxStep, x: Storage, out: Storage, shape: Shape, rows: range
) -> list[Instruction]:
    """Return the instructions of a softmax over planes or logical order."""
    op = step.op
    if not isinstance(op, SoftmaxOp):
        raise TypeError(f"{op} is no softmax")
    lanes = pool.target.lanes
    axis, first = op.axis % len(shape), 0
    if len(shape) == 4 and axis == 1:
        inner, outer, first = shape[3], len(rows), rows.start
        strides = (x.layout.row, out.layout.row, x.layout.plane, out.layout.plane)
    else:
        inner = 1
        for size in shape[axis + 1 :]:
            inner *= size
        outer = 1
        for size in shape[1:axis]:
            outer *= size
        whole = 4 * inner * shape[axis]
        strides = (whole, whole, 4 * inner, 4 * inner)
    pairs = inner == 1 and shape[axis] == 2 and outer >= lanes
    if pairs:
        # All columns in a row, as many at a time as a vector has lanes.
        inner, outer = outer, 1
    across = lanes if inner >= lanes else 1
    kernel = Softmax(single=across == 1, pairs=pairs)
    integers = {
        "outer": outer,
        "x_outer": strides[0],
        "out_outer": strides[1],
        "rows": 1,
        "tiles": -(-inner // across),
        "tile_last": inner - across,
        "cells": shape[axis],
        "x_step": strides[2],
        "out_step": strides[3],
    }
    return [instruction(kernel, {"x": x.at(first), "out": out.at(first)}, integers)]


Loop = tuple[int, int, int]
"""Count, bytes from turn to turn in the source, and in the target."""


def _nest(loops: list[Loop]) -> list[Loop]:
    """Drop loops of one turn and merge those that run on where the inner one ends."""
    kept: list[Loop] = []
    for count, x, out in (loop for loop in loops if loop[0] > 1):
        if kept and kept[-1][1] == count * x and kept[-1][2] == count * out:
            kept[-1] = (kept[-1][0] * count, x, out)
        else:
            kept.append((count, x, out))
    return kept


def copy_loops(pool: Pool, loops: list[Loop], source: Place, target: Place) -> list[Instruction]:
    """Return copies of single floats under any loops, the innermost last."""
    loops = _nest(loops)
    lanes = pool.target.lanes
    found = []
    *outer, inner = loops or [(1, 4, 4)]
    # What four loops do not hold is written out.
    starts = [(0, 0)]
    while len(outer) > 4:
        count, x, out = outer.pop(0)
        starts = [(a + k * x, b + k * out) for a, b in starts for k in range(count)]
    nest = [(1, 0, 0)] * (4 - len(outer)) + outer
    integers: dict[str, int] = {}
    for k, (count, x, out) in enumerate(nest):
        integers |= {f"count{k}": count, f"x{k}": x, f"out{k}": out}
    count, x, out = inner
    if x == out == 4:
        tile = _tile(count // lanes) if count >= lanes else 0
        step = tile * lanes or 1
        kernel: CopyRuns | CopyCells = CopyRuns(tile)
        integers |= {"tiles": -(-count // step), "tile_last": count - step}
    else:
        kernel = CopyCells()
        integers |= {"count": count, "x_step": x, "out_step": out}
    for a, b in starts:
        places = {"x": (source[0], source[1] + a), "out": (target[0], target[1] + b)}
        found.append(instruction(kernel, places, integers))
    return found


def convert(pool: Pool, x: Storage, out: Storage, rows: range) -> list[Instruction]:
    """Return the copies of some rows from one layout to another."""
    lanes = pool.target.lanes
    size, count = x.layout.map, len(rows)
    a, b = x.layout, out.layout
    start = (x.at(rows.start), out.at(rows.start))
    if (a.kind == "blocks") == (b.kind == "blocks"):
        run = lanes if a.kind == "blocks" else 1
        loops = [(count, a.row, b.row), (a.planes, a.plane, b.plane), (size.w * run, 4, 4)]
        return copy_loops(pool, loops, *start)
    to_planes = a.kind == "blocks"
    found = []
    for block, blocks, planes in (
        (0, size.c // lanes, lanes),
        (size.c // lanes, 1, size.c % lanes),
    ):
        if not blocks or not planes:
            continue
        plane = (block, block * lanes) if to_planes else (block * lanes, block)
        source, goal = x.at(rows.start, plane[0]), out.at(rows.start, plane[1])
        each = (a.plane, b.plane * lanes) if to_planes else (a.plane * lanes, b.plane)
        inner = (4, b.plane) if to_planes else (a.plane, 4)
        if size.w < lanes:
            loops = [(count, a.row, b.row), (blocks, *each), (planes, *inner)]
            found += copy_loops(pool, [*loops, (size.w, a.pixel, b.pixel)], source, goal)
            continue
        integers = {"count0": count, "x0": a.row, "out0": b.row}
        integers |= {"count1": blocks, "x1": each[0], "out1": each[1]}
        integers |= {"count2": 1, "count3": 1}
        integers |= {"x_step": a.pixel if to_planes else a.plane}
        integers |= {"out_step": b.plane if to_planes else b.pixel}
        integers |= {"tiles": -(-size.w // lanes), "tile_last": size.w - lanes}
        kernel = Turn(to_planes, planes % lanes)
        found.append(instruction(kernel, {"x": source, "out": goal}, integers))
    return found


def move(
    pool: Pool, step: MoveStep, xs: list[Storage], out: Storage, shapes: list[Shape], rows: range
) -> list[Instruction]:
    """Return the copies of a step that moves elements; of some rows where it keeps rows."""
    op, lay = step.op, out.layout
    lanes = pool.target.lanes
    if len(step.shape) == 4 and isinstance(op, Concat) and op.axis % 4 == 1:
        found, channel = [], 0
        for x in xs:
            plane = channel // lanes if lay.kind == "blocks" else channel
            found += _planes(pool, x, out, 0, plane, x.layout.planes, rows)
            channel += x.layout.map.c
        return found
    if len(step.shape) == 4 and isinstance(op, Slice) and op.axis % 4 == 1 and op.step == 1:
        first, _, _ = slice(op.start, op.stop, 1).indices(shapes[0][1])
        plane = first // lanes if lay.kind == "blocks" else first
        return _planes(pool, xs[0], out, plane, 0, lay.planes, rows)
    if isinstance(op, Upsample):
        return _repeat(pool, op, xs[0], out, shapes[0], rows)
    found = []
    for m in moves_of(op, shapes, step.shape):
        loops = [
            (count, 4 * a, 4 * b) for count, a, b in zip(m.sizes, m.source, m.target, strict=True)
        ]
        buffer, start = xs[m.read].at()
        source = (buffer, start + 4 * m.source_start)
        goal = (out.buffer, out.at()[1] + 4 * m.target_start)
        found += copy_loops(pool, loops, source, goal)
    return found


def _planes(
    pool: Pool, x: Storage, out: Storage, read: int, write: int, planes: int, rows: range
) -> list[Instruction]:
    """Copy some planes, or blocks, to others."""
    a, b = x.layout, out.layout
    run = a.map.w * (pool.target.lanes if a.kind == "blocks" else 1)
    loops = [(len(rows), a.row, b.row), (planes, a.plane, b.plane), (run, 4, 4)]
    return copy_loops(pool, loops, x.at(rows.start, read), out.at(rows.start, write))


def _repeat(
    pool: Pool, op: Upsample, x: Storage, out: Storage, shape: Shape, rows: range
) -> list[Instruction]:
    up = repeats_of(op, shape)
    if up is None:
        raise TypeError(f"{op} moves no elements")
    a, b = x.layout, out.layout
    run = pool.target.lanes if a.kind == "blocks" else 1
    found = []
    for y in range(up[0]):
        # Output rows y, y + up, ... within the range.
        first = rows.start + (y - rows.start) % up[0]
        count = len(range(first, rows.stop, up[0]))
        if not count:
            continue
        loops = [
            (count, a.row, b.row * up[0]),
            (a.planes, a.plane, b.plane),
            (a.map.w, a.pixel, b.pixel * up[1]),
            (up[1], 0, b.pixel),
            (run, 4, 4),
        ]
        found += copy_loops(pool, loops, x.at(first // up[0]), out.at(first))
    return found
