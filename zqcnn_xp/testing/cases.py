"""The table of op cases that every backend has to compute right.

Sizes lie at and beside the widths of vector units (8, 16, 32) and block sizes, maps shrink to
one cell, batches are 0, 1 and 3, pads differ on all sides. ``DetectionOutput`` is absent: host
ops never reach a backend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.layout import to_storage
from zqcnn_xp.ops import (
    LRN,
    Activation,
    BatchNorm,
    Concat,
    Constant,
    Conv2D,
    ConvTranspose2D,
    Crop,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    L2Normalize,
    Lstm,
    MatMul,
    MaxFeatureMap,
    Op,
    Pad,
    Pool2D,
    PReLU,
    PriorBox,
    PriorBoxMxnet,
    PriorBoxText,
    Reduce,
    Reorg,
    Reshape,
    Scalar,
    ScalarOf,
    Scale,
    Slice,
    Softmax,
    Tile,
    Transpose,
    Unary,
    Upsample,
)
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.scalar import ScalarKind
from zqcnn_xp.testing.check_op import random_weights

__all__ = ["OpCase", "op_cases"]


@dataclass(frozen=True)
class OpCase:
    """One op at certain input shapes, with weights and inputs drawn from a seed.

    Parameters
    ----------
    op
        The op with its attributes.
    shapes
        Logical shape of each input.
    seed
        Of the generator.

    Examples
    --------
    >>> case = OpCase(Conv2D(8, (3, 3)), ((1, 3, 9, 9),))
    >>> case.inputs()[0].shape, sorted(case.weights())
    ((1, 9, 9, 3), ['bias', 'weight'])
    """

    op: Op
    shapes: tuple[Shape, ...]
    seed: int = 0

    def inputs(self) -> tuple[NDArray[np.float32], ...]:
        """Draw the inputs: normal, float32, storage layout."""
        rng = np.random.default_rng(self.seed + 1)
        drawn = (rng.standard_normal(shape).astype(np.float32) for shape in self.shapes)
        return tuple(np.ascontiguousarray(to_storage(np, x)) for x in drawn)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Draw the weights: normal, float32; variances positive."""
        return random_weights(self.op, *self.shapes, seed=self.seed)

    def expected(self) -> tuple[NDArray[Any], ...]:
        """Compute the op's reference in NumPy, in float64."""
        from array_api_compat import numpy as xp

        weights = {name: w.astype(np.float64) for name, w in self.weights().items()}
        return self.op.forward(xp, weights, *(x.astype(np.float64) for x in self.inputs()))


def op_cases() -> Iterator[OpCase]:
    """Yield every case, each with a seed of its own."""
    groups = (
        _convolutions,
        _depthwise_and_groups,
        _pooling,
        _per_element,
        _products,
        _shapes,
        _others,
        _transposed,
        _arithmetic,
        _rearranged,
    )
    for seed, case in enumerate(case for group in groups for case in group()):
        yield replace(case, seed=1000 + 2 * seed)


def _convolutions() -> Iterator[OpCase]:
    for n, c, h, w in ((1, 3, 17, 23), (3, 8, 9, 13), (0, 8, 9, 13), (1, 16, 8, 8), (1, 1, 5, 4)):
        for kernel, stride, pads in (
            ((3, 3), (1, 1), (1, 1, 1, 1)),
            ((3, 3), (2, 2), (0, 0, 0, 0)),
            ((1, 1), (1, 1), (0, 0, 0, 0)),
            ((2, 3), (2, 1), (1, 0, 2, 1)),
        ):
            yield OpCase(Conv2D(12, kernel, stride, pads=pads), ((n, c, h, w),))
    for inside, outside in ((7, 10), (12, 13), (13, 16), (16, 17), (24, 31), (32, 33), (127, 128)):
        yield OpCase(Conv2D(outside, (3, 3), pads=(1, 1, 1, 1)), ((1, inside, 6, 7),))
        yield OpCase(Conv2D(outside, (1, 1)), ((2, inside, 5, 3),))
    for op in (
        Conv2D(8, (1, 1), (2, 3)),
        Conv2D(8, (1, 1), pads=(1, 0, 0, 2)),
        Conv2D(8, (3, 3), (2, 2), pads="same_upper"),
        Conv2D(8, (2, 2), pads="same_upper", bias=False),
        Conv2D(8, (3, 3), dilation=(2, 3), pads=(2, 2, 3, 3)),
        Conv2D(8, (5, 1), (1, 2), (2, 1)),
        Conv2D(8, (7, 7), (4, 4), pads=(3, 3, 3, 3)),
        Conv2D(1, (3, 3)),
        Conv2D(8, (11, 14)),
        Conv2D(8, (3, 3), activation=PReLU()),
        Conv2D(8, (1, 1), activation=PReLU(shared=True)),
        Conv2D(8, (3, 3), activation=Activation("relu"), bias=False),
        Conv2D(8, (3, 3), activation=Activation("clip", low=0.0, high=6.0)),
        Conv2D(8, (3, 3), activation=Activation("leaky_relu", alpha=0.1)),
        Conv2D(8, (3, 3), activation=Activation("sigmoid")),
        Conv2D(8, (3, 3), activation=Activation("tanh")),
        Conv2D(8, (3, 3), activation=Activation("mish")),
        Conv2D(8, (3, 3), activation=Activation("hard_swish", alpha=1 / 6)),
    ):
        yield OpCase(op, ((2, 5, 11, 14),))
    yield OpCase(Conv2D(6, (3, 3), pads=(1, 1, 1, 1)), ((1, 4, 1, 1),))
    yield OpCase(Conv2D(6, (3, 3)), ((3, 4, 3, 3),))


def _depthwise_and_groups() -> Iterator[OpCase]:
    for c in (2, 8, 13, 16, 17, 64):
        op = Conv2D(c, (3, 3), pads=(1, 1, 1, 1), groups=c, activation=PReLU())
        yield OpCase(op, ((1, c, 9, 10),))
        yield OpCase(Conv2D(c, (3, 3), (2, 2), pads=(0, 1, 0, 1), groups=c), ((2, c, 9, 10),))
    for op in (
        Conv2D(12, (3, 3), pads="same_upper", groups=12),
        Conv2D(12, (5, 2), (2, 1), pads=(2, 1, 0, 1), groups=12, bias=False),
        Conv2D(12, (3, 3), dilation=(2, 2), groups=12),
        Conv2D(12, (7, 8), groups=12),
        Conv2D(12, (1, 1), groups=12),
        Conv2D(24, (3, 3), groups=12),
        Conv2D(6, (3, 3), groups=3),
        Conv2D(8, (3, 3), (2, 2), pads=(1, 1, 1, 1), groups=4, activation=Activation("relu")),
        Conv2D(8, (1, 1), groups=2),
    ):
        yield OpCase(op, ((2, 12, 7, 8),))
    yield OpCase(Conv2D(12, (3, 3), groups=12), ((0, 12, 7, 8),))
    yield OpCase(Conv2D(12, (3, 3), groups=4), ((0, 12, 7, 8),))
    yield OpCase(Conv2D(12, (3, 3), pads=(1, 1, 1, 1), groups=12), ((3, 12, 1, 1),))


def _pooling() -> Iterator[OpCase]:
    for kind in ("max", "average"):
        plain = Pool2D(kind, (2, 2), (2, 2))
        for op in (
            plain,
            replace(plain, ceil=True),
            replace(plain, kernel=(3, 3), stride=(1, 1), pads=(1, 1, 1, 1)),
            replace(plain, kernel=(3, 3), ceil=True, pads=(0, 1, 1, 0)),
            replace(
                plain, kernel=(3, 2), stride=(2, 3), ceil=True, clip_last=True, pads=(1, 1, 1, 1)
            ),
            replace(plain, kernel=(3, 3), pads="same_upper"),
            replace(plain, kernel=(2, 2), stride=(3, 3)),
            replace(plain, kernel=None),
        ):
            for shape in ((1, 3, 8, 8), (2, 16, 9, 13)):
                yield OpCase(op, (shape,))
        yield OpCase(replace(plain, kernel=(3, 2), dilation=(2, 3), ceil=True), ((2, 8, 9, 11),))
        yield OpCase(
            replace(plain, kernel=(3, 3), pads=(2, 1, 1, 2), dilation=(2, 2)), ((1, 17, 8, 9),)
        )
        yield OpCase(plain, ((0, 8, 6, 6),))
        yield OpCase(replace(plain, kernel=None), ((0, 8, 6, 6),))
        yield OpCase(replace(plain, kernel=None), ((3, 17, 1, 1),))
        yield OpCase(replace(plain, kernel=(1, 1), stride=(2, 2)), ((1, 17, 5, 5),))
    yield OpCase(Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), pad_value="zero"), ((2, 8, 7, 9),))
    for ceil in (False, True):
        for count in ("valid", "padded", "kernel"):
            op = Pool2D("average", (3, 3), (2, 2), (1, 0, 1, 1), ceil, count=count)
            yield OpCase(op, ((2, 8, 8, 9),))


def _per_element() -> Iterator[OpCase]:
    ops: tuple[Op, ...] = (
        Activation("relu"),
        Activation("leaky_relu", alpha=0.25),
        Activation("clip", low=0.0, high=1.5),
        Activation("sigmoid"),
        Activation("tanh"),
        Activation("elu", alpha=0.7),
        PReLU(),
        PReLU(shared=True),
        BatchNorm(eps=1e-5),
        BatchNorm(scale=False, bias=False),
        Scale(),
        Scale(bias=False),
        Scale(scale=False),
        Identity(),
        Unary("abs"),
        Unary("exp"),
        Unary("reciprocal"),
    )
    for op in ops:
        for shape in ((1, 3, 5, 7), (2, 16, 4, 4), (3, 13, 1, 1), (0, 8, 3, 3), (4, 24)):
            yield OpCase(op, (shape,))
    for op in (
        Activation("hard_sigmoid", alpha=0.2),
        Activation("hard_swish", alpha=1 / 6),
        Activation("mish"),
        Activation("softplus"),
        Activation("swish"),
    ):
        yield OpCase(op, ((2, 13, 5, 7),))
    shape = (2, 9, 4, 5)
    yield OpCase(Elementwise("sum"), (shape, shape))
    yield OpCase(Elementwise("sum", (1.0, -0.5)), (shape, shape))
    yield OpCase(Elementwise("product"), (shape, shape, shape))
    yield OpCase(Elementwise("max"), (shape, shape))
    yield OpCase(Elementwise("max"), ((0, 4, 2, 2), (0, 4, 2, 2)))


def _products() -> Iterator[OpCase]:
    for shape in ((1, 8, 3, 3), (3, 17, 1, 1), (2, 13, 5, 2), (0, 8, 3, 3), (4, 127), (1, 128)):
        for features in (1, 16, 31):
            yield OpCase(Dense(features), (shape,))
    for batch in ((2, 3), (0, 3), (1, 1)):
        yield OpCase(MatMul(), ((*batch, 5, 17), (*batch, 17, 4)))
    yield OpCase(MatMul(), ((3, 9, 16), (3, 16, 9)))
    yield OpCase(Dense(10, bias=False), ((3, 4, 6, 6),))
    yield OpCase(Dense(10, activation=PReLU()), ((3, 4, 6, 6),))
    yield OpCase(Dense(10, activation=Activation("relu")), ((3, 40),))


def _shapes() -> Iterator[OpCase]:
    for shape in ((2, 6, 4, 5), (1, 12, 1, 1), (0, 6, 4, 5)):
        for op in (
            Flatten(),
            Flatten(form="drop"),
            Flatten(axis=2),
            Transpose((0, 2, 3, 1)),
            Transpose((0, 3, 1, 2)),
            Transpose((0, 1, 3, 2)),
            Reshape((0, 3, 2, -1)) if shape[0] else Reshape((3, 2), axis=1, num_axes=1),
            Reshape((0, shape[1] * shape[2] * shape[3])),
            Concat(1),
            Slice(1, 0, None, 2),
            Slice(-1, -4, -1),
            Pad(((0, 0), (0, 2), (1, 0), (3, 1)), -1.5),
        ):
            yield OpCase(op, (shape, shape) if isinstance(op, Concat) else (shape,))
    yield OpCase(Concat(1), ((2, 3, 4, 5), (2, 8, 4, 5), (2, 1, 4, 5)))
    yield OpCase(Concat(2), ((2, 3, 4, 5), (2, 3, 1, 5)))
    yield OpCase(Concat(3), ((1, 3, 4, 5), (1, 3, 4, 2)))
    yield OpCase(Concat(1), ((2, 3), (2, 5)))
    yield OpCase(Transpose((1, 0)), ((4, 3),))


def _others() -> Iterator[OpCase]:
    for shape in ((2, 6, 4, 5), (1, 2, 9, 9), (3, 17, 1, 1), (0, 6, 4, 5)):
        for axis in (1, 2, 3, -1):
            yield OpCase(Softmax(axis), (shape,))
        yield OpCase(L2Normalize(), (shape,))
        yield OpCase(L2Normalize(across_spatial=True, shared=True), (shape,))
        yield OpCase(Upsample("nearest", scale=(2.0, 2.0)), (shape,))
        yield OpCase(Upsample("bilinear", "center", size=(7, 3)), (shape,))
        yield OpCase(Upsample("bilinear", "ends", scale=(1.5, 3.0)), (shape,))
    yield OpCase(Softmax(1), ((3, 10),))
    yield OpCase(L2Normalize(), ((3, 10),))
    yield OpCase(Upsample("nearest", "center", size=(5, 9), rounding="floor"), ((1, 3, 4, 4),))
    boxes = PriorBox((30.0,), (60.0,), (2.0,), (0.1, 0.1, 0.2, 0.2), offset=0.5)
    yield OpCase(boxes, ((1, 8, 5, 4), (1, 3, 100, 120)))
    yield OpCase(replace(boxes, clip=True, flip=False), ((2, 8, 3, 3), (2, 3, 64, 64)))


def _transposed() -> Iterator[OpCase]:
    for op in (
        ConvTranspose2D(12, (4, 4), (2, 2), pads=(1, 1, 1, 1)),
        ConvTranspose2D(12, (3, 3), (2, 2), pads=(1, 1, 1, 1), output_padding=(1, 1)),
        ConvTranspose2D(12, (2, 3), (3, 1), (2, 1), (1, 0, 0, 2), groups=4, activation=PReLU()),
        ConvTranspose2D(12, (4, 4), (2, 2), pads="same_upper", groups=12, bias=False),
        ConvTranspose2D(12, (1, 1), (2, 3), pads=(-1, 0, 0, -2)),
        ConvTranspose2D(12, (5, 5), (2, 2), size=(9, 14), activation=Activation("relu")),
        ConvTranspose2D(12, (2, 2)),
    ):
        yield OpCase(op, ((2, 12, 5, 7),))
    yield OpCase(ConvTranspose2D(7, (4, 4), (2, 2), pads=(1, 1, 1, 1)), ((1, 17, 1, 1),))
    yield OpCase(ConvTranspose2D(7, (4, 4), (2, 2), pads=(1, 1, 1, 1)), ((0, 17, 3, 2),))


def _arithmetic() -> Iterator[OpCase]:
    for kind in get_args(ScalarKind):
        # Other powers and quotients of normal numbers are NaN, or too large to compare.
        if kind not in ("power", "reverse_divide"):
            yield OpCase(Scalar(kind, 0.7), ((2, 9, 4, 5),))
            yield OpCase(ScalarOf(kind), ((2, 3), (2, 9, 4, 5)))
    yield OpCase(Scalar("power", 3.0), ((2, 9, 4, 5),))
    yield OpCase(Scalar("add", 1.0), ((0, 9, 4, 5),))
    yield OpCase(ScalarOf("add"), ((0, 1, 1, 1), (0, 9, 4, 5)))
    for axes in ((1,), (2, 3), (0, 2), None):
        yield OpCase(Reduce("mean", axes), ((2, 9, 4, 5),))
        yield OpCase(Reduce("max", axes, keepdims=False), ((2, 9, 4, 5),))
    yield OpCase(Reduce("min", (2, 3)), ((0, 9, 4, 5),))
    yield OpCase(Reduce("sum", (1,), keepdims=False), ((2, 3, 4, 5, 2),))
    yield OpCase(LRN(3, 0.5, 0.75, 2.0), ((2, 9, 4, 5),))
    yield OpCase(LRN(11, 0.5, 0.75, before=3), ((3, 10),))
    yield OpCase(LRN(4, 0.5, 0.75, region="within"), ((2, 9, 4, 5),))
    yield OpCase(LRN(3), ((0, 9, 4, 5),))
    for shape in ((2, 18, 4, 5), (3, 34), (0, 2, 3, 3)):
        yield OpCase(MaxFeatureMap(), (shape,))


def _rearranged() -> Iterator[OpCase]:
    yield OpCase(Tile((2, 1, 3, 2)), ((2, 3, 4, 5),))
    yield OpCase(Tile((1, 4)), ((3, 7),))
    yield OpCase(Crop(2, (1, 3)), ((2, 9, 8, 8), (2, 3, 5, 4)))
    yield OpCase(Crop(1, center=True), ((2, 9, 8, 8), (2, 3, 5, 4)))
    yield OpCase(Reorg(2), ((2, 8, 4, 6),))
    yield OpCase(Reorg(3, "block"), ((1, 5, 6, 3),))
    yield OpCase(Reorg(2, "channel"), ((0, 5, 4, 6),))
    yield OpCase(PriorBoxText((30.0,), (60.0,), (2.0, 5.0)), ((1, 8, 5, 4), (1, 3, 100, 120)))
    yield OpCase(PriorBoxMxnet((0.2, 0.3), (1.0, 2.0), clip=True), ((2, 8, 5, 4),))
    yield OpCase(Lstm(9, "both", 1.0, 0.5), ((2, 12, 1, 4),))
    yield OpCase(Lstm(9, "backward"), ((2, 12, 1, 3),))
    yield OpCase(Lstm(16, "both"), ((1, 17, 1, 1),))
    yield OpCase(Lstm(4), ((0, 3, 1, 5),))
    yield OpCase(Constant((2, 40, 1)), ((3, 8, 5, 4),))
    yield OpCase(Constant((7,)), ((0, 4),))
