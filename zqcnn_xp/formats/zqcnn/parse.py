"""The text of a .zqparams file as records: no meaning yet, but every line accounted for.

One layer a line: a type, then ``key``, ``key=value`` or ``key:value`` tokens between blanks.
Types and keys are case-insensitive, names are not. Blank lines and lines whose first character
is ``#`` are comments; line ends may be LF, CRLF or CR.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from difflib import get_close_matches

from zqcnn_xp.errors import FormatError, UnknownKeyWarning
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.formats.zqcnn.vocabulary import KEYS, TYPES

__all__ = ["parse"]

_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_LONGEST_LINE = 1 << 20
_MOST_WORDS = 10_000
_SEPARATOR = re.compile("[=:]+")
_LONGEST_KEY = 32


def parse(file: str, data: bytes, limits: Limits) -> list[Record]:
    r"""Split the bytes of a .zqparams file into records.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file; UTF-8, with or without a byte order mark.
    limits
        ``max_text``, ``max_layers`` and ``max_name`` are checked here.

    Returns
    -------
    list of Record
        In file order; the first is the `Input`.

    Raises
    ------
    FormatError
        Naming the line: an unknown type, a token that is too long, a line that
        is not text, a missing, misplaced or second ``Input``, two layers of one name.

    Warns
    -----
    UnknownKeyWarning
        For a key that the type does not have: ZQCNN ignores it, and so does this reader.

    Examples
    --------
    >>> text = b"input name=x C=3\n# note\nrelu name=r bottom=x top=y"
    >>> [(record.line, record.kind) for record in parse("a", text, Limits())]
    [(1, 'Input'), (3, 'ReLU')]
    """
    if len(data) > limits.max_text:
        found = f"{len(data):,} bytes of text"
        raise FormatError(file, "", found, f"at most {limits.max_text:,} (Limits.max_text)")
    records: list[Record] = []
    names: dict[str, int] = {}
    for line, tokens in _lines(file, data.removeprefix(b"\xef\xbb\xbf"), limits):
        record = _record(file, line, tokens)
        if len(records) >= limits.max_layers:
            found = f"more than {limits.max_layers:,} layers"
            raise record.error(found, "fewer (Limits.max_layers)")
        _check_order(record, first=not records)
        earlier = names.setdefault(record.name, line)
        if earlier != line:
            raise record.error(
                f"a second layer named {record.name!r}", f"unique names (first on line {earlier})"
            )
        records.append(record)
    if len(records) < 2:
        found = "no layer" if records else "no Input line"
        raise FormatError(file, "end of file", found, "an Input line and at least one layer")
    return records


def _lines(file: str, data: bytes, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    for line, match in enumerate(_LINE.finditer(data), start=1):
        raw = match[1]
        if len(raw) > _LONGEST_LINE:
            found = f"a line of {len(raw):,} bytes"
            raise FormatError(file, f"line {line}", found, f"at most {_LONGEST_LINE:,}")
        if raw.lstrip(b" \t").startswith(b"#"):
            continue  # a comment may be in any encoding
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            found = f"byte 0x{raw[error.start]:02x}, which is not UTF-8"
            raise FormatError(file, f"line {line}", found, "text in UTF-8") from error
        tokens = text.replace("\t", " ").split(" ")
        tokens = [token for token in tokens if token]
        if len(tokens) > _MOST_WORDS:
            found = f"{len(tokens):,} words"
            raise FormatError(file, f"line {line}", found, f"at most {_MOST_WORDS:,}")
        for token in tokens:
            if not token.isprintable():
                raise FormatError(file, f"line {line}", f"{token[:40]!r}", "printable text")
            if len(token) > limits.max_name + _LONGEST_KEY:
                found = f"a word of {len(token):,} characters"
                expected = f"names of at most {limits.max_name:,} (Limits.max_name)"
                raise FormatError(file, f"line {line}", found, expected)
        if tokens:
            yield line, tokens


def _record(file: str, line: int, tokens: list[str]) -> Record:
    kind = TYPES.get(tokens[0].lower())
    if kind is None:
        raise FormatError(
            file, f"line {line}", f"layer type {tokens[0][:64]!r}", _nearest(tokens[0])
        )
    fields: list[tuple[str, str | None]] = []
    for token in tokens[1:]:
        pieces = [piece for piece in _SEPARATOR.split(token) if piece]
        if pieces:
            fields.append((pieces[0].lower(), pieces[1] if len(pieces) > 1 else None))
    unknown = dict.fromkeys(key for key, _ in fields if key not in KEYS[kind])
    if unknown:
        first = next(iter(unknown))
        near = get_close_matches(first, KEYS[kind], n=1) if len(first) <= _LONGEST_KEY else []
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        listed = ", ".join(repr(key) for key in list(unknown)[:5])
        msg = f"{file}, line {line}: ignored unknown keys of {kind}: {listed}{hint}"
        warnings.warn(msg, UnknownKeyWarning, stacklevel=2)
    return Record(file, line, kind, tuple(fields))


def _check_order(record: Record, *, first: bool) -> None:
    if first != (record.kind == "Input"):
        found = f"{record.kind} as the first layer" if first else "a second Input"
        raise record.error(found, "exactly one Input line, before all layers")


def _nearest(word: str) -> str:
    near = get_close_matches(word.lower(), TYPES, n=1) if len(word) <= _LONGEST_KEY else []
    hint = f"; did you mean {TYPES[near[0]]}?" if near else ""
    return f"a known layer type (or # for a comment){hint}"
