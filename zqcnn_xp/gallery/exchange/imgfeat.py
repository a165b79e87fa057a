"""ZQCNN's features of single images: ``photo.jpg.imgfeat``, an int32 length and float32 values.

A folder of them, one sub-folder a person, is a face database.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from zqcnn_xp.cli.files import writing
from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery.exchange.people import MAX_INT32
from zqcnn_xp.gallery.exchange.source import Bounded, FeatureSource, block_rows, checked_dim
from zqcnn_xp.gallery.picked import gathered
from zqcnn_xp.gallery.store.batch import Batch

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.store import Store

__all__ = ["SUFFIX", "read_imgfeat", "write_imgfeat"]

SUFFIX = ".imgfeat"


def read_imgfeat(path: Path) -> FeatureSource:
    """Open one file, or all of a folder and its folders.

    A row is called by its path below the folder, without the suffix; its label is the first folder
    of that path, or none.

    Raises
    ------
    DatasetError
        If a file does not hold what its length says, or another length than the first, or a
        folder has none.
    OSError
        If a file cannot be read.
    """
    files = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise DatasetError(str(path), "", f"no {SUFFIX} file in this folder", "one at least")
    with files[0].open("rb") as raw:
        dim = _dim(Bounded(raw, files[0]))
    root = path if path.is_dir() else path.parent
    return FeatureSource(str(path), dim, _batches(root, files, dim))


def _dim(file: Bounded) -> int:
    dim = checked_dim(file.int32(0, MAX_INT32, "the length of a feature"), file.name, "byte 0")
    if file.left != 4 * dim:
        found = f"{file.left} bytes that remain"
        raise DatasetError(file.name, "byte 4", found, f"{4 * dim} for {dim} values")
    return dim


def _batches(root: Path, files: Sequence[Path], dim: int) -> Iterator[Batch]:
    for start in range(0, len(files), block_rows(dim)):
        part = files[start : start + block_rows(dim)]
        features = np.empty((len(part), dim), np.float32)
        names: list[str] = []
        labels: list[str | None] = []
        for place, path in enumerate(part):
            with path.open("rb") as raw:
                file = Bounded(raw, path)
                found = _dim(file)
                if found != dim:
                    raise DatasetError(str(path), "byte 0", f"{found} values", f"{dim} as before")
                file.floats(features[place], "a feature")
            name = path.relative_to(root).as_posix().removesuffix(SUFFIX)
            names.append(name)
            labels.append(name.split("/")[0] if "/" in name else None)
        yield Batch(features, names, labels)


def write_imgfeat(store: Store, folder: Path) -> int:
    """Write each row as a file of its own, ``folder/name.imgfeat``; nothing is overwritten.

    Returns
    -------
    int
        Rows that were written.

    Raises
    ------
    InputError
        If a name would lead out of the folder, or its file is there already. Files written before
        stay.
    OSError
        If a file cannot be written.
    """
    rows = store.rows
    for row, name in enumerate(store.names):
        path = folder / f"{_below(name, row)}{SUFFIX}"
        if path.exists():
            raise InputError(f"found {path} there already for row {row}, expected no such file")
        path.parent.mkdir(parents=True, exist_ok=True)
        values = gathered(rows, np.array([row]))
        with writing(path) as file:
            file.write(struct.pack("<i", store.dim) + values.astype("<f4").tobytes())
    return len(store)


def _below(name: str, row: int) -> PurePosixPath:
    """Return a name as a path that stays below a folder, on any system."""
    path = PurePosixPath(name)
    parts = path.parts
    strange = "\\" in name or ":" in name or "\0" in name
    if not parts or path.is_absolute() or ".." in parts or strange:
        raise InputError(f"found {name!r} as name of row {row}, expected a path below a folder")
    return path
