"""Memory for the values of a graph, given again as soon as nothing reads it any more."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from zqcnn_xp_numpy.tape import Pads, Rows

__all__ = ["Buffer", "Buffers"]


@dataclass(eq=False)
class Buffer:
    """Memory, and how many values still lie in it."""

    key: Any
    base: Rows
    users: int = 1


class Buffers:
    """Free buffers, by what they can hold.

    A buffer with a border of zeros holds nothing but values of the same shape and border: the
    border is written once.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._free: dict[Any, list[Buffer]] = {}

    def plain(self, shape: tuple[int, ...]) -> tuple[Rows, Buffer]:
        """Return an array without gaps, and its buffer."""
        size = prod(shape)
        fitting = [
            key
            for key, free in self._free.items()
            if free and isinstance(key, int) and size <= key <= 2 * size
        ]
        found = self._taken(min(fitting)) if fitting else self._made(size, (size,))
        return found.base[:size].reshape(shape), found

    def framed(
        self, shape: tuple[int, ...], pads: Pads, *, planar: bool = False
    ) -> tuple[Rows, Rows, Buffer]:
        """Return a map inside a border of zeros, that map with its border, and the buffer.

        Parameters
        ----------
        shape, pads
            Stored shape (N, H, W, C) of the map, and its border.
        planar
            Let each channel lie in one piece.
        """
        n, h, w, c = shape
        top, bottom, left, right = pads
        high, wide = h + top + bottom, w + left + right
        key = (shape, pads, planar)
        if self._free.get(key):
            found = self._taken(key)
        else:
            found = self._made(key, (n, c, high, wide) if planar else (n, high, wide, c))
        base = found.base.transpose(0, 2, 3, 1) if planar else found.base
        return base[:, top : top + h, left : left + w], base, found

    def leave(self, buffer: Buffer) -> None:
        """Count one value less; the last one frees the buffer."""
        buffer.users -= 1
        if buffer.users == 0:
            self._free.setdefault(buffer.key, []).append(buffer)

    def _made(self, key: Any, shape: tuple[int, ...]) -> Buffer:
        # Zeros: borders are, and references are tried on buffers before there are values.
        base = np.zeros(shape, np.float32)
        self.nbytes += base.nbytes
        return Buffer(key, base)

    def _taken(self, key: Any) -> Buffer:
        found = self._free[key].pop()
        found.users = 1
        return found
