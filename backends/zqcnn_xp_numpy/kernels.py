"""Which ops have a stage of their own on NumPy, and at which shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from zqcnn_xp.backend import Kernel
from zqcnn_xp.layout import storage_shape
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Array, Op, Shape, Weights
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.max_feature_map import MaxFeatureMap
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp_numpy.conv import window_pads, window_stage
from zqcnn_xp_numpy.depthwise import depthwise_stage
from zqcnn_xp_numpy.elementwise import (
    activation_stage,
    affine_stage,
    concat_stage,
    elementwise_stage,
    halves_stage,
)
from zqcnn_xp_numpy.planes import planes_stage, takes_planes
from zqcnn_xp_numpy.pointwise import dense_stage, is_pointwise, pointwise_stage
from zqcnn_xp_numpy.pool import pool_stage
from zqcnn_xp_numpy.softmax import softmax_stage
from zqcnn_xp_numpy.tape import Pads, Stage, Tape
from zqcnn_xp_numpy.winograd import tile_size, winograd_pads, winograd_stage

__all__ = ["border_of", "kernel_for", "stage_for"]


def stage_for(op: Op, *shapes: Shape, exact: bool = False) -> Stage | None:
    """Return the stage of an op at these shapes, or None for the reference.

    Parameters
    ----------
    op, shapes
        The op and the logical shapes of its inputs.
    exact
        No algorithm that rounds more than the plain sum of products does.
    """
    if isinstance(op, Conv2D) and op.groups == 1:
        # At every shape, for `prepare` has flattened the weights.
        if is_pointwise(op):
            return pointwise_stage(op, shapes[0])
        if takes_planes(op, shapes[0][1]):
            return planes_stage(op, shapes[0])
        quick = not exact and tile_size(op, shapes[0])
        return (winograd_stage if quick else window_stage)(op, shapes[0])
    if any(0 in shape for shape in shapes):
        return None
    if isinstance(op, Conv2D):
        alone = op.groups == shapes[0][1] == op.out_channels
        return depthwise_stage(op, shapes[0]) if alone else None
    if isinstance(op, Elementwise):
        return elementwise_stage(op, *shapes)
    if isinstance(op, Concat):
        return concat_stage(op, *shapes)
    return _of_one(op, shapes[0]) if len(shapes) == 1 else None


def _of_one(op: Op, shape: Shape) -> Stage | None:
    if isinstance(op, Dense):
        return dense_stage(op, shape) if len(shape) in (2, 4) else None
    if isinstance(op, Pool2D):
        return pool_stage(op, shape)
    if isinstance(op, Softmax):
        return softmax_stage(op, shape)
    if isinstance(op, MaxFeatureMap):
        return halves_stage(op, shape)
    if isinstance(op, BatchNorm | Scale):
        return affine_stage(op, shape)
    if isinstance(op, Activation | PReLU):
        return activation_stage(op, shape)
    return None


def border_of(op: Op, shape: Shape, *, exact: bool = False) -> Pads:
    """Return the border of zeros with which a stage would like its input to come."""
    if isinstance(op, Conv2D) and 0 not in shape:
        if takes_planes(op, shape[1]):
            return op.padding(*shape[2:])
        if op.groups == 1 and not is_pointwise(op):
            quick = not exact and tile_size(op, shape)
            return (winograd_pads if quick else window_pads)(op, shape)
        if op.groups == shape[1] == op.out_channels:
            return op.padding(*shape[2:])
    return (0, 0, 0, 0)


def kernel_for(op: Op, *shapes: Shape, exact: bool = False) -> Kernel | None:
    """Return a function for an op at these shapes that binds its stage anew in each call."""
    stage = stage_for(op, *shapes, exact=exact)
    if stage is None:
        return None
    made = [storage_shape(shape) for shape in op.infer(*shapes)]

    def kernel(w: Weights, *xs: Array) -> tuple[Any, ...]:
        tape = Tape()
        outs = [np.empty(shape, np.float32) for shape in made]
        stage(tape, w, xs, outs)
        tape.run()
        return tuple(outs)

    return kernel
