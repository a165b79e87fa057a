"""Verification sets in one file (``lfw.bin``, ``cfp_fp.bin``, ``agedb_30.bin``), without pickle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.pickle_calls import Array
from zqcnn_xp.evaluation.pickle_opcodes import read_pickle
from zqcnn_xp.evaluation.sources import MAX_FILE, read_dataset
from zqcnn_xp.formats.source import ModelSource

__all__ = ["BinSet", "read_bin"]


@dataclass(frozen=True)
class BinSet:
    """Pairs of images, as they lie in the file.

    Parameters
    ----------
    name
        The file's name.
    images
        The bytes of 2n image files; images 2i and 2i + 1 are pair i. Damaged ones show only when
        they are decoded; for one that the file has as ``None`` there are no bytes.
    same
        (n,) bool, whether a pair shows one person.
    """

    name: str
    images: list[bytes]
    same: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.same)


def read_bin(source: ModelSource, *, max_bytes: int = MAX_FILE) -> BinSet:
    """Read a verification set as insightface's tools write it.

    Parameters
    ----------
    source
        A path, a binary file object, or bytes.
    max_bytes
        Bytes that the file may have.

    Returns
    -------
    BinSet
        The encoded images and the labels.

    Raises
    ------
    DatasetError
        What is not a pickled ``(images, labels)`` with two images for each label: another opcode or
        name than such data needs, a damaged file. It names the byte.
    OSError
        If a path cannot be read.

    Notes
    -----
    The files are pickles of protocol 0 to 5, of Python 2 or 3. Images are byte strings,
    bytearrays, or NumPy arrays of bytes, labels are truth values, 0 and 1, NumPy's, or an array of
    them. Nothing in the file is imported or called: see `zqcnn_xp.evaluation.pickle_opcodes`.

    Examples
    --------
    >>> import pickle
    >>> pairs = read_bin(pickle.dumps(([b"jpeg", b"jpeg", b"jpeg", b"png"], [True, False])))
    >>> len(pairs), pairs.same.tolist(), pairs.images[3]
    (2, [True, False], b'png')
    """
    read = read_dataset(source, max_bytes)
    value = read_pickle(read.name, read.data)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise DatasetError(read.name, "", _kind(value), "a pair (images, labels)")
    images, labels = value
    if not isinstance(images, (list, tuple)):
        raise DatasetError(read.name, "images", _kind(images), "a list")
    encoded = [_image(read.name, index, image) for index, image in enumerate(images)]
    same = _labels(read.name, labels)
    if not len(same) or len(encoded) != 2 * len(same):
        found = f"{len(encoded)} images for {len(same)} labels"
        raise DatasetError(read.name, "", found, "two for each, and some")
    return BinSet(read.name, encoded, same)


def _kind(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _image(file: str, index: int, image: Any) -> bytes:
    if image is None:
        return b""  # what its writer could not encode: a damaged image, with its number
    if isinstance(image, Array) and image.kind == "u1":
        image = image.data
    if not isinstance(image, bytes):
        raise DatasetError(file, f"image {index}", _kind(image), "the bytes of an image file")
    return image


def _labels(file: str, labels: Any) -> NDArray[np.bool_]:
    if isinstance(labels, Array) and len(labels.shape) == 1 and labels.kind:
        kind = "u1" if labels.kind == "b1" else labels.kind
        labels = np.frombuffer(labels.data, kind).tolist()
    if not isinstance(labels, (list, tuple)):
        raise DatasetError(file, "labels", _kind(labels), "a list of truth values")
    for index, label in enumerate(labels):
        if not isinstance(label, int) or label not in (0, 1):  # a bool is an int
            shown = str(label) if isinstance(label, int) else _kind(label)
            raise DatasetError(file, f"label {index}", shown, "True or False")
    return np.array([bool(label) for label in labels], np.bool_)
