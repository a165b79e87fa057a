"""Features as one NumPy array, with the rows' names in a text beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from zqcnn_xp.cli.files import writing
from zqcnn_xp.gallery.exchange.npy_header import Header, feature_header, read_header
from zqcnn_xp.gallery.exchange.people import write_lines
from zqcnn_xp.gallery.exchange.source import FeatureSource, block_rows, finite, names_of
from zqcnn_xp.gallery.rows import decoded
from zqcnn_xp.gallery.store.batch import Batch

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.store import Store

__all__ = ["as_float32", "read_npy", "write_npy"]


def read_npy(path: Path, names: Path | None = None) -> FeatureSource:
    """Open an array of (n, d) float16, float32 or float64; float64 is rounded to float32.

    Parameters
    ----------
    path
        The .npy file.
    names
        A text with one name a line; without it rows are called by their numbers.

    Raises
    ------
    DatasetError
        If the file is no such array, or holds another number of bytes than it claims.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        header = read_header(file, str(path), path.stat().st_size)
    dim = feature_header(header, str(path))
    return FeatureSource(str(path), dim, _batches(path, header, names))


def _batches(path: Path, header: Header, names: Path | None) -> Iterator[Batch]:
    count, dim = header.shape
    lines = names_of(names, count, "feature")
    size, width = block_rows(dim), header.dtype.itemsize
    if count == 0:
        for _ in lines:
            pass
        return
    values = np.memmap(
        *(path, header.dtype, "r", header.size, header.shape),
        order="F" if header.fortran else "C",
    )
    for start in range(0, count, size):
        block = np.asarray(values[start : start + size])
        features = as_float32(block, str(path), header.size + start * dim * width)
        yield Batch(features, list(islice(lines, len(features))))
    for _ in lines:  # a text that goes on is found here
        pass


def as_float32(block: NDArray[Any], name: str, place: int) -> NDArray[np.float32]:
    """Return a copy of values from byte ``place`` on as float32, if they are finite there."""
    with np.errstate(over="ignore"):
        features: NDArray[np.float32] = block.astype(np.float32)
    finite(features, name, place, block.dtype.itemsize)
    return features


def write_npy(store: Store, path: Path, names: Path | None = None) -> int:
    """Write the features of a store as one float32 array, and the names as a text.

    Parameters
    ----------
    store
        What to write.
    path, names
        The .npy file, and the text with one name a line.

    Returns
    -------
    int
        Rows that were written.

    Raises
    ------
    InputError
        If a name has a line end in it.
    OSError
        If a file cannot be written; then none is.
    """
    with ExitStack() as stack:
        file = stack.enter_context(writing(path))
        if names is not None:
            write_lines(stack.enter_context(writing(names)), store.names, "name")
        write_head(file, (len(store), store.dim), "<f4")
        for start in range(0, len(store), block_rows(store.dim)):
            stop = min(start + block_rows(store.dim), len(store))
            file.write(decoded(store.rows, start, stop).astype("<f4").tobytes())
    return len(store)


def write_head(file: Any, shape: tuple[int, ...], dtype: str) -> None:
    """Write the header of a .npy file."""
    head = {"descr": dtype, "fortran_order": False, "shape": shape}
    npy_format.write_array_header_1_0(file, head)
