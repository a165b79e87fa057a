"""A list of NumPy calls whose arrays are bound beforehand, and the buffers they work in.

A small network spends more time in Python than in arithmetic: slicing, allocating, tiling vectors.
All of that depends on shapes alone. So it is done once, and what runs is a list of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from typing import Any, TypeAlias

import numpy as np

from zqcnn_xp.ops.base import Weights

__all__ = ["Pads", "Rows", "Stage", "Tape", "blocks"]

Rows: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
Pads: TypeAlias = tuple[int, int, int, int]

# Elements of a ufunc's buffer: rows that are longer are worked on where they lie.
SHORT = 512


class Tape:
    """Calls in order, and the arrays that they share.

    One tape must not run in two threads at a time: its calls write to its own arrays.
    """

    def __init__(self) -> None:
        self.calls: list[partial[object]] = []
        self._scratch: dict[tuple[str, int], Rows] = {}
        self._kept: dict[Any, Rows] = {}
        self._tiles: dict[tuple[int, int], tuple[Any, Rows]] = {}
        self._frames: dict[int, tuple[Rows, Rows, Pads]] = {}

    def add(self, function: Callable[..., object], *args: Any, **options: Any) -> None:
        """Append a call."""
        self.calls.append(partial(function, *args, **options))

    def run(self) -> None:
        """Make all calls."""
        # A ufunc copies operands that do not lie in one piece until its inner loop is as long as
        # this buffer, which takes as long as the work itself. The setting is this thread's own.
        before = np.setbufsize(SHORT)
        try:
            for call in self.calls:
                call()
        finally:
            np.setbufsize(before)

    def scratch(self, name: str, shape: tuple[int, ...]) -> Rows:
        """Return memory that holds something from one call to another of the same stage only.

        Stages share it: what was written last is still in the cache.
        """
        size = prod(shape)
        key = (name, max(size - 1, 1).bit_length())
        if key not in self._scratch:
            self._scratch[key] = np.empty(1 << key[1], np.float32)
        return self._scratch[key][:size].reshape(shape)

    def kept(self, key: Any, make: Callable[[], Rows]) -> Rows:
        """Return an array of which a part, such as a border, keeps its first values for good."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def tiled(self, vector: Any, length: int) -> Rows:
        """Repeat a vector of channels, or a row of them, along its last axis to ``length``."""
        key = (id(vector), length)
        if key not in self._tiles:
            times = length // max(vector.shape[-1], 1)
            repeated = np.tile(vector, (*(1,) * (vector.ndim - 1), times))
            # The vector is held with it, so its id is not given to another.
            self._tiles[key] = vector, np.ascontiguousarray(repeated, np.float32)
        return self._tiles[key][1]

    def row(self, value: float, length: int) -> Rows:
        """Return ``length`` equal floats: NumPy's loops want two arrays."""
        return self.kept(("row", value, length), lambda: np.full(length, value, np.float32))

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that the tape has made."""
        tiles = (repeated for _, repeated in self._tiles.values())
        return sum(a.nbytes for a in (*self._scratch.values(), *self._kept.values(), *tiles))

    def frame(self, inner: Rows, base: Rows, pads: Pads) -> None:
        """Remember that ``inner`` lies in ``base``, surrounded by zeros."""
        # The arrays are held, so their ids are not given to others.
        self._frames[id(inner)] = (inner, base, pads)

    def bordered(self, x: Rows, pads: Pads, value: float = 0.0) -> Rows:
        """Return a stored map with a border: a view where ``x`` has one, a copy otherwise."""
        if not any(pads):
            return x
        if id(x) in self._frames and value == 0.0:
            _, base, have = self._frames[id(x)]
            spare = [a - b for a, b in zip(have, pads, strict=True)]
            if min(spare) >= 0:
                top, bottom, left, right = spare
                _, h, w, _ = base.shape
                return base[:, top : h - bottom, left : w - right]
        n, h, w, c = x.shape
        top, bottom, left, right = pads
        shape = (n, h + top + bottom, w + left + right, c)
        base = self.kept(("border", shape, pads, value), lambda: np.full(shape, value, np.float32))
        self.add(np.copyto, base[:, top : top + h, left : left + w], x)
        return base

    def contiguous(self, x: Rows) -> Rows:
        """Return ``x`` without gaps: itself, or a copy."""
        if x.flags.c_contiguous:
            return x
        y = self.scratch("contiguous", x.shape)
        self.add(np.copyto, y, x)
        return y


Stage: TypeAlias = Callable[[Tape, Weights, Sequence[Rows], Sequence[Rows]], None]
"""``stage(tape, prepared_weights, inputs, outputs)`` adds the calls of one op to a tape."""


def blocks(n: int, h: int, row: int, most: int) -> Iterator[tuple[slice, slice]]:
    """Cut ``n`` samples of ``h`` rows of ``row`` floats into pieces of at most ``most`` floats.

    Each piece is either some rows of one sample or some whole samples, and never empty.

    Examples
    --------
    >>> list(blocks(1, 5, 10, 30))
    [(slice(0, 1, None), slice(0, 3, None)), (slice(0, 1, None), slice(3, 5, None))]
    >>> list(blocks(3, 2, 10, 40))
    [(slice(0, 2, None), slice(0, 2, None)), (slice(2, 3, None), slice(0, 2, None))]
    """
    if not n * h * row:
        return
    samples = most // (h * row)
    if samples:
        for first in range(0, n, samples):
            yield slice(first, min(first + samples, n)), slice(0, h)
        return
    # Equal pieces, rather than a rest of a row or two.
    rows = -(-h // -(-h // max(most // row, 1)))
    for sample in range(n):
        for first in range(0, h, rows):
            yield slice(sample, sample + 1), slice(first, min(first + rows, h))
