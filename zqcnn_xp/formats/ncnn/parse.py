"""The text of a .param file as records: every count checked, no meaning yet.

``7767517``, then the counts of layers and blobs, then a line for each layer: type, name, number
of bottoms and of tops, their names, and ``key=value``; a key of -23300 - n is an array for key n,
``-2330n=count,value,value``. The first files of 2017 have no magic number.
"""

from __future__ import annotations

import re

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.ncnn.record import Record

__all__ = ["MAGIC", "parse"]

MAGIC = b"7767517"
_ARRAYS = -23300
_MOST_KEYS = 32
_MOST_WORDS = 10_000
_COUNT = re.compile(r"[0-9]{1,9}")
_KEY = re.compile(r"-?[0-9]{1,5}")


def parse(file: str, data: bytes, limits: Limits) -> list[Record]:
    r"""Split the bytes of a .param file into records.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file.
    limits
        ``max_text``, ``max_layers`` and ``max_name`` are checked here.

    Raises
    ------
    FormatError
        Naming the line: a count that does not hold, a blob that nothing before it writes, a
        second layer or blob of one name.

    Examples
    --------
    >>> text = b"7767517\n2 2\nInput x 0 1 x 0=8 1=8 2=3\nReLU r 1 1 x y 0=0.1\n"
    >>> [(record.kind, record.tops) for record in parse("a.param", text, Limits())]
    [('Input', ('x',)), ('ReLU', ('y',))]
    """
    if len(data) > limits.max_text:
        expected = f"at most {limits.max_text:,} (Limits.max_text)"
        raise FormatError(file, "", f"{len(data):,} bytes of text", expected)
    if data.count(b"\n") > 2 * limits.max_layers:
        expected = f"at most {limits.max_layers:,} layers (Limits.max_layers)"
        raise FormatError(file, "", f"{data.count(bytes([10])):,} lines", expected)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02x}, which is not UTF-8"
        raise FormatError(file, f"line {line}", found, "text") from error
    lines = [(n, words) for n, line in enumerate(text.split("\n"), 1) if (words := line.split())]
    if lines and lines[0][1] == [MAGIC.decode()]:
        lines = lines[1:]
    layers, blobs = _header(file, lines, limits)
    if len(lines) - 1 != layers:
        raise FormatError(
            file, f"line {lines[0][0]}", f"{len(lines) - 1:,} layer lines", f"{layers:,}"
        )
    records = [_record(file, line, words, limits) for line, words in lines[1:]]
    _check_names(records, blobs)
    return records


def _header(file: str, lines: list[tuple[int, list[str]]], limits: Limits) -> tuple[int, int]:
    words = lines[0][1] if lines else []
    if len(words) != 2 or not all(_COUNT.fullmatch(word) for word in words):
        where = f"line {lines[0][0]}" if lines else "end of file"
        found = f"{' '.join(words)[:64]!r}"
        raise FormatError(file, where, found, "the counts of layers and blobs")
    layers, blobs = int(words[0]), int(words[1])
    if layers > limits.max_layers:
        expected = f"at most {limits.max_layers:,} (Limits.max_layers)"
        raise FormatError(file, f"line {lines[0][0]}", f"{layers:,} layers", expected)
    if layers == 0:
        raise FormatError(file, f"line {lines[0][0]}", "no layers", "at least an Input and another")
    return layers, blobs


def _record(file: str, line: int, words: list[str], limits: Limits) -> Record:
    where = f"line {line}"
    if len(words) > _MOST_WORDS:
        raise FormatError(file, where, f"{len(words):,} words", f"at most {_MOST_WORDS:,}")
    if len(words) < 4 or not _COUNT.fullmatch(words[2]) or not _COUNT.fullmatch(words[3]):
        found = f"{' '.join(words)[:64]!r}"
        raise FormatError(file, where, found, "type, name, number of bottoms, number of tops")
    kind, name = words[:2]
    reads, writes = int(words[2]), int(words[3])
    blobs = words[4 : 4 + reads + writes]
    if len(blobs) != reads + writes:
        found = f"{len(blobs)} blobs in {kind[:64]} {name[:64]!r}"
        raise FormatError(file, where, found, f"{reads} bottoms and {writes} tops")
    for word in (kind, name, *blobs):
        if len(word) > limits.max_name or not word.isprintable():
            found = f"name {word[:32]!r} of {len(word)} characters"
            expected = f"printable, at most {limits.max_name} (Limits.max_name)"
            raise FormatError(file, where, found, expected)
    values: dict[int, str] = {}
    arrays: dict[int, tuple[str, ...]] = {}
    for word in words[4 + reads + writes :]:
        left, mark, right = word.partition("=")
        key = int(left) if _KEY.fullmatch(left) else -1
        is_array = key <= _ARRAYS
        key = _ARRAYS - key if is_array else key
        if not mark or not 0 <= key < _MOST_KEYS:
            found = f"{word[:64]!r} in {kind} {name!r}"
            raise FormatError(
                file, where, found, f"key=value with a key from 0 to {_MOST_KEYS - 1}"
            )
        if not is_array:
            values[key] = right
            continue
        count, *items = right.split(",")
        if not _COUNT.fullmatch(count) or int(count) != len(items):
            found = f"{len(items)} numbers in {word[:64]!r}"
            raise FormatError(file, where, found, f"as many as it says: {count[:16]}")
        arrays[key] = tuple(items)
    bottoms, tops = tuple(blobs[:reads]), tuple(blobs[reads:])
    return Record(file, line, kind, name, bottoms, tops, values, arrays)


def _check_names(records: list[Record], blobs: int) -> None:
    names: dict[str, int] = {}
    written: dict[str, int] = {}
    for record in records:
        first = names.setdefault(record.name, record.line)
        if first != record.line:
            raise record.error("a second layer of this name", f"unique names (line {first})")
        for blob in record.bottoms:
            if blob not in written:
                found = f"bottom {blob!r}, which no earlier line writes"
                raise record.error(found, "layers in order of execution")
        for blob in record.tops:
            if blob in written:
                found = f"a second writer of blob {blob!r}"
                raise record.error(found, f"one (line {written[blob]})")
            written[blob] = record.line
    if len(written) > blobs:
        record = records[-1]
        raise record.error(f"{len(written):,} blobs up to here", f"{blobs:,}, as the head says")
