"""Ops that combine elements one by one, or put arrays side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zqcnn_xp.layout import storage_axis
from zqcnn_xp.ops.base import Op, Shape, Weights
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.max_feature_map import MaxFeatureMap
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp_numpy.epilogue import cut, finish
from zqcnn_xp_numpy.tape import Rows, Stage, Tape, blocks

__all__ = ["activation_stage", "affine_stage", "concat_stage", "elementwise_stage", "halves_stage"]

_FUNCTIONS: dict[str, Any] = {"sum": np.add, "product": np.multiply, "max": np.maximum}
# Floats of one block that is passed over several times.
BLOCK = 1 << 16


def elementwise_stage(op: Elementwise, *shapes: Shape) -> Stage | None:
    """Return the stage of a fold over several equal shapes, or None where they broadcast."""
    if len(shapes) < 2 or len(set(shapes)) > 1 or set(op.coefficients) - {1.0}:
        return None
    function = _FUNCTIONS[op.kind]

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        total = xs[0]
        for x in xs[1:]:
            tape.add(function, total, x, out=outs[0])
            total = outs[0]

    return stage


def concat_stage(op: Concat, *shapes: Shape) -> Stage:
    """Return the stage that copies the inputs side by side."""
    axis = storage_axis(op.axis, len(shapes[0]))

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        start = 0
        for x in xs:
            place = [slice(None)] * x.ndim
            place[axis] = slice(start, start + x.shape[axis])
            tape.add(np.copyto, outs[0][tuple(place)], x)
            start += x.shape[axis]

    return stage


def halves_stage(op: MaxFeatureMap, shape: Shape) -> Stage:
    """Return the stage of a maximum feature map."""
    axis = storage_axis(1, len(shape))

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        low, high = np.split(xs[0], 2, axis=axis)
        tape.add(np.maximum, low, high, out=outs[0])

    return stage


def affine_stage(op: BatchNorm | Scale, shape: Shape) -> Stage | None:
    """Return the stage of a factor and an offset per channel of a map, or None for other ranks."""
    if len(shape) != 4:
        return None
    n, c, h, width = shape

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        factor, offset = _factor_offset(op, w)
        x = tape.contiguous(xs[0]).reshape(n, h, width * c)
        target = outs[0].reshape(n, h, width * c)
        for samples, rows in blocks(n, h, width * c, BLOCK):
            source, part = cut(x[samples, rows], c), cut(target[samples, rows], c)
            if factor is not None:
                tape.add(np.multiply, source, tape.tiled(factor, part.shape[-1]), out=part)
                source = part
            if offset is not None:
                tape.add(np.add, source, tape.tiled(offset, part.shape[-1]), out=part)

    return stage


def _factor_offset(op: BatchNorm | Scale, w: Weights) -> tuple[Any, Any]:
    if isinstance(op, BatchNorm):
        return op.factor_offset(np, w)
    return (w["scale"] if op.scale else None), (w["bias"] if op.bias else None)


def activation_stage(op: Op, shape: Shape) -> Stage | None:
    """Return the stage of an activation that no product has taken in, or None for other ranks."""
    if len(shape) != 4:
        return None
    n, c, h, width = shape

    def stage(tape: Tape, w: Weights, xs: Sequence[Rows], outs: Sequence[Rows]) -> None:
        x = tape.contiguous(xs[0]).reshape(n, h, width * c)
        target = outs[0].reshape(n, h, width * c)
        for samples, rows in blocks(n, h, width * c, BLOCK):
            finish(tape, None, op, w, x[samples, rows], target[samples, rows])

    return stage
