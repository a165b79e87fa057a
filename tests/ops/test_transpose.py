"""Reordering logical axes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Transpose
from zqcnn_xp.testing.check_op import NAMESPACES, check_op, installed


@pytest.mark.parametrize("perm", list(permutations(range(4))))
def test_every_permutation_of_a_map(perm: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    check_op(
        Transpose(perm),
        x,
        expect=[x.transpose(perm)],
        namespaces=[name for name in installed() if name != "jax"],
    )
    (y,) = Transpose(perm).forward(np, {}, x)
    assert np.shares_memory(x, y)


@given(st.data(), array_shapes(min_dims=1, max_dims=6, min_side=0, max_side=4))
@settings(deadline=None, max_examples=40)
def test_any_rank(data, shape: tuple[int, ...]) -> None:
    perm = tuple(data.draw(st.permutations(range(len(shape)))))
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    check_op(
        Transpose(perm), x, expect=[x.transpose(perm)], namespaces=("numpy", "array_api_strict")
    )


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (2, 3, 4)])
def test_every_library(namespace: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    perm = (0, 2, 3, 1)[: len(shape)] if len(shape) == 4 else (0, 2, 1)
    check_op(Transpose(perm), x, expect=[x.transpose(perm)], namespaces=(namespace,))


def test_only_a_moved_first_axis_mixes_samples() -> None:
    assert Transpose((1, 0)).mixes_batch
    assert not Transpose((0, 2, 1)).mixes_batch


def test_bad_attributes_and_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="each axis from 0 up exactly once"):
        Transpose((0, 1, 1))
    with pytest.raises(ShapeError, match="expected 2 dimensions"):
        Transpose((0, 1)).infer((1, 2, 3))
