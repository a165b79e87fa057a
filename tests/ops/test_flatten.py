"""Merging axes in logical order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Flatten, Transpose
from zqcnn_xp.testing.check_op import NAMESPACES, check_op

SHAPES = array_shapes(min_dims=1, max_dims=5, max_side=4)


def wish(x: np.ndarray, first: int, last: int, keep: bool) -> np.ndarray:
    shape = [*x.shape[:first], -1, *x.shape[last + 1 :]]
    return x.reshape(shape + [1] * (x.ndim - len(shape) if keep else 0))


@given(st.data(), SHAPES, st.booleans())
@settings(deadline=None, max_examples=60)
def test_matches_numpy_in_logical_order(data, shape, keep: bool) -> None:
    rank = len(shape)
    first = data.draw(st.integers(0, rank - 1))
    last = data.draw(st.integers(first, rank - 1))
    behind = data.draw(st.booleans())  # the same axes, counted from the end
    op = Flatten(first - rank * behind, last - rank * behind, "keep" if keep else "drop")
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=[wish(x, first, last, keep)], namespaces=("numpy", "array_api_strict"))


@given(st.data(), SHAPES)
@settings(deadline=None, max_examples=40)
def test_the_matrix_form_matches_onnx_runtime(run_onnx, data, shape) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape)))
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(
        Flatten(axis, form="matrix"),
        x,
        expect=run_onnx("Flatten", x, axis=axis),
        namespaces=("numpy", "array_api_strict"),
    )


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("form", ["keep", "drop", "matrix"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 3, 4)])
def test_every_library(namespace: str, form: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    y = x.reshape(shape[0], int(np.prod(shape[1:])))
    y = y.reshape(*y.shape, *[1] * (x.ndim - 2)) if form == "keep" else y
    check_op(Flatten(form=form), x, expect=[y], namespaces=(namespace,))


def test_no_copy_where_the_storage_is_in_order() -> None:
    stored = np.ones((2, 4, 5, 3), np.float32)
    (y,) = Flatten().forward(np, {}, *Transpose((0, 2, 3, 1)).forward(np, {}, stored))
    assert np.shares_memory(stored, y)
    stored = np.ones((2, 1, 1, 3), np.float32)
    assert np.shares_memory(stored, Flatten(form="drop").forward(np, {}, stored)[0])


def test_merging_the_first_axis_mixes_samples() -> None:
    assert Flatten(axis=0).mixes_batch
    assert Flatten(axis=2, form="matrix").mixes_batch
    assert not Flatten(axis=2).mixes_batch


def test_bad_attributes_and_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="found form 'flat'"):
        Flatten(form="flat")
    for op in (Flatten(2, 1), Flatten(4), Flatten(1, 4), Flatten(5, form="matrix")):
        with pytest.raises(ShapeError, match="Flatten: found ax"):
            op.infer((1, 2, 3, 4))
