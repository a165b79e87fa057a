"""BLUFR's configuration and index files: which images, whose they are, who is in which trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.mat_file import load_mat
from zqcnn_xp.formats.source import ModelSource

__all__ = ["BlufrConfig", "Trial", "image_key", "match_rows", "read_blufr_config", "read_row_order"]


@dataclass(frozen=True)
class Trial:
    """One of the trials, as 0-based indices into the images.

    Parameters
    ----------
    test
        Images whose pairs are verified.
    gallery, probes
        Images that are enrolled, and that are identified among them.
    """

    test: NDArray[np.intp]
    gallery: NDArray[np.intp]
    probes: NDArray[np.intp]


@dataclass(frozen=True)
class BlufrConfig:
    """What ``blufr_lfw_config.mat`` holds that the evaluation needs.

    Parameters
    ----------
    file
        Where it comes from, for messages.
    images
        n names, ``"Aaron_Eckhart_0001.jpg"``.
    labels
        (n,) the identity of each.
    trials
        Ten in the official file.
    """

    file: str
    images: tuple[str, ...]
    labels: NDArray[np.int64]
    trials: tuple[Trial, ...]


def image_key(name: str) -> str:
    r"""Return what two names of one image have in common: no folders, no suffix.

    Examples
    --------
    >>> image_key("Aaron_Eckhart\\Aaron_Eckhart_0001.jpg")
    'Aaron_Eckhart_0001'
    """
    return PurePosixPath(name.replace("\\", "/")).stem


def read_blufr_config(source: ModelSource) -> BlufrConfig:
    """Read ``blufr_lfw_config.mat``, or a file of the same variables for other images.

    Parameters
    ----------
    source
        A path, a binary file object, or bytes.

    Raises
    ------
    DatasetError
        If it is no such file, an index lies outside the list of images, or a trial names one image
        twice.
    OSError
        If it cannot be read.
    PackageMissing
        If scipy is not installed.
    """
    wanted = ("imageList", "labels", "testIndex", "galIndex", "probIndex")
    file = _name(source)
    found = load_mat(source, wanted)
    images = tuple(_texts(file, "imageList", found["imageList"]))
    labels = _integers(file, "labels", found["labels"])
    if len(labels) != len(images):
        expected = f"{len(images)}, one an image"
        raise DatasetError(file, "labels", f"{len(labels)} labels", expected)
    parts = {}
    for name in wanted[2:]:
        cells = found[name]
        if cells.dtype != object:
            raise DatasetError(file, name, f"an array of {cells.dtype}", "a cell of index lists")
        parts[name] = [
            _indices(file, f"{name}, trial {trial + 1}", cell, len(images))
            for trial, cell in enumerate(cells.reshape(-1))
        ]
    counts = {name: len(part) for name, part in parts.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        text = ", ".join(f"{name} of {count}" for name, count in counts.items())
        raise DatasetError(file, "trials", text, "equally many in each, and one at least")
    trials = zip(*(parts[name] for name in wanted[2:]), strict=True)
    return BlufrConfig(file, images, labels, tuple(Trial(*trial) for trial in trials))


def read_row_order(source: ModelSource, name: str = "index_lightcnn_2_wdref") -> NDArray[np.intp]:
    """Read which row of other features belongs to each image of the configuration.

    Parameters
    ----------
    source
        ``index_lightcnn_2_wdref.mat``, or a file like it.
    name
        The variable: 1-based indices, one an image.

    Returns
    -------
    NDArray
        (n,) 0-based: image i of the configuration is row ``order[i]`` of the features.

    Raises
    ------
    DatasetError
        If it is no such file, or no permutation.
    """
    file = _name(source)
    values = load_mat(source, [name])[name]
    return _indices(file, name, values, values.size)


def _name(source: Any) -> str:
    return str(getattr(source, "name", source)) if not isinstance(source, bytes) else "<bytes>"


def _texts(file: str, name: str, cells: NDArray[Any]) -> Iterator[str]:
    """Yield the texts of a cell array of strings."""
    if cells.dtype != object:
        raise DatasetError(file, name, f"an array of {cells.dtype}", "a cell of texts")
    for row, cell in enumerate(cells.reshape(-1)):
        if not isinstance(cell, np.ndarray) or cell.dtype.kind != "U" or cell.size != 1:
            raise DatasetError(file, f"{name}, row {row + 1}", _kind(cell), "a text")
        yield str(cell.reshape(-1)[0])


def _kind(cell: Any) -> str:
    if isinstance(cell, np.ndarray):
        return f"an array of {cell.dtype}, {cell.shape}"
    return f"a {type(cell).__name__}"


def _integers(file: str, name: str, values: Any) -> NDArray[np.int64]:
    """Return a vector of whole numbers; MATLAB holds them as any type, double too."""
    numeric = isinstance(values, np.ndarray) and values.dtype.kind in "iuf"
    if not numeric or sum(side > 1 for side in values.shape) > 1:
        raise DatasetError(file, name, _kind(values), "a vector of whole numbers")
    flat = values.reshape(-1)
    if flat.dtype.kind == "f" and not (np.isfinite(flat) & (np.abs(flat) < 1 << 53)).all():
        raise DatasetError(file, name, "a number that is not whole", "whole numbers")
    whole: NDArray[np.int64] = flat.astype(np.int64)
    if not (whole == flat).all():
        raise DatasetError(file, name, "a number that is not whole", "whole numbers")
    return whole


def _indices(file: str, where: str, values: Any, n: int) -> NDArray[np.intp]:
    """Return 1-based indices as 0-based ones; each may occur once."""
    whole = _integers(file, where, values)
    if not whole.size:
        raise DatasetError(file, where, "no index", "one at least")
    if whole.min() < 1 or whole.max() > n:
        found = f"indices from {whole.min()} to {whole.max()}"
        raise DatasetError(file, where, found, f"1 to {n}")
    if len(np.unique(whole)) != len(whole):
        raise DatasetError(file, where, "an index twice", "each once")
    return (whole - 1).astype(np.intp)


def match_rows(wanted: Sequence[str], names: Sequence[str], file: str) -> NDArray[np.intp]:
    """Return the row of each wanted image among features with names, -1 where there is none.

    Names are compared without folders and suffixes.

    Raises
    ------
    DatasetError
        If two of the features have the same name.

    Examples
    --------
    >>> match_rows(["b_0001.jpg", "c_0001.jpg"], ["a/a_0001.png", "b/b_0001.png"], "f.npz").tolist()
    [1, -1]
    """
    rows: dict[str, int] = {}
    for row, name in enumerate(names):
        first = rows.setdefault(image_key(name), row)
        if first != row:
            found = f"{name!r}, as row {first + 1} is called too"
            raise DatasetError(file, f"name of row {row + 1}", found, "each image once")
    return np.array([rows.get(image_key(name), -1) for name in wanted], np.intp)
