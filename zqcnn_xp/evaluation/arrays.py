"""Arrays of .npy and .npz files, read without pickle and without trusting their sizes."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError

__all__ = ["MAX_ARRAY", "map_npy", "read_npz"]

MAX_ARRAY = 8 << 30
"""Bytes that one array of an .npz file may take: 16 million features of 128 float32."""
_MAX_MEMBERS = 1000


def map_npy(path: Path) -> NDArray[Any]:
    """Map an .npy file into memory, read-only.

    Raises
    ------
    DatasetError
        If it is no such file, holds Python objects, or is shorter than its header says.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        shape, fortran, dtype = _header(str(path), "", file)
        offset = file.tell()
        size = path.stat().st_size - offset
    needed = math.prod(shape) * dtype.itemsize
    if size < needed:
        raise DatasetError(str(path), "", f"{size:,} bytes of data", f"{needed:,} of {shape}")
    if not needed:
        return np.empty(shape, dtype)
    order: Any = "F" if fortran else "C"
    return np.memmap(path, dtype, "r", offset, shape, order)


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
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS:
                raise DatasetError(str(path), "", f"{len(members)} members", "the arrays of an npz")
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name == member.filename or name in found:
                    where = f"member {member.filename!r}"
                    raise DatasetError(str(path), where, "no array, or one twice", "arrays")
                found[name] = _member(str(path), archive, member)
    except (DatasetError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # zlib.error, BadZipFile, EOFError, NotImplementedError, ... leak
        reason = f"{type(error).__name__}: {error}"[:200]
        raise DatasetError(str(path), "", f"a damaged file ({reason})", "an .npz file") from error
    return found


def _member(path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    where = f"array {member.filename.removesuffix('.npy')!r}"
    # Deflate packs at most 1,032 to 1: a larger claim is a lie.
    claimed = member.file_size
    if claimed > MAX_ARRAY or claimed > 1100 * (member.compress_size + 64):
        raise DatasetError(path, where, f"{claimed:,} bytes", f"at most {MAX_ARRAY:,}, as packed")
    with archive.open(member) as file:
        shape, fortran, dtype = _header(path, where, file)
        needed = math.prod(shape) * dtype.itemsize
        data = bytearray(min(needed, claimed))
        view, got = memoryview(data), 0
        while got < len(data):
            part = file.read(min(1 << 20, len(data) - got))
            if not part:
                break
            view[got : got + len(part)] = part
            got += len(part)
        if got < needed or file.read(1):
            raise DatasetError(path, where, f"{claimed:,} bytes", f"{needed:,} of data: {shape}")
    flat = np.frombuffer(data, dtype, math.prod(shape)) if needed else np.empty(0, dtype)
    if not needed:
        return np.empty(shape, dtype)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _header(path: str, where: str, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read an array's header: shape, whether columns come first, and type."""
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            found = f"version {version[0]}.{version[1]}"
            raise DatasetError(path, where, found, "an .npy file of version 1 or 2")
    except DatasetError:
        raise
    except Exception as error:  # the header is an expression, and much leaks from its parser
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise DatasetError(path, where, f"a damaged header ({reason})", "an .npy array") from error
    if dtype.hasobject:
        raise DatasetError(path, where, "Python objects (pickle)", "numbers or text")
    if any(side < 0 for side in shape):
        raise DatasetError(path, where, f"shape {shape}", "sizes of 0 or more")
    return shape, fortran, dtype
