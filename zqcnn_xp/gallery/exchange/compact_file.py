"""ZQCNN's compact face database: the counts of all persons, then all features; no names of images.

All little-endian: int32 length of a feature, int32 number of persons, int32 number of features of
each person, then the float32 values of all. The persons' names may stand in a file, one a line.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.cli.files import writing
from zqcnn_xp.errors import DatasetError
from zqcnn_xp.gallery.exchange.people import MAX_INT32, People, write_lines
from zqcnn_xp.gallery.exchange.source import (
    Bounded,
    FeatureSource,
    block_rows,
    checked_dim,
    names_of,
)
from zqcnn_xp.gallery.store.batch import Batch

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.store import Store

__all__ = ["read_compact", "write_compact"]


def read_compact(path: Path, names: Path | None = None) -> FeatureSource:
    """Open a compact file; rows are called ``person/number``.

    Parameters
    ----------
    path
        The file.
    names
        Who the persons are, one a line. Without it they are called by their numbers.

    Raises
    ------
    DatasetError
        If the file does not hold what its counts say, with the byte.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as raw:
        file = Bounded(raw, path)
        dim, counts = _head(file)
    return FeatureSource(str(path), dim, _batches(path, names_of(names, len(counts), "person")))


def _head(file: Bounded) -> tuple[int, NDArray[np.int64]]:
    dim = checked_dim(file.int32(0, MAX_INT32, "the length of a feature"), file.name, "byte 0")
    people = file.int32(0, MAX_INT32, "the number of persons")
    place = file.at
    data = file.take(4 * people, f"the counts of {people} persons")
    counts = np.frombuffer(data, "<i4").astype(np.int64)
    if people and counts.min() < 0:
        bad = int(np.argmax(counts < 0))
        where, found = f"byte {place + 4 * bad}", f"{counts[bad]} features"
        raise DatasetError(file.name, where, found, "0 or more")
    size = 4 * dim * int(counts.sum())
    if size != file.left:
        found = f"{file.left} bytes that remain"
        raise DatasetError(file.name, f"byte {file.at}", found, f"{size} for all features")
    return dim, counts


def _batches(path: Path, persons: Iterator[str]) -> Iterator[Batch]:
    with path.open("rb") as raw:
        file = Bounded(raw, path)
        dim, counts = _head(file)
        faces = _faces(counts, persons)
        total = int(counts.sum())
        for start in range(0, total, block_rows(dim)):
            features = np.empty((min(block_rows(dim), total - start), dim), np.float32)
            file.floats(features, "features")
            pairs = [next(faces) for _ in range(len(features))]
            names = [f"{person}/{number}" for person, number in pairs]
            yield Batch(features, names, [person for person, _ in pairs])
        for _ in faces:  # persons without features, and a names file that goes on
            pass


def _faces(counts: NDArray[np.int64], persons: Iterator[str]) -> Iterator[tuple[str, int]]:
    for count, person in zip(counts.tolist(), persons, strict=True):
        yield from ((person, number) for number in range(count))


def write_compact(
    store: Store, path: Path, names: Path | None = None, *, skip_unlabelled: bool = False
) -> int:
    """Write a store as a compact file, and its labels as a names file.

    Parameters, results and errors are those of `write_zqcnn`; the rows' names are left out.
    """
    people = People(store, skip_unlabelled=skip_unlabelled)
    with ExitStack() as stack:
        file = stack.enter_context(writing(path))
        if names is not None:
            write_lines(stack.enter_context(writing(names)), people.labels, "label")
        file.write(struct.pack("<ii", store.dim, len(people.labels)))
        file.write(people.counts.astype("<i4").tobytes())
        for _, features in people.blocks(block_rows(store.dim)):
            file.write(features.astype("<f4").tobytes())
    return int(people.counts.sum())
