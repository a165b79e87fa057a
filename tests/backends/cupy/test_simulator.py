"""The simulator finds what a GPU would only do wrongly: each fault is provoked once."""

from __future__ import annotations

import numpy as np
import pytest

WRITER = 'extern "C" __global__ void f(float* y, int at) { y[at] = 1.0f; }'


def test_a_kernel_runs_over_grid_and_block(sim):
    body = "y[blockIdx.x * blockDim.x + threadIdx.x] += 1.0f;"
    code = f'extern "C" __global__ void f(float* y) {{ {body} }}'
    y = sim.asarray(np.zeros(12, np.float32))
    sim.RawKernel(code, "f")((3,), (4,), (y,))
    assert sim.asnumpy(y).tolist() == [1.0] * 12


@pytest.mark.parametrize("at", [-1, 4])
def test_a_write_outside_is_found(sim, cupysim, at):
    y = sim.empty((4,), np.float32)
    with pytest.raises(cupysim.cuda.FaultError, match="outside"):
        sim.RawKernel(WRITER, "f")((1,), (1,), (y, np.int32(at)))


def test_fresh_memory_and_guards_are_nan(sim):
    body = "y[0] = x[-1]; y[1] = x[4]; y[2] = x[0];"
    code = f'extern "C" __global__ void f(const float* x, float* y) {{ {body} }}'
    x, y = sim.empty((4,), np.float32), sim.empty((3,), np.float32)
    sim.RawKernel(code, "f")((1,), (1,), (x, y))
    assert np.isnan(sim.asnumpy(y)).all()


def test_arguments_are_checked(sim, cupysim):
    kernel = sim.RawKernel(WRITER, "f")
    y = sim.empty((4, 2), np.float32)
    for wrong in ((y, 0), (y, np.int64(0)), (y,), (y.T, np.int32(0)), (np.zeros(4), np.int32(0)),
                  (sim.asarray(np.zeros(4)), np.int32(0))):  # fmt: skip
        with pytest.raises(cupysim.cuda.FaultError):
            kernel((1,), (1,), wrong)


def test_an_empty_grid_is_refused(sim, cupysim):
    with pytest.raises(cupysim.cuda.CUDARuntimeError, match="invalid launch"):
        sim.RawKernel(WRITER, "f")((0,), (1,), ())


def test_another_device_is_refused(sim, cupysim):
    y = sim.empty((4,), np.float32)
    with sim.cuda.Device(1), pytest.raises(cupysim.cuda.FaultError, match="device 0"):
        sim.RawKernel(WRITER, "f")((1,), (1,), (y, np.int32(0)))


def test_numpy_arrays_do_not_mix(sim, cupysim):
    x = sim.asarray(np.ones(3, np.float32))
    with pytest.raises(TypeError, match="Unsupported"):
        _ = x + np.ones(3, np.float32)
    with pytest.raises(TypeError, match="Implicit"):
        np.asarray(x)


def test_a_matrix_outside_of_memory_is_found(sim, cupysim):
    x = sim.asarray(np.ones(16, np.float32))
    one = np.ones((), np.float32)
    handle = sim.cuda.get_cublas_handle()
    with pytest.raises(cupysim.cuda.FaultError, match="inside one allocation"):
        sim.cuda.cublas.sgemm(handle, 0, 0, 4, 4, 4, one.ctypes.data, x.data.ptr, 4,
                              x.data.ptr + 4, 4, one.ctypes.data, x.data.ptr, 4)  # fmt: skip


def test_a_source_that_does_not_compile_is_an_error(sim):
    with pytest.raises(RuntimeError, match="error"):
        sim.RawKernel('extern "C" __global__ void f(float* y) { y[0] = oops; }', "f")
