"""The text of a .cfg file as sections: no meaning yet, but every line accounted for.

A section is a line ``[type]`` with ``key=value`` lines below it. Blanks count nowhere. Lines that
start with ``#`` or ``;`` are comments, and so is what follows a ``#``; line ends may be LF, CRLF
or CR.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from difflib import get_close_matches

from zqcnn_xp.errors import FormatError, UnknownKeyWarning
from zqcnn_xp.formats.darknet.section import Option, Section
from zqcnn_xp.formats.darknet.vocabulary import ELSEWHERE, KEYS, TRAINING, TYPES
from zqcnn_xp.formats.limits import Limits

__all__ = ["parse"]

_BLANKS = b" \t\v\f"
_LONGEST_LINE = 1 << 20
_LONGEST_WORD = 32


def parse(file: str, data: bytes, limits: Limits) -> list[Section]:
    r"""Split the bytes of a .cfg file into sections.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file; UTF-8 outside comments, with or without a byte order mark.
    limits
        ``max_text``, ``max_layers`` and ``max_name`` are checked here.

    Returns
    -------
    list of Section
        In file order; the first is ``[net]``.

    Raises
    ------
    FormatError
        Naming the line: an unknown or unsupported section, a line that is neither a section nor
        an option, an option before any section, a missing or second ``[net]``.

    Warns
    -----
    UnknownKeyWarning
        For an option that the layer does not have, or that is given twice: Darknet ignores it
        (of two, the second), and so does this reader.

    Examples
    --------
    >>> text = b"[net]\nwidth = 4\n# note\n[avgpool]"
    >>> [(section.line, section.name) for section in parse("a", text, Limits())]
    [(1, 'net'), (4, 'avgpool_0')]
    """
    if len(data) > limits.max_text:
        found = f"{len(data):,} bytes of text"
        raise FormatError(file, "", found, f"at most {limits.max_text:,} (Limits.max_text)")
    sections: list[Section] = []
    options: dict[str, Option] = {}
    twice: list[str] = []
    for line, text in _lines(file, data.removeprefix(b"\xef\xbb\xbf")):
        if text.startswith("["):
            if sections:
                _check_keys(sections[-1], twice)
            if len(sections) > limits.max_layers:
                found = f"more than {limits.max_layers:,} layers"
                raise FormatError(file, f"line {line}", found, "fewer (Limits.max_layers)")
            kind = _kind(file, line, text)
            options, twice = {}, []
            section = Section(file, line, kind, len(sections) - 1, options)
            if (kind == "net") != (not sections):
                found = f"[{kind}] as the first section" if not sections else "a second [net]"
                raise section.error(found, "exactly one [net], before all layers")
            sections.append(section)
            continue
        key, equals, value = text.partition("=")
        if not equals or not key or not sections:
            expected = "key=value below a [section]"
            raise FormatError(file, f"line {line}", repr(text[:64]), expected)
        if len(key) > limits.max_name:
            found, bound = f"a key of {len(key):,} characters", limits.max_name
            raise FormatError(file, f"line {line}", found, f"at most {bound:,} (Limits.max_name)")
        if key in options:
            twice.append(key)
        else:
            options[key] = Option(value, line)
    if len(sections) < 2:
        found = "no layer" if sections else "no [net] section"
        raise FormatError(file, "end of file", found, "a [net] section and at least one layer")
    _check_keys(sections[-1], twice)
    return sections


def _lines(file: str, data: bytes) -> Iterator[tuple[int, str]]:
    for line, raw in enumerate(data.splitlines(), start=1):
        if len(raw) > _LONGEST_LINE:
            found = f"a line of {len(raw):,} bytes"
            raise FormatError(file, f"line {line}", found, f"at most {_LONGEST_LINE:,}")
        # A comment may be in any encoding.
        kept = raw.partition(b"#")[0].translate(None, _BLANKS)
        if not kept or kept.startswith(b";"):
            continue
        try:
            text = kept.decode("utf-8")
        except UnicodeDecodeError as error:
            found = f"byte 0x{kept[error.start]:02x}, which is not UTF-8"
            raise FormatError(file, f"line {line}", found, "text in UTF-8") from error
        if not text.isprintable():
            raise FormatError(file, f"line {line}", repr(text[:40]), "printable text")
        yield line, text


def _kind(file: str, line: int, text: str) -> str:
    word = text[1:-1].lower()
    kind = TYPES.get(word)
    if kind is not None and text.endswith("]"):
        return kind
    expected = "a layer of a convolutional Darknet network"
    if not text.endswith("]"):
        expected = "a section in brackets, as [convolutional]"
    elif word in ELSEWHERE:
        expected = "a section that this reader supports: it does not support this one"
    elif len(word) <= _LONGEST_WORD and (near := get_close_matches(word, TYPES, n=1)):
        expected += f"; did you mean [{near[0]}]?"
    raise FormatError(file, f"line {line}", f"section {text[:64]}", expected)


def _check_keys(section: Section, twice: list[str]) -> None:
    """Warn of what Darknet would pass over in silence."""
    known = KEYS.get(section.kind)
    place = f"{section.file}, line {section.line}"
    if twice:
        listed = ", ".join(repr(key) for key in dict.fromkeys(twice[:5]))
        msg = f"{place}: [{section.kind}] gives {listed} more than once; the first one counts"
        warnings.warn(msg, UnknownKeyWarning, stacklevel=3)
    if known is None:
        return
    unknown = [key for key in section.options if key not in known and key not in TRAINING]
    if unknown:
        first = unknown[0]
        near = get_close_matches(first, known, n=1) if len(first) <= _LONGEST_WORD else []
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        listed = ", ".join(repr(key) for key in unknown[:5])
        msg = f"{place}: ignored unknown options of [{section.kind}]: {listed}{hint}"
        warnings.warn(msg, UnknownKeyWarning, stacklevel=3)
