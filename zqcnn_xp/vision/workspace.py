"""Buffers that each thread uses again and again.

Memory fresh from the system is paid for when its pages are first touched, a microsecond or so for
every 4 KiB, and the C library gives large blocks back as soon as they are freed. A detector that
allocates its megabyte of temporaries anew for every level spends more on that than on arithmetic.
"""

from __future__ import annotations

import threading
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Workspace"]

_LINE = 64  # bytes: a cache line, and the widest vector register


class Workspace:
    """Arrays by name, one of a name in each thread; they die with the thread or the workspace.

    Parameters
    ----------
    most
        Bytes of the largest buffer that is kept.

    Examples
    --------
    >>> work = Workspace()
    >>> a = work.array("sums", (2, 3))
    >>> a.shape, a.dtype.name, np.shares_memory(a, work.array("sums", (6,)))
    ((2, 3), 'float32', True)
    """

    def __init__(self, most: int = 1 << 24) -> None:
        self.most = most
        self._local = threading.local()

    def array(self, name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
        """Return an array of undefined content, valid until this thread asks for the name again.

        Its memory starts at a multiple of 64 bytes.
        """
        kind = np.dtype(dtype)
        size = prod(shape) * kind.itemsize
        if size > self.most:
            return np.empty(shape, kind)
        held: dict[str, NDArray[np.uint8]] | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = {}
        buffer = held.get(name)
        if buffer is None or buffer.size < size:
            block = np.empty(size + _LINE, np.uint8)
            first = -block.ctypes.data % _LINE
            buffer = held[name] = block[first : first + size]
        return np.ndarray(shape, kind, buffer)
