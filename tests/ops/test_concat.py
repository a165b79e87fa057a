"""Joining along any logical axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import ShapeError
from zqcnn_xp.ops import Concat
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def draw_inputs(shape: tuple[int, ...], axis: int, sizes: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    axis %= len(shape)
    shapes = [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]
    return [rng.standard_normal(own).astype(np.float32) for own in shapes]


@given(
    st.data(),
    array_shapes(min_dims=1, max_dims=5, max_side=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=50)
def test_matches_numpy_in_logical_order(data, shape, sizes: list[int]) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    inputs = draw_inputs(shape, axis, sizes)
    check_op(
        Concat(axis),
        *inputs,
        expect=[np.concatenate(inputs, axis=axis)],
        namespaces=("numpy", "array_api_strict"),
    )


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 3)])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_every_library(namespace: str, shape: tuple[int, ...], axis: int) -> None:
    inputs = draw_inputs(shape, axis, [1, 2, 0])
    wish = np.concatenate(inputs, axis=axis)
    check_op(Concat(axis), *inputs, expect=[wish], namespaces=(namespace,))


def test_only_the_first_axis_mixes_samples() -> None:
    assert Concat(axis=0).mixes_batch
    assert not Concat(axis=1).mixes_batch


@pytest.mark.parametrize("shapes", [[(1, 8, 5, 5), (1, 8, 4, 5)], [(1, 8), (1, 8, 1)], [(1,)], []])
def test_shapes_that_do_not_fit_are_refused(shapes) -> None:
    with pytest.raises(ShapeError, match="Concat: found"):
        Concat(axis=1).infer(*shapes)
