"""Sums, means and extremes along axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Reduce
from zqcnn_xp.testing.check_op import NAMESPACES, check_op

ONNX = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin"}


def draw(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@given(
    st.sampled_from(sorted(ONNX)),
    st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple),
    st.data(),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_onnx_runtime(run_onnx, kind: str, shape, data, keep: bool) -> None:
    some = st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1).map(tuple)
    axes = data.draw(st.one_of(st.none(), some))
    x = draw(shape)
    listed = np.asarray(range(len(shape)) if axes is None else axes, np.int64)
    (want,) = run_onnx(ONNX[kind], x, listed, keepdims=int(keep), opset=18)
    namespaces = ("numpy", "array_api_strict")
    check_op(Reduce(kind, axes, keep), x, expect=[np.asarray(want)], namespaces=namespaces)


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("kind", sorted(ONNX))
@pytest.mark.parametrize(
    ("axes", "keep"), [((1,), True), ((2, 3), False), ((), False), (None, True), (None, False)]
)
def test_every_library(namespace: str, kind: str, axes, keep: bool) -> None:
    x = draw((2, 3, 4, 5))
    want = np.asarray(getattr(np, kind)(x, axis=axes, keepdims=keep))
    check_op(Reduce(kind, axes, keep), x, expect=[want], namespaces=(namespace,))


def test_no_sample() -> None:
    x = draw((0, 3, 4, 5))
    check_op(Reduce("mean", (1, 2)), x, expect=lambda w, x: np.zeros((0, 1, 1, 5)))
    check_op(Reduce("sum"), x, expect=lambda w, x: np.zeros((1, 1, 1, 1)))


def test_what_mixes_the_batch() -> None:
    assert Reduce("sum").mixes_batch
    assert Reduce("sum", (0, 1)).mixes_batch
    assert not Reduce("sum", (1, 2)).mixes_batch
    assert Reduce("sum", (1,)).muladds((2, 3, 4, 5)) == 120


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="found kind 'median'"):
        Reduce("median")
    for axes in ((-1,), (1, 1)):
        with pytest.raises(InputError, match="expected different axes from 0 up"):
            Reduce("sum", axes)
    with pytest.raises(ShapeError, match="expected axes of the shape"):
        Reduce("sum", (2,)).infer((2, 3))
    with pytest.raises(ShapeError, match="nothing to take the mean of"):
        Reduce("mean", (0,)).infer((0, 3))
