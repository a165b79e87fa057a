"""What is given to a store, checked and turned into the bytes that its files hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.rows import Features, Rows, as_rows, decoded, quantize
from zqcnn_xp.gallery.store.layout import Commit

__all__ = ["MAX_META", "MAX_NAME", "Stored", "encoded_texts", "given_rows", "stored_blocks"]

MAX_NAME, MAX_META = 1 << 16, 1 << 24
_BLOCK_BYTES = 1 << 20  # of float32; rounding takes some ten times as much in between


class Stored(NamedTuple):
    """Rows in the form of a store.

    Attributes
    ----------
    values
        (m, d) of the store's type.
    scales, errors
        (m,) float32 for integers, else ``None``; an error that is not known is NaN.
    """

    values: NDArray[Any]
    scales: NDArray[np.float32] | None = None
    errors: NDArray[np.float32] | None = None


def given_rows(features: Features, dim: int) -> Rows:
    """Return features as rows, if they have ``dim`` values each.

    Raises
    ------
    InputError
        Saying what shape or type was found.
    """
    rows = as_rows(features)
    if rows.shape[1] != dim:
        found = f"features of shape {rows.shape}"
        raise InputError(f"found {found}, expected (n, {dim}) as the store holds")
    return rows


def stored_blocks(rows: Rows, commit: Commit) -> Iterator[Stored]:
    """Turn rows into what the store holds, a megabyte at a time.

    Integers with the scales of another store are taken as they are; floats are rounded.

    Raises
    ------
    InputError
        For a value that is no finite number or too large for the type, naming its row.
    """
    dtype = np.dtype(commit.dtype)
    block = max(1, _BLOCK_BYTES // (4 * commit.dim))
    for start in range(0, rows.shape[0], block):
        stop = min(start + block, rows.shape[0])
        if commit.quantised and rows.dtype == dtype:
            yield _integers(rows, start, stop)
            continue
        values = _floats(rows, start, stop)
        _check_finite(values, start, "a value that is no finite number", "finite features")
        if commit.quantised:
            whole = quantize(values, commit.dtype)
            yield Stored(whole[0 : stop - start], whole.scales, _summed(whole.errors, rows, start))
            continue
        with np.errstate(over="ignore"):
            short = values.astype(dtype, copy=False)
        _check_finite(short, start, f"a value beyond {dtype}", "a store of float32")
        yield Stored(short)


def _floats(rows: Rows, start: int, stop: int) -> NDArray[Any]:
    """Return features; integers times their scale in float64, where the product is exact."""
    if rows.scales is None:
        return decoded(rows, start, stop)
    exact: NDArray[np.float64] = rows[start:stop] * rows.scales[start:stop, None].astype(np.float64)
    return exact


def _integers(rows: Rows, start: int, stop: int) -> Stored:
    count = stop - start
    scales = None if rows.scales is None else rows.scales[start:stop]
    if scales is None or len(scales) != count:
        raise InputError(f"found features of {rows.dtype} without scales, expected one for each")
    bad = ~(np.isfinite(scales) & (scales >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        found = f"the scale {scales[row]} of row {start + row}"
        raise InputError(f"found {found}, expected a finite one, 0 or above")
    errors = np.full(count, np.nan, np.float32) if rows.errors is None else rows.errors[start:stop]
    values = rows[start:stop]
    lowest = np.iinfo(values.dtype).min
    if values.size and values.min() == lowest:  # rounding never makes it
        row = int(np.argmax((values == lowest).any(axis=1)))
        raise InputError(f"found {lowest} in row {start + row}, expected {lowest + 1} and above")
    return Stored(values, scales, errors)


def _summed(errors: Any, rows: Rows, start: int) -> NDArray[np.float32]:
    """Add what an earlier rounding took; what that was may be unknown."""
    found = np.asarray(errors, np.float32)
    if rows.scales is None:
        return found
    if rows.errors is None:
        return np.full_like(found, np.nan)
    total = found.astype(np.float64) + rows.errors[start : start + len(found)]
    return np.nextafter(total.astype(np.float32), np.float32(np.inf))


def _check_finite(values: NDArray[Any], start: int, found: str, expected: str) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        row = start + int(np.argmin(finite.all(axis=1)))
        raise InputError(f"found {found} in row {row}, expected {expected}")


def encoded_texts(
    names: Sequence[str], meta: Sequence[Mapping[str, Any] | None] | None, start: int
) -> tuple[bytes, NDArray[np.uint64]]:
    """Return names and metadata as one run of bytes, and where each ends.

    Parameters
    ----------
    names
        n strings. Bytes of file names that are no UTF-8 come as lone surrogates, as Python's file
        functions give them, and stay the same bytes.
    meta
        n JSON objects or ``None``.
    start
        Where the run will begin in its file.

    Returns
    -------
    run, ends
        ``ends`` is (n, 2) uint64: where the name ends, and where the metadata does.

    Raises
    ------
    InputError
        For what is no string or no JSON object, or too long, naming its row.
    """
    parts: list[bytes] = []
    for row, name in enumerate(names):
        parts.append(text_bytes(name, f"name of row {row}"))
        parts.append(b"" if meta is None else _json(meta[row], row))
    lengths = np.fromiter(map(len, parts), np.uint64, len(parts))
    ends = np.cumsum(lengths, dtype=np.uint64) + np.uint64(start)
    return b"".join(parts), ends.reshape(-1, 2)


def text_bytes(text: str, what: str) -> bytes:
    """Return the UTF-8 bytes of a name or label."""
    if not isinstance(text, str):
        raise InputError(f"found {type(text).__name__} as {what}, expected str")
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InputError(f"found {text!r} as {what}, expected text that UTF-8 can hold") from error
    if len(data) > MAX_NAME:
        raise InputError(f"found {len(data)} bytes as {what}, expected {MAX_NAME} at most")
    return data


def _json(value: Mapping[str, Any] | None, row: int) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, Mapping):
        raise InputError(f"found {type(value).__name__} as meta of row {row}, expected a dict")
    try:
        data = json.dumps(dict(value), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"found meta of row {row} that is no JSON: {error}") from error
    if len(data) > MAX_META:
        raise InputError(f"found {len(data)} bytes of meta in row {row}, expected {MAX_META}")
    return data
