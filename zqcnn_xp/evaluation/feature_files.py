"""Features with names and labels, from the files in which they are exchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.arrays import map_npy, read_npz
from zqcnn_xp.evaluation.sources import read_lines
from zqcnn_xp.gallery.rows import Rows, as_rows, decoded

__all__ = [
    "FeatureSet",
    "Flip",
    "folder_labels",
    "read_features",
    "read_labels",
    "read_names",
]

Flip: TypeAlias = Literal["none", "sum", "concatenate"]

_FEATURES = ("features", "feat", "feats", "feature", "embeddings", "embedding", "descriptors")
_FLIPPED = ("flip", "flipped")
_NAMES = ("files", "names", "paths", "images", "imageList")
_LABELS = ("labels", "label", "ids", "identities")


@dataclass(frozen=True)
class FeatureSet:
    """Features of images.

    Parameters
    ----------
    file
        Where they come from, for messages.
    features
        (n, d): an array, a memory-mapped one, or the rows of a store.
    names
        n names of images, or None.
    labels
        (n,) integers, equal for one identity, or None.
    """

    file: str
    features: NDArray[Any] | Rows
    names: tuple[str, ...] | None = None
    labels: NDArray[np.int64] | None = None

    def array(self) -> NDArray[Any]:
        """Return the features as one array of floats."""
        if isinstance(self.features, np.ndarray):
            return self.features
        return decoded(self.features, 0, self.features.shape[0])


def read_features(
    path: Path, *, key: str | None = None, flip: Flip = "none", format: str | None = None
) -> FeatureSet:
    """Read features from a file; which kind, its suffix says, or ``format``.

    Parameters
    ----------
    path
        ``.npz``, ``.npy`` (mapped into memory, not read), ``.mat`` (from version 5 on, 7.3
        too), ``.parquet``, or the folder of a feature store, of which rows stay in their files.
    key
        The array or variable of the features. None takes ``features``, ``feat``, ``embeddings`` or
        another usual name, else the only matrix of floats; of a .mat ``features``.
    flip
        ``"sum"`` or ``"concatenate"``: add, or put beside them, the features of the mirrored
        images, which the .npz holds as ``flip``.
    format
        A format without a suffix of its own: ``"zqcnn"``, ``"zqcnn-compact"`` or ``"imgfeat"``.

    Returns
    -------
    FeatureSet
        Names come from the arrays ``files``, ``names`` or the like, labels from ``labels`` or the
        like, where there are such.

    Raises
    ------
    DatasetError
        If the file is damaged, or holds no such features.
    OSError
        If it cannot be read.
    """
    suffix = path.suffix.lower()
    if format is not None or suffix == ".parquet":
        return _exchanged(path, format)
    if flip != "none" and suffix != ".npz":
        raise InputError(f"{path}: features of mirrored images are read from .npz files only")
    if path.is_dir():
        return _store(path)
    if suffix == ".npy":
        return FeatureSet(str(path), _matrix(str(path), "", map_npy(path)))
    if suffix == ".npz":
        return _from_npz(str(path), read_npz(path), key, flip)
    if suffix == ".mat":
        from zqcnn_xp.evaluation.mat_file import load_mat

        name = key or "features"
        return FeatureSet(str(path), _matrix(str(path), name, load_mat(path, [name])[name]))
    path.stat()  # raises where nothing is there: then the suffix is not what is wrong
    expected = ".npz, .npy, .mat, .parquet, or the folder of a feature store"
    raise DatasetError(str(path), "", f"the suffix {suffix!r}", expected)


def read_labels(path: Path) -> NDArray[np.int64]:
    """Read one label a feature: an .npy of integers or texts, or a text file of one a line.

    Raises
    ------
    DatasetError
        If the file is damaged, or holds something else.
    OSError
        If it cannot be read.
    """
    if path.suffix.lower() == ".npy":
        return _label_ids(str(path), "", np.asarray(map_npy(path)))
    name, lines = read_lines(path)
    return _label_ids(name, "", np.array(lines, dtype=np.str_))


def read_names(path: Path) -> tuple[str, ...]:
    """Read one image's name a line.

    Raises
    ------
    DatasetError
        If it is no text.
    OSError
        If it cannot be read.
    """
    return tuple(read_lines(path)[1])


def folder_labels(names: Sequence[str]) -> NDArray[np.int64] | None:
    r"""Return labels by the folder of each image, or None where one is in no folder.

    Examples
    --------
    >>> folder_labels(["Ann/1.jpg", "Bo\\1.jpg", "Ann/2.jpg"]).tolist()
    [0, 1, 0]
    """
    folders = [str(PurePosixPath(name.replace("\\", "/")).parent) for name in names]
    if not folders or "." in folders:
        return None
    return np.unique(np.array(folders, dtype=np.str_), return_inverse=True)[1].astype(np.int64)


def _store(path: Path) -> FeatureSet:
    """Read the rows of a feature store, which stay in its files."""
    from zqcnn_xp.gallery.store import Store

    store = Store.open(path)
    names = tuple(store.names[row] for row in range(len(store)))
    labels = np.asarray(store.label_ids()[0], np.int64)
    return FeatureSet(str(path), store.rows, names, labels if (labels >= 0).all() else None)


def _exchanged(path: Path, format: str | None) -> FeatureSet:
    """Read a file of a format in which galleries are exchanged."""
    from zqcnn_xp.gallery.exchange import open_features

    source = open_features(path, format)
    blocks: list[NDArray[np.float32]] = []
    names: list[str] = []
    labels: list[str | None] = []
    for batch in source.batches:
        rows = as_rows(batch.features)
        blocks.append(decoded(rows, 0, rows.shape[0]))
        names += list(batch.names)
        labels += list(batch.labels or [None] * len(batch.names))
    if not blocks:
        raise DatasetError(str(path), "", "no features", "some")
    ids = _label_ids(str(path), "labels", np.array(labels)) if None not in labels else None
    return FeatureSet(str(path), np.concatenate(blocks), tuple(names), ids)


def _from_npz(
    file: str, arrays: Mapping[str, NDArray[Any]], key: str | None, flip: Flip
) -> FeatureSet:
    name = key or _chosen(file, arrays)
    if name not in arrays:
        raise DatasetError(file, "", ", ".join(arrays) or "no arrays", f"an array {name!r}")
    features = _matrix(file, name, arrays[name])
    if flip != "none":
        mirrored = next((other for other in _FLIPPED if other in arrays), None)
        if mirrored is None or arrays[mirrored].shape != features.shape:
            expected = f"an array 'flip' of {features.shape}"
            raise DatasetError(file, "", ", ".join(arrays), expected)
        other = _matrix(file, mirrored, arrays[mirrored])
        features = features + other if flip == "sum" else np.concatenate([features, other], axis=1)
    names = labels = None
    texts = next((arrays[n] for n in _NAMES if n in arrays and arrays[n].dtype.kind in "US"), None)
    if texts is not None:
        names = _texts(file, texts, len(features))
    ids = next((other for other in _LABELS if other in arrays), None)
    if ids is not None:
        labels = _label_ids(file, f"array {ids!r}", arrays[ids])
        if len(labels) != len(features):
            found = f"{len(labels):,} labels"
            raise DatasetError(file, f"array {ids!r}", found, f"{len(features):,}, one a feature")
    return FeatureSet(file, features, names, labels)


def _chosen(file: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Choose the array of the features by its name, or as the only matrix of floats."""
    usual = [name for name in _FEATURES if name in arrays]
    if usual:
        return usual[0]
    matrices = [name for name, a in arrays.items() if a.ndim == 2 and a.dtype.kind == "f"]
    if len(matrices) != 1:
        found = f"{len(matrices)} matrices of floats among {', '.join(arrays) or 'no arrays'}"
        raise DatasetError(file, "", found, f"one, or one called {_FEATURES[0]!r}")
    return matrices[0]


def _matrix(file: str, name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim != 2 or array.dtype.kind != "f" or array.dtype.itemsize > 8:
        found = f"an array of {array.dtype}, {array.shape}"
        raise DatasetError(file, name and f"array {name!r}", found, "features: (n, d) of floats")
    if 0 in array.shape:
        raise DatasetError(file, name and f"array {name!r}", f"shape {array.shape}", "features")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def _texts(file: str, array: NDArray[Any], n: int) -> tuple[str, ...]:
    if array.shape != (n,):
        raise DatasetError(file, "names", f"an array {array.shape}", f"({n},), one a feature")
    try:
        return tuple(
            item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist()
        )
    except UnicodeDecodeError as error:
        raise DatasetError(file, "names", "bytes that are no UTF-8", "text") from error


def _label_ids(file: str, where: str, array: NDArray[Any]) -> NDArray[np.int64]:
    """Return integers as they are, other labels numbered in their order."""
    if array.ndim != 1 or array.dtype.kind not in "iuUS":
        found = f"an array of {array.dtype}, {array.shape}"
        raise DatasetError(file, where, found, "labels: (n,) integers or texts")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)
