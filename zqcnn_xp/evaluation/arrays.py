"""Arrays of .npy and .npz files, read without pickle and without trusting their sizes."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.gallery.exchange.npy_header import read_header

__all__ = ["MAX_ARRAY", "map_npy", "read_npz"]

MAX_ARRAY = 8 << 30
"""Bytes that one array of an .npz file may take: 16 million features of 128 float32."""
_MAX_MEMBERS = 1000
_MOST_PACKED = 1100  # deflate packs 1,032 bytes into one at most: a larger claim is a lie
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def map_npy(path: Path) -> NDArray[Any]:
    """Map an .npy file into memory, read-only.

    Raises
    ------
    DatasetError
        If it is no such file, holds Python objects, or has another size than its header says.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        header = read_header(file, str(path), path.stat().st_size)
    if not header.values:
        return np.empty(header.shape, header.dtype)
    order: Any = "F" if header.fortran else "C"
    return np.memmap(path, header.dtype, "r", header.size, header.shape, order)


def read_npz(path: Path) -> Mapping[str, NDArray[Any]]:
    """Read all arrays of an .npz file.

    Raises
    ------
    DatasetError
        If it is no such file, is damaged, holds Python objects, or one array takes more than
        `MAX_ARRAY` bytes.
    OSError
        If it cannot be read.
    """
    found: dict[str, NDArray[Any]] = {}
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                if len(members) > _MAX_MEMBERS:
                    raise DatasetError(str(path), "", f"{len(members)} members", "some arrays")
                for member in members:
                    name = member.filename.removesuffix(".npy")
                    if name == member.filename or name in found:
                        where = f"member {member.filename!r}"[:200]
                        raise DatasetError(str(path), where, "no array, or one twice", "arrays")
                    found[name] = _member(f"{path}:{name}"[:400], archive, member)
        except DatasetError:
            raise
        except Exception as error:  # BadZipFile, zlib.error, EOFError, NotImplementedError, ...
            reason = f"{type(error).__name__}: {error}"[:200]
            raise DatasetError(str(path), "", f"a damaged file ({reason})", "an .npz") from error
    return found


def _member(title: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    claimed = member.file_size
    if claimed > min(MAX_ARRAY, _MOST_PACKED * (member.compress_size + 64)):
        packed = f"{claimed:,} bytes, packed in {member.compress_size:,}"
        raise DatasetError(title, "", packed, f"at most {MAX_ARRAY:,}, and no more than that holds")
    if member.compress_type not in _METHODS:
        raise DatasetError(title, "", f"method {member.compress_type}", "stored or deflated")
    with archive.open(member) as file:
        header = read_header(file, title, claimed)
        data = bytearray(claimed - header.size)
        view, got = memoryview(data), 0
        while part := file.read(min(1 << 20, len(data) - got)):
            view[got : got + len(part)] = part
            got += len(part)
        if got < len(data):
            raise DatasetError(title, f"byte {header.size + got}", "the end", f"{claimed:,} bytes")
    if not data:
        return np.empty(header.shape, header.dtype)
    flat = np.frombuffer(data, header.dtype)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")
