"""Which format a file of features has, and stores from and to it."""

from __future__ import annotations

from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.exchange.source import FeatureSource
from zqcnn_xp.gallery.store.copying import built
from zqcnn_xp.gallery.store.store import Store

__all__ = ["FORMATS", "export_features", "import_features", "new_store", "open_features"]


class _Format(NamedTuple):
    module: str
    read: str
    write: str
    suffix: str  # by which a file is known, or empty
    names: bool  # whether names stand in a text of their own
    people: bool  # whether it lists persons, so that each row needs one


_ALL = {
    "zqcnn": _Format("zqcnn_file", "read_zqcnn", "write_zqcnn", "", True, True),
    "zqcnn-compact": _Format("compact_file", "read_compact", "write_compact", "", True, True),
    "imgfeat": _Format("imgfeat", "read_imgfeat", "write_imgfeat", ".imgfeat", False, False),
    "npy": _Format("npy", "read_npy", "write_npy", ".npy", True, False),
    "npz": _Format("npz", "read_npz", "write_npz", ".npz", False, False),
    "parquet": _Format("parquet", "read_parquet", "write_parquet", ".parquet", False, False),
}

FORMATS = tuple(_ALL)
"""Names of the formats. The first two have no suffix of their own: they must be named."""


def _format(path: Path, name: str | None, names: Path | None) -> tuple[str, _Format]:
    if name is None:
        suffix = ".imgfeat" if path.is_dir() else path.suffix.lower()
        name = next((one for one, kind in _ALL.items() if suffix and kind.suffix == suffix), None)
        if name is None:
            expected = ", ".join(kind.suffix for kind in _ALL.values() if kind.suffix)
            raise InputError(
                f"found {path}, expected a name that ends in {expected}, or a format: "
                f"{', '.join(FORMATS)}"
            )
    if name not in _ALL:
        raise InputError(f"found format {name!r}, expected one of {', '.join(FORMATS)}")
    if names is not None and not _ALL[name].names:
        raise InputError(f"found a file of names for {name}, which holds names itself")
    return name, _ALL[name]


def _function(kind: _Format, name: str) -> Any:
    return getattr(import_module(f"zqcnn_xp.gallery.exchange.{kind.module}"), name)


def open_features(
    path: str | PathLike[str],
    format: str | None = None,
    *,
    names: str | PathLike[str] | None = None,
) -> FeatureSource:
    """Open a file of features of any known format; its rows come in batches.

    Parameters
    ----------
    path
        The file, or a folder of ``.imgfeat`` files.
    format
        One of `FORMATS`; by the suffix otherwise.
    names
        For ZQCNN's files, who the persons are, one a line; for .npy the names of the rows.

    Raises
    ------
    DatasetError
        If the file is not of its format, with the place.
    InputError
        If the format is not known.
    PackageMissing
        If a package is needed and not installed.
    OSError
        If the file cannot be read.
    """
    file, texts = Path(path), None if names is None else Path(names)
    _, kind = _format(file, format, texts)
    read = _function(kind, kind.read)
    source: FeatureSource = read(file, texts) if kind.names else read(file)
    return source


def import_features(
    store: Store,
    path: str | PathLike[str],
    format: str | None = None,
    *,
    names: str | PathLike[str] | None = None,
) -> int:
    """Append all features of a file to a store, as one append; returns their number.

    Parameters and errors are those of `open_features` and `Store.append`. If the file turns out to
    be damaged, however late, the store is as it was before.
    """
    source = open_features(path, format, names=names)
    if source.dim != store.dim:
        found = f"{source.dim} values of a feature in {source.name}"
        raise InputError(f"found {found}, expected {store.dim} as the store holds")
    return store.extend(source.batches)


def new_store(
    store: str | PathLike[str],
    path: str | PathLike[str],
    format: str | None = None,
    *,
    names: str | PathLike[str] | None = None,
    dtype: str = "float32",
) -> Store:
    """Make a store of a file of features; it appears when it is complete.

    Parameters
    ----------
    store
        A folder that does not exist yet.
    path, format, names
        As in `open_features`.
    dtype
        As in `Store.create`.

    Returns
    -------
    Store
        Open for reading.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> np.save(folder.name + "/a.npy", np.eye(3, dtype=np.float32))
    >>> with new_store(folder.name + "/faces", folder.name + "/a.npy") as store:
    ...     print(len(store), store.names[2])
    3 2
    >>> folder.cleanup()
    """
    source = open_features(path, format, names=names)
    return built(Store, Path(store), source.dim, dtype, source.batches)


def export_features(
    store: Store,
    path: str | PathLike[str],
    format: str | None = None,
    *,
    names: str | PathLike[str] | None = None,
    skip_unlabelled: bool = False,
) -> int:
    """Write a store as a file of another format; returns the rows that were written.

    Parameters
    ----------
    store
        What to write.
    path, format, names
        As in `open_features`; the files are written whole or not at all.
    skip_unlabelled
        For ZQCNN's files, which list persons: leave out rows that are of nobody. Otherwise they
        are an error.

    Raises
    ------
    InputError
        If the format is not known, or cannot hold what the store does.
    PackageMissing
        If a package is needed and not installed.
    OSError
        If a file cannot be written.
    """
    file, texts = Path(path), None if names is None else Path(names)
    _, kind = _format(file, format, texts)
    write = _function(kind, kind.write)
    options: dict[str, Any] = {"skip_unlabelled": skip_unlabelled} if kind.people else {}
    count: int = write(store, file, texts, **options) if kind.names else write(store, file)
    return count
