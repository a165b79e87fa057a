"""Arrays that lie in an HDF5 file in pieces, as MATLAB 7.3 writes all but the smallest."""

from __future__ import annotations

import struct
import zlib
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.evaluation.hdf5_walk import Walk

__all__ = ["Chunks", "cut", "from_chunks"]

_DEFLATE, _SHUFFLE = 1, 2
_MOST_PACKED = 1100  # deflate packs 1,032 bytes into one at most


class Chunks(NamedTuple):
    """How an array is cut: where the tree of its chunks is, their shape, and their filters."""

    tree: int
    shape: tuple[int, ...]
    filters: list[int]


def cut(
    walk: Walk, tree: int, sizes: tuple[int, ...], ndim: int, filters: memoryview | None
) -> Chunks:
    """Check how an array of so many dimensions is cut; ``sizes`` end with an element's."""
    shape = sizes[:ndim]
    if len(sizes) != ndim + 1 or 0 in shape:
        raise walk.error(f"chunks of {sizes}"[:80], f"{ndim} sizes and an element's")
    return Chunks(tree, shape, _filters(walk, filters) if filters is not None else [])


def _filters(walk: Walk, data: memoryview) -> list[int]:
    """Return the numbers of the filters, in the order in which they were applied."""
    version, count = data[0], data[1]
    at = 8 if version == 1 else 2
    found = []
    for _ in range(count):
        (number,) = struct.unpack_from("<H", data, at)
        length = 0
        if version == 1 or number >= 256:
            (length,) = struct.unpack_from("<H", data, at + 2)
            at += 2
        (values,) = struct.unpack_from("<H", data, at + 4)
        at += 6 + length + 4 * values
        if version == 1 and values % 2:
            at += 4
        if number not in (_DEFLATE, _SHUFFLE) or number in found:
            raise walk.error(f"the filter {number}", "deflate or shuffle, once")
        found.append(number)
    return found


def from_chunks(
    walk: Walk, dtype: np.dtype[Any], shape: tuple[int, ...], how: Chunks
) -> NDArray[Any]:
    """Put an array together.

    Raises
    ------
    DatasetError
        Chunks that are missing, twice, damaged, or claim more than their bytes can hold.
    """
    size = prod(how.shape) * dtype.itemsize
    key = 8 + 8 * (len(shape) + 1)
    expected = prod(-(-all_ // one) for all_, one in zip(shape, how.shape, strict=True))
    places: dict[tuple[int, ...], memoryview] = {}
    held = 0
    for address, before in walk.leaves(how.tree, 1, key):
        packed, left_out = struct.unpack_from("<II", before)
        at = struct.unpack_from(f"<{len(shape)}Q", before, 8)
        fits = all(i < n and i % step == 0 for i, n, step in zip(at, shape, how.shape, strict=True))
        if left_out or not fits or at in places:
            raise walk.error(f"a chunk at {at}"[:80], "each once, with all filters")
        places[at] = walk.part(address, packed)
        held += packed
    walk.where = "chunks"
    most = held * _MOST_PACKED if _DEFLATE in how.filters else held
    if len(places) != expected or size * expected > most + 64 * expected:
        found = f"{len(places):,} chunks in {held:,} bytes"
        raise walk.error(found, f"{expected:,} of {size:,} bytes each")
    array = np.empty(shape, dtype)
    for at, data in places.items():
        whole = _unfiltered(walk, data, size, dtype.itemsize, how.filters)
        block = np.frombuffer(whole, dtype).reshape(how.shape)
        target = array[tuple(slice(i, i + n) for i, n in zip(at, how.shape, strict=True))]
        target[...] = block[tuple(slice(n) for n in target.shape)]
    return array


def _unfiltered(
    walk: Walk, data: memoryview, size: int, item: int, filters: list[int]
) -> bytes | memoryview:
    """Undo the filters of a chunk, the last one first."""
    whole: bytes | memoryview = data
    for number in reversed(filters):
        if number == _DEFLATE:
            inflater = zlib.decompressobj()
            try:
                whole = inflater.decompress(whole, size + 1)
            except zlib.error as error:
                raise walk.error(f"damaged compressed data ({error})", "zlib data") from None
        elif len(whole) == size:
            whole = np.frombuffer(whole, np.uint8).reshape(item, -1).T.tobytes()
    if len(whole) != size:
        raise walk.error(f"{len(whole):,} bytes of a chunk", f"{size:,}")
    return whole
