"""Matrix products through cuBLAS, on row-major data, without any process-wide setting."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Gemm", "Matrix"]


class Matrix:
    """A batch of row-major matrices somewhere inside one device array.

    Parameters
    ----------
    array
        Contiguous float32 array.
    row
        Elements from one row to the next.
    batch
        Elements from one matrix to the next.
    offset
        Elements before the first.
    """

    def __init__(self, array: Any, row: int, batch: int = 0, offset: int = 0) -> None:
        self.array = array
        self.row = row
        self.batch = batch
        self.pointer = array.data.ptr + 4 * offset


class Gemm:
    """Compute ``c[g] = a[g] @ b[g]`` in float32.

    `cupy.matmul` copies what is not contiguous and obeys a process-wide precision setting;
    cuBLAS itself takes any row stride and any destination, and its precision belongs to the
    thread's handle, which is put back after each call.

    Parameters
    ----------
    cupy
        The module.
    tf32
        Let tensor cores round the factors to 10 bits of mantissa: quicker, wrong by about 1e-3.
    """

    def __init__(self, cupy: Any, *, tf32: bool = False) -> None:
        self._cuda = cupy.cuda
        self.tf32 = tf32
        self._one = np.ones((), np.float32)
        self._zero = np.zeros((), np.float32)

    def __call__(
        self, a: Matrix, b: Matrix, c: Matrix, rows: int, inner: int, columns: int, batch: int = 1
    ) -> None:
        """Multiply (rows, inner) by (inner, columns), ``batch`` times, into ``c``."""
        if not (rows and columns and batch):
            return
        blas = self._cuda.cublas
        handle = self._cuda.get_cublas_handle()
        wanted = blas.CUBLAS_TF32_TENSOR_OP_MATH if self.tf32 else blas.CUBLAS_DEFAULT_MATH
        math, pointers = blas.getMathMode(handle), blas.getPointerMode(handle)
        blas.setMathMode(handle, wanted)
        blas.setPointerMode(handle, blas.CUBLAS_POINTER_MODE_HOST)
        # cuBLAS is column-major: row-major c = a @ b is there c' = b' @ a'.
        plain = blas.CUBLAS_OP_N
        one, zero = self._one.ctypes.data, self._zero.ctypes.data
        try:
            if batch == 1:
                blas.sgemm(
                    handle, plain, plain, columns, rows, inner, one,
                    b.pointer, b.row, a.pointer, a.row, zero, c.pointer, c.row,
                )  # fmt: skip
            else:
                blas.sgemmStridedBatched(
                    handle, plain, plain, columns, rows, inner, one,
                    b.pointer, b.row, b.batch, a.pointer, a.row, a.batch,
                    zero, c.pointer, c.row, c.batch, batch,
                )  # fmt: skip
        finally:
            blas.setMathMode(handle, math)
            blas.setPointerMode(handle, pointers)
