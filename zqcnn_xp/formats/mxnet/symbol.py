"""The JSON of a symbol file as records: every version's spelling, no meaning yet.

Operator attributes are under ``param`` up to MXNet 0.8, ``attr`` up to 0.12 and ``attrs`` since;
inputs are [node, output] or [node, output, version].
"""

from __future__ import annotations

import json
from typing import Any

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.mxnet.record import Record, Symbol

__all__ = ["parse_symbol"]

_COMMAS_A_LAYER = 40
_MOST_INPUTS = 10_000
_LONGEST_VALUE = 1 << 16


def parse_symbol(file: str, data: bytes, limits: Limits) -> Symbol:
    """Read a symbol file.

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
        If it is no JSON, or no graph: names the node.

    Examples
    --------
    >>> text = b'{"nodes": [{"op": "null", "name": "data", "inputs": []}], "heads": [[0, 0]]}'
    >>> parse_symbol("a.json", text, Limits()).records[0].name
    'data'
    """
    _check_size(file, data, limits)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        what = "nested brackets" if isinstance(error, RecursionError) else str(error)[:200]
        raise FormatError(file, "", f"no JSON ({what})", "an MXNet symbol") from error
    nodes = found.get("nodes") if isinstance(found, dict) else None
    if not isinstance(nodes, list) or not nodes:
        raise FormatError(file, "", "JSON without nodes", "an object with nodes and heads")
    if len(nodes) > limits.max_layers:
        expected = f"at most {limits.max_layers:,} (Limits.max_layers)"
        raise FormatError(file, "", f"{len(nodes):,} nodes", expected)
    names: set[str] = set()
    records = []
    for place, node in enumerate(nodes):
        record = _record(file, place, node, limits)
        if record.name in names:
            raise record.error("a second node of this name", "unique names")
        names.add(record.name)
        records.append(record)
    heads = _entries(found.get("heads"), len(nodes))
    if not heads:
        raise FormatError(file, "heads", f"{str(found.get('heads'))[:64]}", "[[node, output], ...]")
    return Symbol(file, tuple(records), heads)


def _check_size(file: str, data: bytes, limits: Limits) -> None:
    # Before the parser, which makes an object of every number.
    if len(data) > limits.max_text:
        expected = f"at most {limits.max_text:,} (Limits.max_text)"
        raise FormatError(file, "", f"{len(data):,} bytes of text", expected)
    layers, commas = data.count(b'"op"'), data.count(b",")
    if layers > limits.max_layers or commas > _COMMAS_A_LAYER * limits.max_layers:
        found = f"{layers:,} nodes and {commas:,} commas"
        raise FormatError(file, "", found, f"at most {limits.max_layers:,} (Limits.max_layers)")


def _record(file: str, place: int, node: Any, limits: Limits) -> Record:
    where = f"node {place}"
    if not isinstance(node, dict):
        raise FormatError(file, where, f"{str(node)[:64]}", "an object")
    kind, name = node.get("op"), node.get("name")
    for key, word in (("op", kind), ("name", name)):
        if not isinstance(word, str) or not word.isprintable() or not word:
            raise FormatError(file, where, f"{key} {str(word)[:64]!r}", "printable text")
        if len(word) > limits.max_name:
            expected = f"at most {limits.max_name} (Limits.max_name)"
            raise FormatError(file, where, f"{key} of {len(word):,} characters", expected)
    attributes: dict[str, str] = {}
    for key in ("param", "attr", "attrs"):
        part = node.get(key)
        if part is None:
            continue
        if not isinstance(part, dict):
            raise FormatError(file, where, f"{key} {str(part)[:64]}", "an object of texts")
        for word, value in part.items():
            text = value if isinstance(value, str) else json.dumps(value)
            if len(text) > _LONGEST_VALUE:
                found = f"{len(text):,} characters in {key} {word[:64]!r}"
                raise FormatError(file, where, found, f"at most {_LONGEST_VALUE:,}")
            attributes[word] = text
    given = node.get("inputs", [])
    inputs = _entries(given, place)
    if inputs is None or len(inputs) > _MOST_INPUTS:
        found = f"inputs {str(given)[:64]}"
        raise FormatError(file, where, found, "[[node, output], ...] of earlier nodes")
    return Record(file, place, str(kind), str(name), attributes, inputs)


def _entries(given: Any, bound: int) -> tuple[tuple[int, int], ...] | None:
    """Return (node, output) pairs, or None if they are no such pairs of nodes below a bound."""
    if not isinstance(given, list):
        return None
    found = []
    for entry in given:
        if not isinstance(entry, list) or not 2 <= len(entry) <= 3:
            return None
        if any(type(number) is not int or number < 0 for number in entry[:2]):
            return None
        if entry[0] >= bound or entry[1] >= _MOST_INPUTS:
            return None
        found.append((entry[0], entry[1]))
    return tuple(found)
