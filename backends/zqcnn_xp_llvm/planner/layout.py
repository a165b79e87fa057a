"""Where the elements of a value lie: blocks of channels, rows of planes, or logical order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Literal

from zqcnn_xp.ops.base import Shape

__all__ = ["Border", "Geometry", "Kind", "Layout", "geometry"]

Kind = Literal["blocks", "rows", "plain"]


@dataclass(frozen=True)
class Geometry:
    """A sample's channels, height and width; what is no map is one long row or one pixel."""

    c: int
    h: int
    w: int

    @property
    def size(self) -> int:
        """Elements of a sample."""
        return self.c * self.h * self.w


@dataclass(frozen=True)
class Border:
    """Cells around a map that windows may reach, all of one value."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    value: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether there are none."""
        return not (self.top or self.bottom or self.left or self.right)

    def covers(self, other: Border) -> bool:
        """Whether windows that need ``other`` can read a map with this border."""
        if other.empty:
            return True
        sides = zip(self.sides, other.sides, strict=True)
        return self.value == other.value and all(a >= b for a, b in sides)

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """(top, bottom, left, right)."""
        return (self.top, self.bottom, self.left, self.right)

    def joined(self, other: Border) -> Border | None:
        """Return a border that serves both, or None where their values differ."""
        if self.empty or other.empty:
            return other if self.empty else self
        if self.value != other.value:
            return None
        top, bottom, left, right = map(max, self.sides, other.sides)
        return Border(top, bottom, left, right, self.value)


NO_BORDER = Border()
# Distances of planes that fall on few sets of the first-level cache.
STAGGER = 512


@dataclass(frozen=True)
class Layout:
    """The strides of one sample, in bytes.

    Parameters
    ----------
    kind
        ``"blocks"``: (row, block of channels, pixel, channel in the block). ``"rows"``: (row,
        channel, pixel), rows padded to whole vectors. ``"plain"``: (channel, row, pixel) without
        gaps, the logical order.
    map
        Sizes.
    lanes
        Channels of a block, floats of a vector.
    border
        Cells around the map.
    staggered
        Planes may lie a little apart. At a distance of some power of two, the same pixel of all
        channels meets in a few sets of the cache and the channels drive each other out.
    """

    kind: Kind
    map: Geometry
    lanes: int
    border: Border = NO_BORDER
    staggered: bool = False

    @cached_property
    def planes(self) -> int:
        """Blocks of channels, or channels."""
        return -(-self.map.c // self.lanes) if self.kind == "blocks" else self.map.c

    @cached_property
    def pixel(self) -> int:
        """Bytes from a pixel to its right neighbour."""
        return 4 * self.lanes if self.kind == "blocks" else 4

    @cached_property
    def _pitch(self) -> int:
        width = self.border.left + self.map.w + self.border.right
        if self.kind == "rows":
            width = -(-width // self.lanes) * self.lanes
        pitch = width * self.pixel
        if self.staggered and self.kind != "plain" and pitch % STAGGER == 0 and self.planes > 1:
            pitch += 4 * self.lanes
        return pitch

    @cached_property
    def row(self) -> int:
        """Bytes from a row to the next one."""
        return self._pitch if self.kind == "plain" else self._pitch * self.planes

    @cached_property
    def plane(self) -> int:
        """Bytes from a channel, or block of channels, to the next one."""
        return self._pitch * self.map.h if self.kind == "plain" else self._pitch

    @cached_property
    def origin(self) -> int:
        """Bytes from the start of the memory to the first pixel of the map."""
        return self.border.top * self.row + self.border.left * self.pixel

    @cached_property
    def bytes(self) -> int:
        """Memory of a sample."""
        if self.kind == "plain":
            return 4 * self.map.size
        return (self.border.top + self.map.h + self.border.bottom) * self.row

    def bordered(self, border: Border) -> Layout:
        """Return the same layout with another border."""
        return replace(self, border=border)


def geometry(shape: Shape) -> Geometry:
    """Return what a logical shape without its first axis is to the planner.

    Examples
    --------
    >>> geometry((1, 3, 8, 9)), geometry((1, 10)), geometry((1, 4, 5))
    (Geometry(c=3, h=8, w=9), Geometry(c=10, h=1, w=1), Geometry(c=1, h=1, w=20))
    """
    if len(shape) == 4:
        return Geometry(*shape[1:])
    if len(shape) == 2:
        return Geometry(shape[1], 1, 1)
    return Geometry(1, 1, prod(shape[1:]))
