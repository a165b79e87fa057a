"""Compiled objects and what an autotuner measured, on disk for a later process.

A cache that cannot be used costs time and never an error: what it cannot give is compiled again.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from zqcnn_xp.errors import ConfigError
from zqcnn_xp.folders import cache_folder
from zqcnn_xp_llvm.sealed import PARTIAL, distrust, read_sealed, remove, write_sealed

__all__ = ["ObjectCache"]

_SWITCH = "ZQCNN_XP_OBJECT_CACHE"
_WORDS = {"1": True, "true": True, "yes": True, "": True, "0": False, "false": False, "no": False}

_OBJECT, _NOTE = ".o", ".note"

# The time of the last use is written at most this often (seconds), so that most reads write
# nothing; and a file that is still being written after it was left by a process that died.
_HOUR = 3600.0


class ObjectCache:
    """A bounded folder of compiled objects and notes, each found by its key.

    Any number of threads and processes may use one folder. What was truncated, changed, or put
    there under another key counts as absent.

    Parameters
    ----------
    folder
        Made, for its owner alone, when the first object is written. None takes the folder
        ``llvm`` of `zqcnn_xp.folders.cache_folder`, or keeps nothing where the environment
        variable ``ZQCNN_XP_OBJECT_CACHE`` is false (``0``, ``false`` or ``no``).
    limit
        Bytes that all files together may take; 0 keeps nothing. Beyond it goes what was not used
        for longest. Processes that write at the same time may pass it by a sixteenth each.

    Raises
    ------
    ConfigError
        If ``ZQCNN_XP_OBJECT_CACHE`` is neither true nor false.

    Notes
    -----
    What is loaded from here is executed: a folder or file that belongs to another user (but the
    superuser), or that others may write to, is not used. `reason` says so.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = ObjectCache(Path(folder, "llvm"))
    ...     cache.put("conv2d 3x3 avx512", b"object code")
    ...     cache.get("conv2d 3x3 avx512"), cache.get("conv2d 3x3 neon")
    (b'object code', None)
    """

    def __init__(self, folder: Path | None = None, limit: int = 256 << 20) -> None:
        self.folder = cache_folder("llvm") if folder is None else Path(folder)
        self.limit = limit if folder is not None or _switched_on() else 0
        self._root = self.folder
        with suppress(OSError):  # the working directory may be gone, and may change later
            self._root = self.folder.absolute()
        # Bytes in the folder as far as this process knows, and what it has written since it
        # looked. Threads may lose a count; the next look puts that right.
        self._total: int | None = None
        self._written = 0

    def __repr__(self) -> str:
        """Name the folder, and why it is not used."""
        reason = self.reason
        return f"<ObjectCache {self.folder}{f': {reason}' if reason else ''}>"

    @property
    def reason(self) -> str | None:
        """Why the folder is not used, in words; None where it is, or would be made."""
        if self.limit <= 0:
            return "switched off"
        try:
            return distrust(self._root.stat(), folder=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return str(error)

    def get(self, key: str) -> bytes | None:
        """Return the object of a key, or None where no unchanged one is here."""
        return self._read(key, _OBJECT)

    def put(self, key: str, data: bytes) -> None:
        """Keep an object, in place of an older one; without effect where that is impossible."""
        self._write(key, _OBJECT, data)

    def get_note(self, key: str) -> dict[str, Any] | None:
        """Return the note of a key, or None. Notes and objects do not share keys."""
        data = self._read(key, _NOTE)
        if data is None:
            return None
        import json

        found: dict[str, Any] = json.loads(data)
        return found

    def put_note(self, key: str, value: dict[str, Any]) -> None:
        """Keep a note, in place of an older one; without effect where that is impossible.

        Raises
        ------
        TypeError, ValueError
            If JSON cannot express the value.
        """
        import json

        self._write(key, _NOTE, json.dumps(value, allow_nan=False).encode())

    def _read(self, key: str, kind: str) -> bytes | None:
        if self.reason is not None:
            return None
        seal, path = self._place(key, kind)
        found = read_sealed(path, seal)
        if found is None:
            return None
        data, used = found
        if abs(time.time() - used) > _HOUR:
            with suppress(OSError):  # a folder that is read-only serves all the same
                os.utime(path)
        return data

    def _write(self, key: str, kind: str, data: bytes) -> None:
        if len(data) > self.limit or self.reason is not None:
            return
        seal, path = self._place(key, kind)
        try:
            try:
                size = write_sealed(path, seal, data)
            except FileNotFoundError:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self.reason is not None:  # somebody else was quicker
                    return
                size = write_sealed(path, seal, data)
            self._bound(size)
        except OSError:
            return

    def _place(self, key: str, kind: str) -> tuple[bytes, str]:
        """Return what binds a file to its key, and its path."""
        digest = sha256(f"{kind}:{key}".encode("utf-8", "surrogatepass"))
        return digest.digest(), f"{self._root}{os.sep}{digest.hexdigest()}{kind}"

    def _bound(self, size: int) -> None:
        """Count what was written; look into the folder at first, when it is full, and at times."""
        self._written += size
        if self._total is not None:
            self._total += size
            if self._total <= self.limit and self._written <= self.limit // 16:
                return
        self._total = _prune(self._root, self.limit)
        self._written = 0


def _switched_on() -> bool:
    text = os.environ.get(_SWITCH, "")
    if text.lower() not in _WORDS:
        raise ConfigError(f"{_SWITCH}: found {text!r}, expected true or false")
    return _WORDS[text.lower()]


def _prune(folder: Path, limit: int) -> int:
    """Remove what was not used for longest until an eighth is free; return the bytes left.

    Only files named as a cache names them are counted and removed.
    """
    now = time.time()
    files = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.endswith((_OBJECT, _NOTE, PARTIAL)):
                continue
            try:
                held = entry.stat(follow_symlinks=False)
            except OSError:  # another process has removed it
                continue
            if entry.name.endswith(PARTIAL):  # of no weight while it is being written
                if abs(now - held.st_mtime) > _HOUR:
                    remove(entry.path)
                continue
            # A time to come is a clock's error, and must not keep a file for ever.
            used = held.st_mtime if held.st_mtime <= now + _HOUR else 0.0
            files.append((used, held.st_size, entry.path))
    total = sum(size for _, size, _ in files)
    if total > limit:
        for _, size, path in sorted(files):
            if total <= limit - limit // 8:
                break
            remove(path)
            total -= size
    return total
