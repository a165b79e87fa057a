"""A file's bytes without reading them: mapped into memory where it is a path."""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import ModelSource, read_source

__all__ = ["map_source"]


def map_source(source: ModelSource, limits: Limits) -> tuple[str, memoryview]:
    """Return a name for messages and all bytes of a path, a binary file object or bytes.

    A plain file is mapped: its pages are read when they are first used and are shared with
    other processes; the map lives as long as an array that looks at it. Whoever cuts the file
    short meanwhile takes the ground away from under them, as with every memory map: replace
    files by renaming, as `to_safetensors` does.

    Raises
    ------
    FormatError
        If there are more bytes than ``limits.max_file``, or none.
    InputError
        If the source is none of the three kinds.
    OSError
        If a path cannot be read.
    """
    if isinstance(source, (str, os.PathLike)) and not os.path.isdir(source):  # noqa: PTH112
        path = Path(os.fspath(source))
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if stat.S_ISREG(status.st_mode):
                if status.st_size > limits.max_file:
                    expected = f"at most {limits.max_file:,} (Limits.max_file)"
                    raise FormatError(path.name, "", f"{status.st_size:,} bytes", expected)
                if not status.st_size:
                    raise FormatError(path.name, "byte 0", "an empty file", "a safetensors header")
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                return path.name, memoryview(mapped)
    whole = read_source(source, limits)
    return whole.name, memoryview(whole.data)
