"""Features, names and labels as arrays of one .npz archive, as `zqcnn-xp embed` writes them."""

from __future__ import annotations

import errno
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.cli.files import writing
from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.gallery.exchange.npy import as_float32, write_head
from zqcnn_xp.gallery.exchange.npy_header import (
    Header,
    feature_header,
    read_header,
    text_header,
)
from zqcnn_xp.gallery.exchange.source import FeatureSource, block_rows
from zqcnn_xp.gallery.rows import decoded
from zqcnn_xp.gallery.store.batch import Batch

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.store import Store

__all__ = ["read_npz", "write_npz"]

_FEATURES = ("features", "embeddings", "feat")
_NAMES = ("names", "files")
_LABELS = ("labels",)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others take memory as the file says
_BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError),
    *(RuntimeError, ValueError, IndexError, OverflowError),
)


def read_npz(path: Path) -> FeatureSource:
    """Open an archive with an array of features, and perhaps names and labels.

    Features are called ``features``, ``embeddings`` or ``feat`` and are (n, d) float16, float32 or
    float64; names are ``names`` or ``files``, labels ``labels``, (n,) strings. Without names rows
    are called by their numbers; an empty label is none.

    Raises
    ------
    DatasetError
        If the archive is damaged or has no such arrays; from here or from the batches.
    OSError
        If it cannot be read.
    """
    with _archive(path) as archive:
        member = _member(archive, path, _FEATURES)
        if member is None:
            raise DatasetError(str(path), "", "no array 'features'", "one")
        with _opened(archive, member, path) as (_, header):
            dim = feature_header(header, _title(path, member))
    return FeatureSource(str(path), dim, _batches(path))


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; what zipfile and zlib raise about it becomes a `DatasetError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (DatasetError, InputError):
        raise
    except _BROKEN as error:
        found = f"a damaged archive ({str(error)[:200]})"
        raise DatasetError(str(path), "", found, "a .npz archive") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a directory that points before the file
            raise
        raise DatasetError(str(path), "", "a damaged archive", "a .npz archive") from error


def _title(path: Path, member: zipfile.ZipInfo) -> str:
    return f"{path}:{member.filename}"[:400]


def _member(archive: zipfile.ZipFile, path: Path, names: tuple[str, ...]) -> zipfile.ZipInfo | None:
    found = [info for info in archive.infolist() if info.filename.removesuffix(".npy") in names]
    if len(found) > 1:
        listed = ", ".join(info.filename for info in found[:4])
        raise DatasetError(str(path), "", f"{len(found)} of one kind ({listed})", "one array")
    if found and found[0].compress_type not in _METHODS:
        title = _title(path, found[0])
        raise DatasetError(title, "", f"method {found[0].compress_type}", "stored or deflated")
    return found[0] if found else None


@contextmanager
def _opened(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path
) -> Iterator[tuple[IO[bytes], Header]]:
    with archive.open(member) as file:
        header = read_header(file, _title(path, member), member.file_size)
        if header.fortran and len(header.shape) > 1:
            title = _title(path, member)
            raise DatasetError(title, "byte 10", "values in Fortran's order", "C's order")
        yield file, header


def _batches(path: Path) -> Iterator[Batch]:
    with ExitStack() as stack:
        archive = stack.enter_context(_archive(path))
        member = _member(archive, path, _FEATURES)
        if member is None:
            raise DatasetError(str(path), "", "no array 'features'", "one")
        file, header = stack.enter_context(_opened(archive, member, path))
        title = _title(path, member)
        dim = feature_header(header, title)
        count = header.shape[0]
        names = _texts(stack, archive, path, _NAMES, count)
        labels = _texts(stack, archive, path, _LABELS, count)
        width = header.dtype.itemsize
        for start in range(0, count, block_rows(dim)):
            rows = min(block_rows(dim), count - start)
            block = _take(file, rows * dim, header.dtype, title)
            place = header.size + start * dim * width
            features = as_float32(block.reshape(rows, dim), title, place)
            called = names(rows) if names else [str(start + row) for row in range(rows)]
            yield Batch(features, called, [who or None for who in labels(rows)] if labels else None)


def _take(file: IO[bytes], count: int, dtype: np.dtype[Any], title: str) -> NDArray[Any]:
    """Read ``count`` values; memory is that of what is really there."""
    size = count * dtype.itemsize
    data = file.read(size)
    if len(data) != size:
        raise DatasetError(title, "", f"{len(data)} bytes of a block", f"{size}")
    return np.frombuffer(data, dtype)


def _texts(
    stack: ExitStack, archive: zipfile.ZipFile, path: Path, names: tuple[str, ...], count: int
) -> Callable[[int], list[str]] | None:
    member = _member(archive, path, names)
    if member is None:
        return None
    file, header = stack.enter_context(_opened(archive, member, path))
    title = _title(path, member)
    text_header(header, title, count)

    def one_by_one(rows: int) -> Iterator[str]:
        # A few at a time: every one may be as wide as the longest.
        step = max(1, min(rows, (1 << 20) // header.dtype.itemsize))
        for start in range(0, rows, step):
            block = _take(file, min(step, rows - start), header.dtype, title)
            try:
                texts = block.tolist()
            except (UnicodeDecodeError, ValueError) as error:
                raise DatasetError(title, "", "no text in a block", "names") from error
            for text in texts:
                yield text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")

    return lambda rows: list(one_by_one(rows))


def write_npz(store: Store, path: Path) -> int:
    """Write a store as ``features``, ``names`` and ``labels`` (empty for nobody) in one archive.

    Features are float32. Metadata is left out.

    Returns
    -------
    int
        Rows that were written.

    Raises
    ------
    InputError
        If a name ends in a NUL or has bytes that are no text, which NumPy's strings cannot keep.
    OSError
        If the file cannot be written; then it is not there.
    """
    with writing(path) as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("features.npy", "w", force_zip64=True) as file:
            write_head(file, (len(store), store.dim), "<f4")
            for start in range(0, len(store), block_rows(store.dim)):
                stop = min(start + block_rows(store.dim), len(store))
                file.write(decoded(store.rows, start, stop).astype("<f4").tobytes())
        _write_texts(archive, "names", len(store), lambda: store.names)
        _write_texts(archive, "labels", len(store), lambda: (who or "" for who in store.labels))
    return len(store)


def _write_texts(
    archive: zipfile.ZipFile, name: str, count: int, texts: Callable[[], Iterable[str]]
) -> None:
    width = max((len(text) for text in texts()), default=0) or 1
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        write_head(file, (count,), f"<U{width}")
        rest = iter(texts())
        step = max(1, (1 << 20) // (4 * width))
        while part := list(islice(rest, step)):
            for text in part:
                if text.endswith("\0") or not _is_text(text):
                    raise InputError(f"found {text!r} in {name}, expected text without such bytes")
            file.write(np.array(part, f"<U{width}").tobytes())


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
