"""Matrix products through cuBLAS."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp_cupy.gemm import Gemm, Matrix


def product(backend, gemm, a, b, **sizes):
    with backend.scope():
        c = backend._tools.empty((a.shape[0], b.shape[1]))
        left, right = backend.from_numpy(a), backend.from_numpy(b)
        gemm(Matrix(left, a.shape[1]), Matrix(right, b.shape[1]), Matrix(c, b.shape[1]),
             a.shape[0], a.shape[1], b.shape[1])  # fmt: skip
        return backend.to_numpy(c)


@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 1, 1), (5, 7, 3), (64, 33, 130)])
def test_row_major(backend, rows, inner, columns):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((rows, inner)).astype(np.float32)
    b = rng.standard_normal((inner, columns)).astype(np.float32)
    found = product(backend, backend._tools.gemm, a, b)
    np.testing.assert_allclose(found, a @ b, rtol=0, atol=1e-5 * np.abs(a @ b).max())


def test_strided_batch_into_columns(backend):
    """Groups read and write side by side: row strides and batch strides differ from the sizes."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal((5, 2, 3)).astype(np.float32)  # row, group, inner
    b = rng.standard_normal((3, 2, 4)).astype(np.float32)  # inner, group, column
    with backend.scope():
        c = backend._tools.empty((5, 2, 4))
        left, right = backend.from_numpy(a), backend.from_numpy(b)
        backend._tools.gemm(Matrix(left, 6, 3), Matrix(right, 8, 4), Matrix(c, 8, 4), 5, 3, 4, 2)
        found = backend.to_numpy(c)
    np.testing.assert_allclose(found, np.einsum("rgi,igc->rgc", a, b), rtol=0, atol=1e-5)


def test_tf32_is_off_unless_asked_for(sim, sim_backend):
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((64, 64)).astype(np.float32) for _ in range(2))
    exact = a.astype(np.float64) @ b
    for tf32, low, high in ((False, 0, 1e-5), (True, 1e-4, 1e-2)):
        found = product(sim_backend, Gemm(sim, tf32=tf32), a, b)
        assert low <= np.abs(found - exact).max() / np.abs(exact).max() <= high


def test_the_handle_is_left_as_it_was(sim, sim_backend):
    handle = sim.cuda.get_cublas_handle()
    handle.update(math=3, pointer=1)
    try:
        product(sim_backend, Gemm(sim), np.ones((2, 2), np.float32), np.ones((2, 2), np.float32))
        assert handle == {"math": 3, "pointer": 1}
    finally:
        handle.update(math=0, pointer=0)


def test_an_empty_product_calls_nothing(sim):
    sim.cuda.cublas.sgemm = None
    none = Matrix(sim.empty((0,), np.float32), 1)
    Gemm(sim)(none, none, none, 0, 3, 3)
