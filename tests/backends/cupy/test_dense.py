"""Fully connected layers against the NumPy reference."""

from __future__ import annotations

import pytest

from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp_cupy import dense


@pytest.mark.parametrize("shape", [(4, 64, 3, 3), (1, 3, 1, 1), (5, 17), (1, 1), (0, 6)])
@pytest.mark.parametrize(
    "op", [Dense(7), Dense(128, bias=False), Dense(12, activation=PReLU()),
           Dense(3, activation=Activation("tanh"))],
)  # fmt: skip
def test_dense(backend, compare, op, shape):
    assert compare(backend, op, shape) is not None


def test_other_ranks_and_empty_sizes_take_the_reference(backend):
    assert backend.kernel(Dense(4), (2, 3, 5)) is None
    assert backend.kernel(Dense(4), (2, 0)) is None


def test_many_rows_go_in_parts(backend, compare, monkeypatch):
    monkeypatch.setattr(dense, "LIMIT", 3)
    assert compare(backend, Dense(5), (8, 6)) is not None
