"""ZQCNN's face database: persons with their images' names and features, and the persons' names.

All little-endian. Feature file: int32 length of a feature, int32 number of persons; for each person
int32 number of features, and for each of them int32 length of its name with the closing NUL, the
name, the NUL, and the float32 values. Names file: one person a line.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zqcnn_xp.cli.files import writing
from zqcnn_xp.errors import DatasetError, InputError
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

__all__ = ["read_zqcnn", "write_zqcnn"]

_MAX_NAME = 1 << 16


def read_zqcnn(path: Path, names: Path | None = None) -> FeatureSource:
    """Open a feature file.

    Parameters
    ----------
    path
        The feature file.
    names
        The names file: who the persons are. Without it they are called by their numbers.

    Raises
    ------
    DatasetError
        If the file does not hold what its counts say; from here or from the batches, with the
        byte.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        bounded = Bounded(file, path)
        dim, people = _head(bounded)
    return FeatureSource(str(path), dim, _batches(path, names_of(names, people, "person")))


def _head(file: Bounded) -> tuple[int, int]:
    dim = checked_dim(file.int32(0, MAX_INT32, "the length of a feature"), file.name, "byte 0")
    people = file.int32(0, MAX_INT32, "the number of persons")
    file.need(4 * people, f"the counts of {people} persons")
    return dim, people


def _batches(path: Path, persons: Iterator[str]) -> Iterator[Batch]:
    with path.open("rb") as raw:
        file = Bounded(raw, path)
        dim, people = _head(file)
        size = block_rows(dim)
        faces = _faces(file, dim, people, persons)
        while True:
            features = np.empty((size, dim), np.float32)
            names: list[str] = []
            labels: list[str | None] = []
            for name, person in islice(faces, size):
                file.floats(features[len(names)], "a feature")
                names.append(name)
                labels.append(person)
            if not names:
                break
            yield Batch(features[: len(names)], names, labels)
        file.end()


def _faces(
    file: Bounded, dim: int, people: int, persons: Iterator[str]
) -> Iterator[tuple[str, str]]:
    """Yield name and person of each feature; the caller reads the values that follow."""
    for number in range(people):
        person = next(persons)
        count = file.int32(0, MAX_INT32, f"the number of features of person {number}")
        file.need(count * (5 + 4 * dim), f"{count} features of person {number}")
        for _ in range(count):
            length = file.int32(1, _MAX_NAME, "the length of a name")
            place = file.at
            name = file.take(length, "a name")
            if name.find(b"\0") != length - 1:
                found = f"a name with its first NUL at {name.find(0)}"
                raise DatasetError(file.name, f"byte {place}", found, f"one at {length - 1}")
            yield name[:-1].decode("utf-8", "surrogateescape"), person
    for _ in persons:  # a names file that goes on is found here
        pass


def write_zqcnn(
    store: Store, path: Path, names: Path | None = None, *, skip_unlabelled: bool = False
) -> int:
    """Write a store as a feature file, and its labels as a names file.

    Parameters
    ----------
    store
        What to write: rows of one label are one person.
    path, names
        The files.
    skip_unlabelled
        Leave out rows of nobody; otherwise they are an error.

    Returns
    -------
    int
        Rows that were written.

    Raises
    ------
    InputError
        If a row is of nobody, or a name has a NUL or a label a line end in it.
    OSError
        If a file cannot be written; then none is.
    """
    people = People(store, skip_unlabelled=skip_unlabelled)
    # A person's count stands before the first of its rows.
    heads = dict(zip(np.cumsum(people.counts) - people.counts, people.counts, strict=True))
    done = 0
    with ExitStack() as stack:
        file = stack.enter_context(writing(path))
        if names is not None:
            write_lines(stack.enter_context(writing(names)), people.labels, "label")
        file.write(struct.pack("<ii", store.dim, len(people.labels)))
        for rows, features in people.blocks(block_rows(store.dim)):
            for row, values in zip(rows.tolist(), features.astype("<f4"), strict=True):
                if done in heads:
                    file.write(struct.pack("<i", heads[done]))
                name = store.names[row].encode("utf-8", "surrogateescape")
                if b"\0" in name:
                    raise InputError(f"found {name!r} as name of row {row}, expected no NUL in it")
                file.write(struct.pack("<i", len(name) + 1) + name + b"\0" + values.tobytes())
                done += 1
    return done
