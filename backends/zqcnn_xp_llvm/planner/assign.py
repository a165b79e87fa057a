"""Which values lie in blocks of channels and which in planes: the assignment that costs least.

Blocks waste lanes where channels are no multiple of a vector, planes where rows are short; a
conversion costs a pass over the value. Costs are in multiply-adds of vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.upsample import Upsample
from zqcnn_xp_llvm.planner.layout import Geometry, geometry
from zqcnn_xp_llvm.planner.steps import (
    ConvStep,
    DenseStep,
    HostStep,
    MapStep,
    MoveStep,
    Step,
    WindowStep,
)
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.planner.tiles import block_tiles, row_tiles
from zqcnn_xp_llvm.planner.windows import Window, conv_window, pool_window
from zqcnn_xp_llvm.planner.winograd import can_transform, winograd_cost
from zqcnn_xp_llvm.target import Target

__all__ = ["assign", "dense_reads_blocks", "transform_of", "window_of"]

# Stands for what cannot be, but still compares when it is added up.
_NEVER = 1e18
# Vectors moved cost as many multiply-adds; transposing squares costs more than copying lines.
_COPY, _TURN = 2.0, 6.0
# A row's tap may cost a shuffle beside its load.
_PARTED = 1.6
# Cells of a window whose weights a row kernel can hold.
MOST_CELLS = 25


@dataclass(frozen=True)
class _Way:
    """One way to run a step: the kinds it reads and writes (True: blocks), and its cost."""

    out: bool
    reads: tuple[bool | None, ...]
    cost: float


def window_of(step: Step, shape: Shape) -> Window:
    """Return the window of a convolution's or window's step on an input of this shape."""
    op = step.op
    if isinstance(op, Conv2D):
        return conv_window(op, shape)
    if isinstance(op, Pool2D):
        return pool_window(op, shape)
    raise TypeError(f"{op} has no window")


def dense_reads_blocks(shape: Shape, lanes: int) -> bool:
    """Whether a matrix product can read a map in blocks: no lane of them is empty."""
    return len(shape) == 4 and shape[1] % lanes == 0


def transform_of(pool: Pool, step: ConvStep, shape: Shape) -> tuple[int, float]:
    """Return the side of Winograd's tiles and their cost; 0 where plain products cost less.

    Parameters
    ----------
    pool
        Gives the processor, and whether transforms are allowed.
    step
        The convolution.
    shape
        Logical shape of its input.
    """
    target, op = pool.target, step.conv
    out = geometry(step.shape)
    if pool.exact or not can_transform(step):
        return (0, _NEVER)
    channels, made = shape[1], op.out_channels
    blocks = -(-(made // 2 if step.pair else made) // target.lanes)
    each, _ = block_tiles(target, blocks, out.h, out.w, pair=step.pair)
    plain = each * 9 * channels
    costs = {0: plain}
    for m in (2, 4):
        costs[m] = winograd_cost(target, channels, made, out, m, cold=pool.cold)
    measured = pool.transforms.get(step.name)
    if measured is not None and costs[measured] < float("inf"):
        return (measured, costs[measured])
    best = min(costs, key=lambda m: costs[m])
    return (best, costs[best])


def assign(
    steps: list[Step], shapes: Mapping[str, Shape], planar: set[str], pool: Pool
) -> dict[str, bool]:
    """Return, for each value, whether it lies in blocks.

    Parameters
    ----------
    steps
        All steps.
    shapes
        Logical shapes of all values.
    planar
        Values that are needed in logical order, or come in it.
    pool
        Gives the processor, and whether transforms are allowed.
    """
    target = pool.target
    ways = [_ways(step, shapes, pool) for step in steps]
    values = dict.fromkeys(v for step in steps for v in (*step.reads, step.writes))
    free = [v for v in values if len(shapes[v]) == 4 and v not in planar - _made(steps)]
    touched: dict[str, list[int]] = {v: [] for v in values}
    for k, step in enumerate(steps):
        for v in dict.fromkeys((*step.reads, step.writes)):
            touched[v].append(k)

    def cost(v: str, kinds: dict[str, bool]) -> float:
        total = sum(_step_cost(steps[k], ways[k], kinds, shapes, target) for k in touched[v])
        if v in planar and kinds[v]:
            total += _TURN * geometry(shapes[v]).size / target.lanes
        return total

    best: tuple[float, dict[str, bool]] = (_NEVER, {})
    for start in (True, False):
        kinds = {v: start and len(shapes[v]) == 4 and v in free for v in values}
        _settle(kinds, steps, free, cost)
        total = sum(
            _step_cost(s, w, kinds, shapes, target) for s, w in zip(steps, ways, strict=True)
        )
        total += sum(
            _TURN * geometry(shapes[v]).size / target.lanes for v in planar if kinds.get(v)
        )
        if total < best[0] or not best[1]:
            best = (total, kinds)
    return best[1]


def _made(steps: list[Step]) -> set[str]:
    return {step.writes for step in steps if not isinstance(step, HostStep)}


def _settle(
    kinds: dict[str, bool],
    steps: list[Step],
    free: list[str],
    cost: Callable[[str, dict[str, bool]], float],
) -> None:
    """Turn values, alone or with those that hang on them, as long as something is gained."""
    linked = _linked(steps, free)
    for _ in range(4):
        before = dict(kinds)
        for group in (*linked, *([v] for v in free)):
            for kind in (True, False):
                trial = {**kinds, **dict.fromkeys(group, kind)}
                if trial == kinds:
                    continue
                members = dict.fromkeys(group)
                old = sum(cost(v, kinds) for v in members)
                new = sum(cost(v, trial) for v in members)
                if new < old:
                    kinds.update(trial)
        if kinds == before:
            return


def _linked(steps: list[Step], free: list[str]) -> list[list[str]]:
    """Return groups of values that steps keep in one kind."""
    parent = {v: v for v in free}

    def root(v: str) -> str:
        while parent[v] != v:
            v = parent[v]
        return v

    for step in steps:
        if isinstance(step, WindowStep | MapStep | MoveStep):
            members = [v for v in (*step.reads, step.writes) if v in parent]
        elif isinstance(step, ConvStep):
            members = [v for v in (*step.reads[1:], step.writes) if v in parent]
        else:
            members = []
        for v in members[1:]:
            parent[root(v)] = root(members[0])
    groups: dict[str, list[str]] = {}
    for v in free:
        groups.setdefault(root(v), []).append(v)
    return [group for group in groups.values() if len(group) > 1]


def _step_cost(
    step: Step,
    ways: list[_Way],
    kinds: Mapping[str, bool],
    shapes: Mapping[str, Shape],
    target: Target,
) -> float:
    best = _NEVER
    for way in ways:
        if way.out != kinds[step.writes]:
            continue
        total = way.cost
        for value, wanted in zip(step.reads, way.reads, strict=True):
            if wanted is not None and wanted != kinds[value]:
                total += _TURN * geometry(shapes[value]).size / target.lanes
        best = min(best, total)
    return best


def _ways(step: Step, shapes: Mapping[str, Shape], pool: Pool) -> list[_Way]:
    target = pool.target
    ins = [shapes[v] for v in step.reads]
    out = geometry(step.shape)
    count = len(step.reads)
    if isinstance(step, ConvStep):
        return _conv_ways(step, ins[0], out, count, pool)
    if isinstance(step, WindowStep):
        return _window_ways(step, ins[0], out, count, target)
    if isinstance(step, DenseStep):
        wanted = None if dense_reads_blocks(ins[0], target.lanes) else False
        return [_Way(False, (wanted,), 0.0)]
    if isinstance(step, MapStep) and len(step.shape) == 4:
        blocks = -(-out.c // target.lanes) * out.h * out.w * _COPY
        rows = out.c * out.h * max(out.w / target.lanes, 1.0) * _COPY
        if out.w < target.lanes:
            rows = out.size * _COPY
        return [_Way(True, (True,) * count, blocks), _Way(False, (False,) * count, rows)]
    if isinstance(step, MoveStep):
        return _move_ways(step, ins, out, target)
    return [_Way(False, (False,) * count, 0.0)]


def _conv_ways(step: ConvStep, shape: Shape, out: Geometry, count: int, pool: Pool) -> list[_Way]:
    target = pool.target
    op = step.conv
    channels = shape[1] // op.groups
    terms = channels * op.kernel[0] * op.kernel[1]
    made = out.c // op.groups
    ways = []
    if op.groups == 1 or made % target.lanes == 0:
        blocks = -(-made // target.lanes)
        cost, _ = block_tiles(target, blocks, out.h, out.w, pair=step.pair)
        aligned = op.groups == 1 or channels % target.lanes == 0
        reads: tuple[bool | None, ...] = (None if aligned else False, *(True,) * (count - 1))
        ways.append(_Way(True, reads, cost * terms * op.groups))
        m, cost = transform_of(pool, step, shape)
        if m:
            ways.append(_Way(True, (True,) * count, cost))
    if out.w >= target.lanes and op.stride[1] <= 2 and not step.pair:
        step_y, step_x = op.stride
        cost, _ = row_tiles(target, made, out.h, out.w, step_y=step_y, step_x=step_x)
        ways.append(_Way(False, (False,) * count, cost * terms * op.groups))
    return ways


def _window_ways(
    step: WindowStep, shape: Shape, out: Geometry, count: int, target: Target
) -> list[_Way]:
    window = window_of(step, shape)
    cells = window.kernel[0] * window.kernel[1]
    blocks = -(-out.c // target.lanes) * out.h * out.w * (cells + _COPY)
    ways = [_Way(True, (True,) * count, blocks)]
    if out.w >= target.lanes and window.stride[1] <= 2 and cells <= MOST_CELLS:
        rows = out.c * out.h * -(-out.w // target.lanes) * (cells + _COPY)
        factor = _PARTED if window.stride[1] == 2 else 1.0
        ways.append(_Way(False, (False,) * count, rows * factor))
    return ways


def _move_ways(step: MoveStep, ins: list[Shape], out: Geometry, target: Target) -> list[_Way]:
    count = len(step.reads)
    op = step.op
    copied = out.size / target.lanes * _COPY
    ways = [_Way(False, (False,) * count, copied)]
    if len(step.shape) != 4 or any(len(shape) != 4 for shape in ins):
        return ways
    aligned = False
    if isinstance(op, Concat) and op.axis % 4 == 1:
        aligned = all(shape[1] % target.lanes == 0 for shape in ins[:-1])
    elif isinstance(op, Slice) and op.axis % 4 == 1 and op.step == 1:
        first, _, _ = slice(op.start, op.stop, 1).indices(ins[0][1])
        aligned = first % target.lanes == 0
    elif isinstance(op, Upsample):
        aligned = True
    if aligned:
        padded = -(-out.c // target.lanes) * out.h * out.w * _COPY
        ways.append(_Way(True, (True,) * count, padded))
    return ways
