"""Nodes become steps: what follows a product and alone reads its result joins it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.max_feature_map import MaxFeatureMap
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp_llvm.codegen.expression import ACC, Formula, substitute
from zqcnn_xp_llvm.kernels.pointwise import MOST_INPUTS
from zqcnn_xp_llvm.planner.formulas import Applied, formula_of
from zqcnn_xp_llvm.planner.moves import can_move
from zqcnn_xp_llvm.planner.steps import (
    ConvStep,
    DenseStep,
    HostStep,
    MapStep,
    MoveStep,
    NormStep,
    SoftmaxStep,
    Step,
    WindowStep,
    activated,
)
from zqcnn_xp_llvm.planner.windows import can_pool

__all__ = ["make_steps"]

_READS = {ConvStep: 2, WindowStep: 2, DenseStep: 1, MapStep: MOST_INPUTS}


def make_steps(graph: Graph, shapes: Mapping[str, Shape], lanes: int) -> list[Step]:
    """Return the steps that compute a graph, in an order in which they can run.

    Parameters
    ----------
    graph
        A graph without host ops.
    shapes
        Logical shape of every value.
    lanes
        Of a vector.

    Notes
    -----
    Leaves alone: values that somebody asked for or that several nodes read, sums whose other
    part is broadcast, and what has no formula.
    """
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    uses.update(graph.outputs)
    steps: list[Step] = []
    # Samples are counted once for a whole run: what has another number of them is the host's.
    batch = shapes[graph.inputs[0].name][:1]
    for node in graph.nodes:
        ins = [shapes[v] for v in node.inputs]
        made = _single(node, ins, shapes[node.outputs[0]], lanes, batch)
        for k in sorted(range(len(node.inputs)), key=lambda k: _rank(steps, node.inputs[k])):
            value = node.inputs[k]
            before = next((s for s in steps if s.writes == value), None)
            if before is None or uses[value] != 1 or shapes[value][0] != made.shape[0]:
                continue
            joined = _joined(before, made, k)
            if joined is not None:
                steps.remove(before)
                made = joined
                break
        steps.append(made)
    return steps


def _rank(steps: list[Step], value: str) -> int:
    """Products first, the latest before the others."""
    for place, step in enumerate(steps):
        if step.writes == value:
            return (0 if isinstance(step, ConvStep | WindowStep) else len(steps)) - place
    return 2 * len(steps)


def _single(node: Node, shapes: list[Shape], shape: Shape, lanes: int, batch: Shape) -> Step:
    """Return the step of one node."""
    host = HostStep((node,), node.inputs, node.outputs[0], shape)
    op = node.op
    batches = {batch, *(s[:1] for s in (*shapes, shape))}
    if (
        len(node.outputs) != 1
        or (op.mixes_batch and shape[:1] != (1,))
        or len(batches) != 1
        or any(0 in s or len(s) < 2 for s in (*shapes, shape))
    ):
        return host
    common = ((node,), node.inputs, node.outputs[0], shape)
    if isinstance(op, Conv2D):
        step: Step = ConvStep(*common, conv=op)
        if op.groups == shapes[0][1] == op.out_channels:
            step = WindowStep(*common)
        elif not _grouped(op, shape, lanes):
            return host
        return activated(step, node, shape[1]) or host
    if isinstance(op, Dense):
        return (len(shape) in (2, 4) and activated(DenseStep(*common), node, shape[1])) or host
    if isinstance(op, Pool2D):
        return WindowStep(*common) if can_pool(op, shapes[0]) else host
    if isinstance(op, Softmax):
        return SoftmaxStep(*common)
    if isinstance(op, L2Normalize) and len(shape) == 4 and not op.across_spatial:
        return NormStep(*common)
    if can_move(op, shapes):
        return MoveStep(*common)
    return _map(node, shapes, shape) or host


def _grouped(op: Conv2D, shape: Shape, lanes: int) -> bool:
    """Whether the groups of a convolution fall on whole blocks, or rows are long enough."""
    if op.groups == 1 or (op.out_channels // op.groups) % lanes == 0:
        return True
    return shape[3] >= lanes and op.stride[1] <= 2


def _map(node: Node, shapes: list[Shape], shape: Shape) -> Step | None:
    applied = formula_of(node, shapes)
    fixed: tuple[np.ndarray[Any, Any], ...] = ()
    if applied is not None and applied.params and len(shape) not in (2, 4):
        applied, fixed = _spelled_out(applied, shape, len(shapes))
    if applied is None or len(shapes) + len(fixed) > MOST_INPUTS:
        return None
    spread = []
    for k, found in enumerate(shapes):
        if found == shape:
            continue
        if len(shape) != 4 or found != (*shape[:2], 1, 1):
            return None
        spread.append(k)
    if 0 in spread:
        return None
    return MapStep(
        (node,),
        node.inputs,
        node.outputs[0],
        shape,
        applied.formula,
        applied.params,
        spread=tuple(spread),
        fixed=fixed,
    )


def _spelled_out(
    applied: Applied, shape: Shape, count: int
) -> tuple[Applied, tuple[np.ndarray[Any, Any], ...]]:
    """Turn parameters of axis 1 into inputs as large as a sample, behind ``count`` others."""
    inner = (1,) * (len(shape) - 2)
    fixed = tuple(
        np.ascontiguousarray(np.broadcast_to(p.reshape(-1, *inner), shape[1:]))
        for p in applied.params
    )
    formula = substitute(applied.formula, lambda k: ("in", k), lambda j: ("in", count + j))
    return Applied(formula), fixed


def _joined(before: Step, step: Step, place: int) -> Step | None:
    """Return the step that does both, where ``step`` reads ``before`` at ``place``."""
    nodes = (*before.nodes, *step.nodes)
    if isinstance(step.op, MaxFeatureMap):
        if not isinstance(before, ConvStep | DenseStep) or before.formula != ACC or before.pair:
            return None
        if isinstance(before, ConvStep) and before.conv.groups != 1:
            return None
        return replace(before, nodes=nodes, writes=step.writes, shape=step.shape, pair=True)
    if not isinstance(step, MapStep) or not isinstance(before, tuple(_READS)):
        return None
    if before.shape != step.shape or (step.spread and not isinstance(before, MapStep)):
        return None
    if step.fixed and not isinstance(before, MapStep):
        return None
    others = [k for k in range(len(step.reads)) if k != place]
    if len(before.reads) + len(others) > _READS[type(before)]:
        return None
    # Inputs in the new order: what ``before`` reads, what ``step`` reads beside it, fixed ones.
    held: tuple[np.ndarray[Any, Any], ...] = getattr(before, "fixed", ())
    first = len(before.reads)
    behind = first + len(others)
    at = {k: first + i for i, k in enumerate(others)}
    at.update({len(step.reads) + i: behind + len(held) + i for i in range(len(step.fixed))})
    moved = substitute(before.formula, lambda k: ("in", k if k < first else k + len(others)))
    shift = len(before.params)

    def inputs(k: int) -> Formula:
        return moved if k == place else ("in", at[k])

    made = replace(
        before,
        nodes=nodes,
        reads=(*before.reads, *(step.reads[k] for k in others)),
        writes=step.writes,
        shape=step.shape,
        formula=substitute(step.formula, inputs, lambda j: ("param", j + shift)),
        params=(*before.params, *step.params),
    )
    if isinstance(made, MapStep) and isinstance(before, MapStep):
        spread = {at[k] for k in step.spread} | set(made.spread)
        made = replace(made, spread=tuple(sorted(spread)), fixed=(*held, *step.fixed))
        if len(made.reads) + len(made.fixed) > MOST_INPUTS:
            return None
    return made
