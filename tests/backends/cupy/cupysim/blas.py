"""cuBLAS on raw addresses: column-major, leading dimensions, pointer and math modes."""

from __future__ import annotations

import ctypes
import types
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import cuda

DEFAULT_MATH, TF32_MATH, POINTER_HOST, OP_N = 0, 3, 0, 0


def _matrix(pointer: int, rows: int, columns: int, leading: int) -> np.ndarray:
    """View a column-major matrix; all of it must lie inside one allocation."""
    if leading < max(1, rows):
        raise ValueError(f"CUBLAS_STATUS_INVALID_VALUE: leading dimension {leading} < {rows}")
    count = (columns - 1) * leading + rows
    cuda.find(pointer, 4 * count)
    flat = np.ctypeslib.as_array((ctypes.c_float * count).from_address(pointer))
    return as_strided(flat, (rows, columns), (4, 4 * leading))


def _scalar(handle: dict[str, int], pointer: int) -> float:
    if handle["pointer"] != POINTER_HOST:
        raise cuda.FaultError("a host scalar was passed in device pointer mode")
    return ctypes.c_float.from_address(pointer).value


def _factor(handle: dict[str, int], a: np.ndarray) -> np.ndarray:
    if handle["math"] != TF32_MATH:
        return a
    bits = np.ascontiguousarray(a).view(np.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(np.float32)


def sgemm(
    handle: Any, transa: int, transb: int, m: int, n: int, k: int, alpha: int,
    a: int, lda: int, b: int, ldb: int, beta: int, c: int, ldc: int,
) -> None:  # fmt: skip
    if (transa, transb) != (OP_N, OP_N):
        raise NotImplementedError("the plugin multiplies plain matrices only")
    if not all(-(2**31) <= size < 2**31 for size in (m, n, k, lda, ldb, ldc)):
        raise OverflowError("cuBLAS takes 32-bit sizes")
    left, right, out = _matrix(a, m, k, lda), _matrix(b, k, n, ldb), _matrix(c, m, n, ldc)
    reads = [cuda.find(a, 4), cuda.find(b, 4)]
    cuda.touch(reads, [cuda.find(c, 4)])
    with np.errstate(all="ignore"):
        product = _factor(handle, left) @ _factor(handle, right)
        scaled = _scalar(handle, beta)
        product = np.float32(_scalar(handle, alpha)) * product
        out[...] = product + np.float32(scaled) * out if scaled else product


def sgemmStridedBatched(  # noqa: N802 - cuBLAS's name
    handle: Any, transa: int, transb: int, m: int, n: int, k: int, alpha: int,
    a: int, lda: int, stride_a: int, b: int, ldb: int, stride_b: int,
    beta: int, c: int, ldc: int, stride_c: int, count: int,
) -> None:  # fmt: skip
    for i in range(count):
        sgemm(handle, transa, transb, m, n, k, alpha, a + 4 * i * stride_a, lda,
              b + 4 * i * stride_b, ldb, beta, c + 4 * i * stride_c, ldc)  # fmt: skip


def module() -> types.SimpleNamespace:
    def set_mode(kind: str) -> Any:
        return lambda handle, mode: handle.__setitem__(kind, mode)

    def get_mode(kind: str) -> Any:
        return lambda handle: handle[kind]

    return types.SimpleNamespace(
        CUBLAS_OP_N=OP_N, CUBLAS_DEFAULT_MATH=DEFAULT_MATH,
        CUBLAS_TF32_TENSOR_OP_MATH=TF32_MATH, CUBLAS_POINTER_MODE_HOST=POINTER_HOST,
        getMathMode=get_mode("math"), setMathMode=set_mode("math"),
        getPointerMode=get_mode("pointer"), setPointerMode=set_mode("pointer"),
        sgemm=sgemm, sgemmStridedBatched=sgemmStridedBatched,
    )  # fmt: skip
