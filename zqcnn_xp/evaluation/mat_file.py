"""MATLAB files of protocols and features (.mat, from version 5 on), read without trusting them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.hdf5_arrays import MAGIC, read_hdf5
from zqcnn_xp.evaluation.mat_elements import HEADER, check_array, elements
from zqcnn_xp.evaluation.sources import MAX_FILE, read_dataset
from zqcnn_xp.extras import needed
from zqcnn_xp.formats.source import ModelSource

__all__ = ["MAX_ARRAYS", "load_mat"]

MAX_ARRAYS = 1_000_000
"""Arrays within the variables that are read: a cell with one name for each image has 13,000."""
_MAX_VARIABLES = 10_000
_LONGEST_NAME = 64


def load_mat(
    source: ModelSource, names: Sequence[str], *, max_bytes: int = MAX_FILE
) -> dict[str, NDArray[Any]]:
    """Read some variables of a MATLAB file.

    Parameters
    ----------
    source
        A path, a binary file object, or bytes.
    names
        The variables; others are passed over.
    max_bytes
        Bytes that the file may have, and that may be inflated from it.

    Returns
    -------
    dict of str to NDArray
        As `scipy.io.loadmat` gives them: at least two dimensions, 1-based indices as they stand;
        cells are object arrays, text is a ``str_`` array.

    Raises
    ------
    DatasetError
        No MATLAB file, one of version 4, a damaged one, a variable missing, sizes that the file
        does not bear out, or more than ``max_bytes``; of version 7.3 a variable that is no array
        of numbers.
    PackageMissing
        If scipy (versions 5 to 7) or h5py (7.3) is not installed.
    OSError
        If a path cannot be read.

    Notes
    -----
    Of versions 5 to 7 scipy decodes; before that every size has been held against the bytes there
    are, and it is shown only the variables asked for. Of version 7.3 (HDF5), in which large
    features are saved, h5py reads arrays of numbers: `zqcnn_xp.evaluation.hdf5_arrays`.

    Examples
    --------
    >>> import io, numpy as np
    >>> from scipy.io import savemat
    >>> file = io.BytesIO()
    >>> savemat(file, {"labels": np.array([[1, 2, 2]])})
    >>> load_mat(file.getvalue(), ["labels"])["labels"]
    array([[1, 2, 2]])
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise InputError(f"names: found {names!r}, expected a list of variables' names")
    read = read_dataset(source, max_bytes)
    file, data = read.name, read.data
    if data.startswith(MAGIC) or data[124:128] in (b"\0\2IM", b"\2\0MI"):
        return read_hdf5(file, data, names, max_bytes)
    loadmat = needed("scipy.io", extra="eval", purpose="reading .mat files").loadmat
    order = _byte_order(file, data)
    found = _variables(file, data, order, set(names), max_bytes)
    missing = [name for name in names if name not in found]
    if missing:
        there = ", ".join(sorted(found)) or "none of them"
        raise DatasetError(file, "", there, f"the variables {', '.join(missing)}")
    arrays = MAX_ARRAYS
    result: dict[str, NDArray[Any]] = {}
    for name in dict.fromkeys(names):
        at, element = found[name]
        arrays -= check_array(file, f"byte {at}, variable {name}", element, order, arrays)
        result[name] = _decoded(file, at, name, data[:HEADER], element, loadmat)
    return result


def _byte_order(file: str, data: bytes) -> str:
    """Check the file's header and return the order of its bytes, for `struct`."""
    version = data[124:128]
    orders = {b"\0\1IM": "<", b"\1\0MI": ">"}
    if version not in orders:
        raise DatasetError(file, "byte 124", repr(version), "the version of a MATLAB 5 to 7 file")
    return orders[version]


def _variables(
    file: str, data: bytes, order: str, names: set[str], max_bytes: int
) -> dict[str, tuple[int, memoryview]]:
    """Find variables by name: where each begins in the file, and its bytes, inflated."""
    found: dict[str, tuple[int, memoryview]] = {}
    for number, (at, element) in enumerate(elements(file, memoryview(data), order, max_bytes)):
        if number >= _MAX_VARIABLES:
            raise DatasetError(file, f"byte {at}", f"over {number} variables", "fewer")
        name = _name(element, order)
        if name not in names:
            continue
        if name in found:
            raise DatasetError(file, f"byte {at}", f"a second variable {name}", "one")
        found[name] = (at, element)
    return found


def _name(element: memoryview, order: str) -> str | None:
    """Return an array's name, or None where its header is not plain enough to have one."""
    # Tag of the array, flags (8 + 8), then the tag of the dimensions.
    little = "little" if order == "<" else "big"

    def word(at: int) -> int:
        return int.from_bytes(element[at : at + 4], little)  # type: ignore[arg-type]

    at = 24
    size = word(at) >> 16 or word(at + 4)
    at += 8 if word(at) >> 16 else 8 + -(-size // 8) * 8
    size = word(at) >> 16 or word(at + 4)
    start = at + 4 if word(at) >> 16 else at + 8
    if size > _LONGEST_NAME:
        return None
    return bytes(element[start : start + size]).rstrip(b"\0").decode("latin-1")


def _decoded(
    file: str, at: int, name: str, header: bytes, element: memoryview, loadmat: Any
) -> NDArray[Any]:
    """Let scipy read a file of this one variable."""
    import numpy as np

    alone = io.BytesIO(b"".join((header, element)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of unreadable variables it only warns
            value = loadmat(alone, variable_names=[name])[name]
    except Exception as error:  # zlib.error, ValueError, TypeError, IndexError, KeyError leak
        reason = f"{type(error).__name__}: {error}"[:200]
        where = f"byte {at}, variable {name}"
        raise DatasetError(file, where, f"what scipy refuses ({reason})", "an array") from error
    if not isinstance(value, np.ndarray):
        found = f"a {type(value).__name__}"
        raise DatasetError(file, f"byte {at}, variable {name}", found, "an array")
    return value
