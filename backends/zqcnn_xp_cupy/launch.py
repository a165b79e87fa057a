"""Compiling and launching the raw kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from zqcnn_xp_cupy.sources import source

__all__ = ["LIMIT", "Launcher", "contiguous", "is_wide", "pack_for"]

THREADS = 256
# The loops stride over the grid, so this many blocks fill any device and no count overflows.
MAX_BLOCKS = 1 << 16
LIMIT = 1 << 30
"""Elements up to which 32-bit indices are used: index plus stride stay below 2^31."""
_ALIGNMENT = 16


def is_wide(*sizes: int) -> bool:
    """Say whether arrays of these element counts need 64-bit indices.

    Examples
    --------
    >>> is_wide(1000), is_wide(1000, 2**31)
    (False, True)
    """
    return any(size > LIMIT for size in sizes)


def pack_for(channels: int, *arrays: Any) -> int:
    """Return how many floats a thread may move at once: 4 if all rows start on 16 bytes, else 1."""
    aligned = all(array.data.ptr % _ALIGNMENT == 0 for array in arrays)
    return 4 if channels % 4 == 0 and aligned else 1


def contiguous(cupy: Any, x: Any) -> Any:
    """Return a C-contiguous array: raw kernels and cuBLAS see an address, never strides."""
    return cupy.ascontiguousarray(x)


class Launcher:
    """Compile each variant of a kernel once, and launch it over a grid that covers a count.

    CuPy compiles through NVRTC at the first launch on a device and keeps the binary in its own
    cache folder (``CUPY_CACHE_DIR``).
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._kernels: dict[tuple[str, tuple[str, ...]], Any] = {}

    def variant(
        self, name: str, *, wide: bool = False, pack: int = 1, defines: tuple[str, ...] = ()
    ) -> Any:
        """Return the kernel compiled with these macros."""
        options = (f"-DPACK={pack}", *(("-DWIDE_INDEX",) if wide else ()), *defines)
        key = (name, options)
        found = self._kernels.get(key)
        if found is None:
            made = self._cupy.RawKernel(source(name), name, options=options)
            found = self._kernels.setdefault(key, made)
        return found

    def __call__(self, kernel: Any, total: int, *arguments: Any) -> None:
        """Launch ``kernel`` for ``total`` items; Python ints go as int32, floats as float32.

        Counts that need 64 bits are passed as ``np.int64``.
        """
        if total == 0:
            return  # CUDA refuses an empty grid
        blocks = min(-(-total // THREADS), MAX_BLOCKS)
        kernel((blocks,), (THREADS,), tuple(_scalar(value) for value in arguments))


def _scalar(value: Any) -> Any:
    # CuPy would pass a Python int as 8 bytes, whatever the kernel's parameter is.
    if isinstance(value, int):
        return np.int32(value)
    if isinstance(value, float):
        return np.float32(value)
    return value
