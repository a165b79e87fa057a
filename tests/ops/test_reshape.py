"""New shapes in logical element order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Reshape
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


@st.composite
def factors(draw: st.DrawFn, total: int) -> list[int]:
    """Sizes whose product is ``total``."""
    found: list[int] = []
    while total > 1 and len(found) < 4:
        size = draw(st.sampled_from([k for k in range(1, total + 1) if total % k == 0]))
        found.append(size)
        total //= size
    return [*found, total]


@given(st.data(), array_shapes(min_dims=1, max_dims=5, max_side=4))
@settings(deadline=None, max_examples=80)
def test_matches_numpy_in_logical_order(data, shape: tuple[int, ...]) -> None:
    rank = len(shape)
    axis = data.draw(st.integers(0, rank))
    count = data.draw(st.integers(0, rank - axis))
    old = shape[axis : axis + count]
    sizes = data.draw(factors(int(np.prod(old))))
    wish = (*shape[:axis], *sizes, *shape[axis + count :])
    dims = list(sizes)
    for place, size in enumerate(sizes):
        if axis + place < rank and shape[axis + place] == size and data.draw(st.booleans()):
            dims[place] = 0
    if data.draw(st.booleans()):
        dims[data.draw(st.integers(0, len(dims) - 1))] = -1
    if axis + count == rank and data.draw(st.booleans()):
        count = -1
    op = Reshape(
        tuple(dims), axis - (rank if data.draw(st.booleans()) and axis < rank else 0), count
    )
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    assert op.infer(shape) == (wish,)
    check_op(op, x, expect=[x.reshape(wish)], namespaces=("numpy", "array_api_strict"))


@given(st.data(), array_shapes(min_dims=1, max_dims=5, max_side=4))
@settings(deadline=None, max_examples=30)
def test_matches_onnx_runtime(run_onnx, data, shape: tuple[int, ...]) -> None:
    dims = data.draw(factors(int(np.prod(shape))))
    dims[data.draw(st.integers(0, len(dims) - 1))] = -1
    if dims[0] == shape[0]:
        dims[0] = 0
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    wish = run_onnx("Reshape", x, np.asarray(dims, np.int64))
    check_op(Reshape(tuple(dims)), x, expect=wish, namespaces=("numpy",))


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((2, 12, 1, 1), (0, -1, 4, 1)),
        ((0, 12, 1, 1), (0, -1, 4, 1)),
        ((2, 3, 4, 5), (6, 20)),
        ((6, 20), (2, 3, 4, 5)),
        ((2, 3, 4, 5), (0, 0, 20)),
    ],
)
def test_every_library(namespace: str, shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    known = [shape[i] if size == 0 else size for i, size in enumerate(dims)]
    if -1 in known:
        known[known.index(-1)] = 3
    check_op(Reshape(dims), x, expect=[x.reshape(known)], namespaces=(namespace,))


def test_no_copy_where_the_storage_is_in_order() -> None:
    stored = np.ones((2, 1, 1, 12), np.float32)
    assert np.shares_memory(stored, Reshape((0, -1, 4, 1)).forward(np, {}, stored)[0])


def test_allow_zero() -> None:
    x = np.zeros((0, 3), np.float32)
    check_op(Reshape((3, 0), allow_zero=True), x, expect=[x.reshape(3, 0)])
    with pytest.raises(ShapeError, match="Reshape"):
        Reshape((3, 0), allow_zero=True).infer((2, 3))


def test_only_a_copied_first_axis_surely_stays_the_batch() -> None:
    assert Reshape((1, -1, 4, 1)).mixes_batch
    assert not Reshape((0, -1, 4, 1)).mixes_batch
    assert not Reshape((-1,), axis=1).mixes_batch


def test_bad_attributes_and_shapes_are_refused() -> None:
    for dims in ((-1, -1), (2, -2)):
        with pytest.raises(InputError, match="Reshape: found dims"):
            Reshape(dims)
    for op in (
        Reshape((5, -1)),
        Reshape((5,)),
        Reshape((0, 0, 0, 0, 0)),
        Reshape((1,), axis=5),
        Reshape((1,), axis=1, num_axes=9),
        Reshape((0, 5, -1)),
    ):
        with pytest.raises(ShapeError, match="Reshape: found"):
            op.infer((1, 2, 3, 4))


def test_a_batch_of_nothing_leaves_the_other_sizes_known() -> None:
    assert Reshape((0, -1)).infer((0, 2, 3, 4)) == ((0, 24),)
    assert Reshape((0, -1, 3)).infer((0, 0, 3, 4)) == ((0, 0, 3),)
    with pytest.raises(ShapeError, match="Reshape: found"):
        Reshape((0, -1), allow_zero=True).infer((0, 2, 3, 4))
