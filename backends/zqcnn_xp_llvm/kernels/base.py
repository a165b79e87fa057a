"""What a kernel is: a frozen record of everything its code depends on, and the code's generator."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter

__all__ = ["BODY", "MAPS", "Kernel", "bounded", "map_integers"]

# Multiply-adds written out in one loop body: enough to hide the loop, few enough for the
# instruction caches and for a quick compilation.
BODY = 256


MAPS = ("x", "weights", "bias", "params", "out", "res")
"""Pointers of kernels that make one map of another, with a third added."""


def map_integers(planes: str, plane: str) -> tuple[str, ...]:
    """Return the integers of such a kernel: loops, then strides by row and plane.

    Examples
    --------
    >>> map_integers("blocks", "block")[0], map_integers("blocks", "block")[7]
    ('blocks', 'x_block')
    """
    loops = (planes, "rows", "row_last", "tiles", "tile_last")
    reads = ("x_row", "x_tap", f"x_{plane}")
    return (*loops, *reads, "out_row", f"out_{plane}", "res_row", f"res_{plane}")


@dataclass(frozen=True)
class Kernel:
    """Base of all kernels: its fields fix the code, its arguments the sizes and strides.

    A subclass names its run-time integers in `integers` and writes its code in `emit`. Strides
    are bytes; counts are at least 1.
    """

    pointers: ClassVar[tuple[str, ...]] = ()
    """Names of the address arguments, in order."""
    integers: ClassVar[tuple[str, ...]] = ()
    """Names of the integer arguments, in order."""

    @property
    def symbol(self) -> str:
        """A name for the function, the same in every process."""
        return f"{type(self).__name__}_{sha256(repr(self).encode()).hexdigest()[:16]}"

    def emit(self, e: Emitter) -> None:
        """Write the function's body."""
        raise TypeError(f"{type(self).__name__} has no code")

    def address(self, e: Emitter, name: str) -> Address:
        """Return an address argument."""
        return e.pointer(self.pointers.index(name))

    def integer(self, e: Emitter, name: str) -> Any:
        """Return an integer argument."""
        return e.integer(self.integers.index(name))


def bounded(e: Emitter, index: Any, step: int, last: Any) -> Any:
    """Return where tile ``index`` of ``step`` cells starts: the last one ends with the map.

    Tiles overlap instead of becoming smaller: computing a few cells twice is cheaper than code
    for every remainder.
    """
    return e.least(e.mul(index, step), last)
