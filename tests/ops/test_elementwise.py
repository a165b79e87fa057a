"""Sum, product and maximum with broadcasting over logical axes."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Elementwise
from zqcnn_xp.testing.check_op import NAMESPACES, check_op

FOLD = {"sum": np.add, "product": np.multiply, "max": np.maximum}
ONNX = {"sum": "Sum", "max": "Max"}


def draw_inputs(shapes: list[tuple[int, ...]], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


@given(
    st.sampled_from(sorted(FOLD)),
    st.integers(1, 4).flatmap(
        lambda n: mutually_broadcastable_shapes(num_shapes=n, min_dims=1, max_dims=5, max_side=4)
    ),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=80)
def test_broadcasts_as_numpy_and_onnx_do(run_onnx, kind: str, shapes, seed: int) -> None:
    def expect(_: dict, *xs: np.ndarray) -> np.ndarray:
        y = reduce(FOLD[kind], xs)
        if kind in ONNX:
            np.testing.assert_allclose(run_onnx(ONNX[kind], *xs)[0], y, rtol=1e-5, atol=1e-6)
        return y

    inputs = draw_inputs(shapes.input_shapes, seed)
    check_op(Elementwise(kind), *inputs, expect=expect, namespaces=("numpy", "array_api_strict"))


@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=4))
@settings(deadline=None, max_examples=20)
def test_a_weighted_sum(factors: list[float]) -> None:
    inputs = draw_inputs([(2, 3, 4, 5)] * len(factors))
    wish = sum(factor * x.astype(np.float64) for factor, x in zip(factors, inputs, strict=True))
    op = Elementwise("sum", tuple(factors))
    check_op(op, *inputs, expect=[wish], namespaces=("numpy", "array_api_strict"))


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("kind", sorted(FOLD))
@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 3, 4, 5)] * 3,
        [(0, 3, 4, 5), (0, 3, 4, 5)],
        [(2, 3, 4, 5), (3, 1, 1)],
        [(2, 3, 4, 5), (5,)],
        [(4, 5), (2, 3, 1, 1), (1, 1, 5)],
        [(2, 3, 4, 5), (6, 1, 1, 1, 1)],
    ],
)
def test_every_library(namespace: str, kind: str, shapes) -> None:
    inputs = draw_inputs(shapes)
    wish = reduce(FOLD[kind], inputs)
    check_op(Elementwise(kind), *inputs, expect=[wish], namespaces=(namespace,))


def test_one_multiply_add_for_each_element_of_the_result() -> None:
    assert Elementwise("sum").muladds((1, 8, 5, 5), (1, 8, 5, 5), (1, 8, 5, 5)) == 200


def test_bad_attributes_and_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="found kind 'minus'"):
        Elementwise("minus")
    with pytest.raises(InputError, match="coefficients for a max"):
        Elementwise("max", (1.0, 2.0))
    with pytest.raises(ShapeError, match="found 3 inputs, expected 2"):
        Elementwise("sum", (1.0, 2.0)).infer((1,), (1,), (1,))
    with pytest.raises(ShapeError, match="expected shapes that broadcast"):
        Elementwise("sum").infer((1, 8, 5, 5), (1, 8, 4, 5))
    with pytest.raises(ShapeError, match="found 0 inputs"):
        Elementwise("sum").infer()
