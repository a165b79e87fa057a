"""Arrays of numbers of MATLAB 7.3 files, which are HDF5: what large features are saved as."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.extras import needed

__all__ = ["MAGIC", "read_hdf5"]

MAGIC = b"\x89HDF\r\n\x1a\n"
"""How HDF5 begins; MATLAB puts 512 bytes of its own before that."""

_FILTERS = {1, 2, 3}
"""Deflate, shuffle and checksums. Others are plugins, which HDF5 would look for on this machine."""
_DEFLATE = 1100
"""zlib makes at most about 1,032 bytes of one."""
_NO_NUMBERS = {"cell", "char", "function_handle", "opaque", "struct"}


def read_hdf5(
    file: str, data: bytes, names: Sequence[str], max_bytes: int
) -> dict[str, NDArray[Any]]:
    """Read arrays of numbers by their names.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file.
    names
        Variables.
    max_bytes
        Bytes that the arrays may have in all.

    Returns
    -------
    dict of str to NDArray
        Of the shapes that MATLAB shows, in the byte order of this machine.

    Raises
    ------
    DatasetError
        A damaged file, a variable missing, one that holds no numbers (cells, structures, text),
        that lies in another file, or whose sizes the file does not bear out.
    PackageMissing
        If h5py is not installed.
    """
    h5py = needed("h5py", extra="eval", purpose="reading MATLAB 7.3 files")
    found: dict[str, NDArray[Any]] = {}
    place = ""
    try:
        with h5py.File(io.BytesIO(data), "r") as opened:
            there = set(opened)
            missing = [name for name in names if name not in there]
            if missing:
                shown = ", ".join(sorted(filter(str.isidentifier, there))) or "none of them"
                raise DatasetError(file, "", f"{shown:.200}", f"the variables {', '.join(missing)}")
            for name in dict.fromkeys(names):
                place = f"variable {name}"
                _check_place(file, place, opened.get(name, getlink=True), h5py)
                found[name] = _array(file, place, opened[name], max_bytes)
                max_bytes -= found[name].nbytes
    except DatasetError:
        raise
    except Exception as error:  # OSError, RuntimeError, KeyError, ValueError, OverflowError leak
        reason = f"{type(error).__name__}: {error}"[:200]
        raise DatasetError(file, place, f"what HDF5 refuses ({reason})", "an array") from error
    return found


def _check_place(file: str, place: str, link: Any, h5py: Any) -> None:
    """Follow no link: it may name any file of this machine."""
    if not isinstance(link, h5py.HardLink):
        raise DatasetError(file, place, f"a link ({type(link).__name__})", "an array")


def _array(file: str, place: str, held: Any, max_bytes: int) -> NDArray[Any]:
    if not hasattr(held, "shape"):
        raise DatasetError(file, place, "a group", "an array of numbers")
    kind = held.attrs.get("MATLAB_class", b"")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    if kind in _NO_NUMBERS or held.dtype.kind not in "fiu":
        expected = "integers or floats; save cells, text and structures with -v7"
        found = kind if kind in _NO_NUMBERS else held.dtype  # complex numbers are a pair
        raise DatasetError(file, place, f"a {found}", expected)
    if held.attrs.get("MATLAB_empty", 0):  # its values are its shape
        raise DatasetError(file, place, "an empty array", "some numbers")
    if held.is_virtual or held.external:
        raise DatasetError(file, place, "an array that lies in other files", "one of this file")
    size = prod(held.shape or (0,)) * held.dtype.itemsize
    if not 0 < size <= max_bytes:
        expected = f"some, and at most {max(0, max_bytes):,}"
        raise DatasetError(file, place, f"{size:,} bytes", expected)
    _check_storage(file, place, held, size, max_bytes)
    # MATLAB keeps columns together, HDF5 rows: what is written is the transposed array.
    native: NDArray[Any] = np.ascontiguousarray(held[...].T, held.dtype.newbyteorder("="))
    return np.atleast_2d(native)


def _check_storage(file: str, place: str, held: Any, size: int, max_bytes: int) -> None:
    """Hold an array's size against the bytes that the file has for it.

    HDF5 itself fills what was never written, so that a file of one kilobyte can claim a terabyte.
    """
    settings = held.id.get_create_plist()
    filters = {settings.get_filter(k)[0] for k in range(settings.get_nfilters())}
    if not filters <= _FILTERS:
        found = f"the filter {min(filters - _FILTERS)}"
        raise DatasetError(file, place, found, "deflate, shuffle or checksums")
    stored = held.id.get_storage_size()
    if held.chunks is not None:
        pieces = prod(-(-n // c) for n, c in zip(held.shape, held.chunks, strict=True))
        chunk = prod(held.chunks) * held.dtype.itemsize
        if chunk > max_bytes:
            raise DatasetError(file, place, f"pieces of {chunk:,} bytes", f"at most {max_bytes:,}")
        there = held.id.get_num_chunks()
        if there != pieces:
            raise DatasetError(file, place, f"{there:,} pieces", f"{pieces:,} for its shape")
    if stored * (_DEFLATE if filters else 1) < size:
        raise DatasetError(file, place, f"{stored:,} stored bytes", f"enough for {size:,}")
