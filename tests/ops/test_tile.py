"""Copies side by side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Tile
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=5))
@settings(deadline=None, max_examples=60)
def test_numpy_and_onnx_runtime(run_onnx, pairs) -> None:
    shape, repeats = (tuple(column) for column in zip(*pairs, strict=True))
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    want = np.tile(x, repeats)
    if want.size:
        same = run_onnx("Tile", x, np.asarray(repeats, np.int64))[0]
        np.testing.assert_array_equal(same, want)
    check_op(Tile(repeats), x, expect=[want], namespaces=("numpy", "array_api_strict"))
    assert Tile(repeats).muladds(shape) == x.size
    assert Tile(repeats).mixes_batch == (repeats[0] != 1)


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
def test_every_library(namespace: str) -> None:
    x = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    want = np.tile(x, (1, 2, 3, 4))
    check_op(Tile((1, 2, 3, 4)), x, expect=[want], namespaces=(namespace,))


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="expected counts from 0 up"):
        Tile((1, -1))
    with pytest.raises(ShapeError, match="expected 2 dimensions"):
        Tile((1, 2)).infer((1, 2, 3))
