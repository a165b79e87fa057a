"""Memory between guard words, and calls of kernels that know the bounds of their pointers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zqcnn_xp_llvm.codegen.access import CHECKED_WORDS, LIMITS, POINTERS, REPORT, Access
from zqcnn_xp_llvm.planner.storage import ALIGNMENT

__all__ = ["UNWRITTEN", "Bounds", "Guarded", "call_checked"]

Host = np.ndarray[Any, Any]
Bounds = tuple[int, int]
"""The first address of a buffer, and the one behind its last."""

# Guard words are NaN, so that a result that depends on one is seen to.
_GUARD = 0x7FC0DEAD
_GUARD_BYTES = 4096
UNWRITTEN = np.uint32(_GUARD).view(np.float32)
"""What memory holds before anything is written to it."""


class Guarded:
    """Memory between guard words, filled with them as well.

    Parameters
    ----------
    name
        Whose memory it is, for messages.
    size
        Bytes, a multiple of 4.

    Examples
    --------
    >>> memory = Guarded("x", 64)
    >>> memory.floats[:] = 1.0
    >>> memory.touched() is None
    True
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self._whole = np.full((size + 2 * _GUARD_BYTES + ALIGNMENT) // 4, _GUARD, np.uint32)
        start = _GUARD_BYTES + -self._whole.ctypes.data % ALIGNMENT
        self._start, self._stop = start // 4, (start + size) // 4

    @property
    def floats(self) -> Host:
        """The memory itself, float32."""
        return self._whole[self._start : self._stop].view(np.float32)

    @property
    def address(self) -> int:
        """Where it starts."""
        return int(self._whole.ctypes.data) + 4 * self._start

    def poison(self) -> None:
        """Forget what was written."""
        self.floats[:] = UNWRITTEN

    def touched(self) -> str | None:
        """Say where a guard word has been overwritten, or None where all are as they were."""
        for what, part, first in (
            ("in front", self._whole[: self._start], -self._start),
            ("behind", self._whole[self._stop :], self._stop - self._start),
        ):
            changed = np.flatnonzero(part != _GUARD)
            if changed.size:
                return f"a write {what}, at byte {4 * (first + int(changed[0]))}"
        return None


def call_checked(
    function: Callable[[int], Any],
    addresses: list[int],
    integers: list[int],
    bounds: list[Bounds],
) -> tuple[Access, int] | None:
    """Call a checked kernel.

    Parameters
    ----------
    function
        The kernel's code.
    addresses, integers
        Its arguments.
    bounds
        First address of each pointer's buffer, and the one behind its last.

    Returns
    -------
    tuple or None
        The first access that lies outside, and its address.
    """
    args = np.zeros(CHECKED_WORDS, np.int64)
    args[: len(addresses)] = addresses
    args[POINTERS : POINTERS + len(integers)] = integers
    args[LIMITS : LIMITS + 2 * len(bounds)] = np.array(bounds, np.int64).reshape(-1)
    function(args.ctypes.data)
    code = int(args[REPORT])
    return (Access.decode(code), int(args[REPORT + 1])) if code else None
