"""A copy of a store: some rows, in another order, of another type; compact and complete."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, StoreError
from zqcnn_xp.gallery.picked import PickedRows
from zqcnn_xp.gallery.store.batch import Batch
from zqcnn_xp.gallery.store.disk import failed, sync_folder
from zqcnn_xp.gallery.store.replacing import beside, carry_over, exchange

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.store import Store

__all__ = ["built", "checked_index", "copied", "rewritten"]

_BLOCK = 1 << 14


def copied(
    store: Store, path: Path, rows: NDArray[np.integer[Any]] | None, dtype: str | None
) -> Store:
    """Copy rows of a store into a new one; see `Store.copy`."""
    index = None if rows is None else checked_index(rows, len(store))
    batches = store.batches(_BLOCK) if index is None else _picked(store, index)
    return built(type(store), path, store.dim, dtype or store.dtype.name, batches)


def built(kind: type[Store], path: Path, dim: int, dtype: str, batches: Iterable[Batch]) -> Store:
    """Make a store of batches under another name first, so that no half one is ever found.

    Parameters
    ----------
    kind
        The class `Store`.
    path
        A folder that does not exist yet.
    dim, dtype, batches
        What it will hold.

    Raises
    ------
    StoreError
        If something is at ``path`` already, or nothing can be written.
    """
    if path.exists():
        raise StoreError(str(path), "", "something there already", "a path that is free")
    part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        # The disk is waited for once, at the end.
        with kind.create(part, dim, dtype, durability="os") as new:
            new.extend(batches)
            new.sync()
        try:
            part.rename(path)
        except OSError as error:
            raise failed(path, "", error, "a path that is free") from error
        sync_folder(path.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return kind.open(path)


def rewritten(store: Store, rows: NDArray[np.integer[Any]], batches: Iterable[Batch]) -> Path:
    """Put a store of some rows and of batches in another's place; see `Store.rewrite`.

    Returns
    -------
    Path
        Where the old one is now.
    """
    index = checked_index(rows, len(store))
    folder, fresh = store.path, beside(store.path)
    try:
        try:
            fresh.mkdir(0o700)  # for nobody else to read before it is as the old one
        except OSError as error:
            raise failed(fresh, "", error, "a folder that can be made") from error
        with type(store).create(fresh, store.dim, store.dtype.name, durability="os") as new:
            new.extend(chain(_picked(store, index), batches))
            new.sync()
        carry_over(folder, fresh)
        sync_folder(fresh)
        return exchange(folder, fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def checked_index(rows: NDArray[np.integer[Any]], count: int) -> NDArray[np.int64]:
    """Return rows as int64; raises `InputError` for one that is not there."""
    index = np.asarray(rows)
    if index.ndim != 1 or (len(index) and index.dtype.kind not in "iu"):
        raise InputError(f"found rows of {index.dtype} and shape {index.shape}, expected integers")
    if len(index) and not (index.min() >= 0 and index.max() < count):
        found = f"rows {index.min()} to {index.max()}"
        raise InputError(f"found {found}, expected 0 to {count - 1}")
    return index.astype(np.int64)


def _picked(store: Store, index: NDArray[np.int64]) -> Iterator[Batch]:
    names, labels, meta = store.names, store.labels, store.meta
    for start in range(0, len(index), _BLOCK):
        part = index[start : start + _BLOCK]
        features = PickedRows(store.rows, part)
        single = part.tolist()
        yield Batch(
            features,
            [names[row] for row in single],
            [labels[row] for row in single],
            [meta[row] for row in single],
        )
