"""Sizes of blocks, queries, and threads."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.scanners import ArrayScanner, find_scanner
from zqcnn_xp.gallery.work import block_rows, checked_queries, workers
from zqcnn_xp.registry import get_backend


def test_blocks_are_bounded() -> None:
    for queries in (0, 1, 64, 10_000):
        for dim in (0, 1, 128, 100_000):
            rows = block_rows(queries, dim, None)
            assert rows >= 256
            assert rows == 256 or (rows * queries <= 1 << 22 and rows * dim <= 1 << 22)
    assert block_rows(5, 5, 7) == 7
    with pytest.raises(InputError, match="blocks of 0"):
        block_rows(1, 1, 0)


def test_queries_become_float32() -> None:
    assert checked_queries([1, 2, 3], 3).dtype == np.float32
    assert checked_queries(np.ones((2, 3), np.float16), 3).shape == (2, 3)
    with pytest.raises(InputError, match="query 1"):
        checked_queries([[1.0, 2.0], [np.inf, 0.0]], 2)


def test_threads() -> None:
    ones = np.ones((1, 4), np.float32)
    backend = get_backend("numpy", threads=3)
    native = find_scanner(backend, ones, "float32", 9)
    assert native is not None
    assert (workers(backend, native, None), workers(backend, native, 2)) == (3, 2)
    # An array library divides the work itself.
    assert workers(Backend(np), ArrayScanner(Backend(np), ones, 9), 4) == 1
