"""Copies of ops that only move elements: carried out in NumPy, they give the op's result."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.ops import (
    Activation,
    Concat,
    Crop,
    Flatten,
    Identity,
    Reorg,
    Reshape,
    Slice,
    Transpose,
    Upsample,
)
from zqcnn_xp_llvm.planner.moves import can_move, is_reshape, moves_of, repeats_of

MAP = (1, 8, 6, 4)


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        (Concat(1), (MAP, (1, 3, 6, 4))),
        (Concat(-2), (MAP, (1, 8, 1, 4), MAP)),
        (Concat(2), ((1, 2, 3), (1, 2, 4))),
        (Slice(1, 2, 7), (MAP,)),
        (Slice(2, 1, None, 2), (MAP,)),
        (Slice(-1, -3, -1), (MAP,)),
        (Transpose((0, 2, 3, 1)), (MAP,)),
        (Transpose((0, 1, 3, 2)), (MAP,)),
        (Transpose((0, 2, 1)), ((1, 5, 7),)),
        (Crop(2, (1, 3)), (MAP, (1, 3, 4, 1))),
        (Crop(1, center=True), (MAP, (1, 3, 4, 1))),
        (Reorg(2), (MAP,)),
        (Reorg(2, "block"), (MAP,)),
        (Reorg(2, "channel"), (MAP,)),
        (Upsample("nearest", size=(12, 12), rounding="floor"), (MAP,)),
    ],
)
def test_copies_are_the_op(op, shapes):
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    (want,) = op.forward(np, {}, *(to_storage(np, x) for x in xs))
    want = to_logical(np, want)
    assert can_move(op, list(shapes))
    out = np.full(want.size, np.nan, np.float32)
    for move in moves_of(op, list(shapes), want.shape):
        flat = xs[move.read].reshape(-1)
        for index in np.ndindex(*move.sizes):
            source = move.source_start + int(np.dot(index, move.source))
            target = move.target_start + int(np.dot(index, move.target))
            assert np.isnan(out[target])  # every cell once
            out[target] = flat[source]
    np.testing.assert_array_equal(out.reshape(want.shape), want)


def test_reshapes_keep_the_order():
    assert all(is_reshape(op) for op in (Flatten(), Identity(), Reshape((0, -1))))
    assert not is_reshape(Transpose((0, 2, 1)))
    assert all(can_move(op, [MAP]) for op in (Flatten(), Identity(), Reshape((0, -1))))


def test_what_does_not_move_elements_is_told():
    assert not can_move(Activation("relu"), [MAP])
    assert not can_move(Upsample("bilinear", size=(12, 12)), [MAP])
    with pytest.raises(TypeError, match="moves no elements"):
        moves_of(Activation("relu"), [MAP], MAP)
    with pytest.raises(TypeError, match="moves no elements"):
        moves_of(Upsample("bilinear", size=(12, 12)), [MAP], (1, 8, 12, 12))


@pytest.mark.parametrize(
    ("op", "want"),
    [
        (Upsample("nearest", size=(12, 12), rounding="floor"), (2, 3)),
        (Upsample("nearest", size=(6, 4)), (1, 1)),
        (Upsample("nearest", size=(12, 12)), None),  # rounds up in the middle
        (Upsample("nearest", size=(9, 12), rounding="floor"), None),
        (Upsample("bilinear", size=(12, 12)), None),
        (Upsample("nearest", "center", size=(12, 8)), (2, 2)),
    ],
)
def test_how_often_cells_are_repeated(op, want):
    assert repeats_of(op, MAP) == want
