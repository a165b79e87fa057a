"""Bytes of one file from an address or a folder into a part file, as far as they come."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["Progress", "TransferError", "copy", "download"]

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes that there will be."""

_CHUNK = 1 << 16


class TransferError(Exception):
    """A source did not give the file.

    Parameters
    ----------
    reason
        What happened.
    again
        Whether the same source may well do better the next time.
    """

    def __init__(self, reason: str, *, again: bool = False) -> None:
        self.again = again
        super().__init__(reason)


def download(
    url: str, part: Path, size: int, *, timeout: float = 30.0, progress: Progress | None = None
) -> None:
    """Append to a part file until it has ``size`` bytes.

    What is already in it is not asked for again, if the server knows ranges (RFC 9110, 14.2);
    otherwise the file starts anew. Never more than ``size`` bytes are written.

    Parameters
    ----------
    url
        ``http://`` or ``https://``; redirections to other schemes are refused.
    part
        Made if it does not exist.
    size
        Bytes that the whole file has.
    timeout
        Seconds without a single byte after which the server counts as gone.
    progress
        Called after each piece.

    Raises
    ------
    TransferError
        The address does not give the file: no answer, an error, too few or too many bytes.
    OSError
        The part file cannot be written.
    """
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    if have == size:
        return
    # Compressed answers would make lengths and ranges mean something else.
    headers = {"User-Agent": "zqcnn-xp", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with _ask(url, headers, timeout, part) as answer:
        start = _start(answer, have, size)
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            _pour(answer.read1, file, start, size, progress)


def _ask(url: str, headers: dict[str, str], timeout: float, part: Path) -> Any:
    """Send the request; whatever goes wrong is the source's failure."""
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - see the opener
        return _opener().open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # what is here is no start of what is there
            part.unlink(missing_ok=True)
        # Python's words about redirections that lead nowhere run over several lines.
        reason = " ".join(str(error.reason).split())[:120]
        passing = error.code in (408, 416, 425, 429) or error.code >= 500
        raise TransferError(f"{error.code} {reason}", again=passing) from error
    except (OSError, http.client.HTTPException) as error:
        # A reason in words alone is urllib's own: an address that it does not speak.
        words = isinstance(getattr(error, "reason", None), str)
        raise TransferError(_words(error), again=not words) from error
    except ValueError as error:  # what urllib says to an address that is none
        raise TransferError(str(error)) from error


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the server does not answer in time"
    reason = getattr(error, "reason", None) or error
    return f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else str(reason)


def copy(source: Path, part: Path, size: int, *, progress: Progress | None = None) -> None:
    """Copy a file of ``size`` bytes into a part file.

    Raises
    ------
    TransferError
        The source cannot be read, or has another size.
    OSError
        The part file cannot be written.
    """
    try:
        stream = source.open("rb")
    except OSError as error:
        raise TransferError(f"cannot be read: {error.strerror}") from error
    with stream, part.open("wb") as file:
        _pour(stream.read, file, 0, size, progress)


def _pour(
    read: Callable[[int], bytes], file: BinaryIO, have: int, size: int, progress: Progress | None
) -> None:
    """Write what ``read`` gives until there are ``size`` bytes, and make sure that is the end.

    What came before a failure stays: the next try goes on from there.
    """
    while have < size:
        try:
            piece = read(min(_CHUNK, size - have))
        except (http.client.HTTPException, OSError) as error:
            raise TransferError(f"{_words(error)} after {have:,} bytes", again=True) from error
        if not piece:
            raise TransferError(f"the bytes end after {have:,} of {size:,}", again=True)
        file.write(piece)
        have += len(piece)
        if progress is not None:
            progress(have, size)
    # On the disk before it gets its name, or a power cut would leave the name without the bytes.
    file.flush()
    os.fsync(file.fileno())
    try:
        more = read(1)
    except (http.client.HTTPException, OSError):
        return  # whatever went wrong, the file is whole
    if more:
        raise TransferError(f"more than {size:,} bytes, expected no more")


def _start(answer: http.client.HTTPResponse, have: int, size: int) -> int:
    """Return where the answer's bytes belong, after a look at what it says about itself."""
    coding = answer.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        raise TransferError(f"an answer coded as {coding}, expected the file as it is")
    start = 0
    if answer.status == 206:
        where = answer.headers.get("Content-Range", "")
        found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", where.strip())
        if not found or int(found[1]) != have or found[2] not in ("*", str(size)):
            raise TransferError(f"the range {where!r}, expected bytes {have}-{size - 1}/{size}")
        start = have
    elif answer.status != 200:
        raise TransferError(f"status {answer.status}, expected 200")
    length = answer.headers.get("Content-Length")
    if length is not None and length.strip() != str(size - start):
        raise TransferError(f"{length} bytes to come, expected {size - start}")
    return start


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows http and https alone, so that no address names a local file."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
