"""From the bytes of an .xml file to records, element by element.

The file is data from elsewhere: a document type or an entity is refused, depth and counts are
bounded while reading, and the rest (statistics, notes of the tool that wrote it) is passed over.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.openvino.records import Edge, Layer, NetRecord, OutputPort

__all__ = ["VERSIONS", "parse"]

VERSIONS = (10, 11)
"""Versions of the IR that are read."""

MAX_DEPTH = 64
MAX_PORTS = 1 << 16
_MAX_ID = 1 << 31


def parse(file: str, data: bytes, limits: Limits) -> NetRecord:
    """Read an IR's .xml file.

    Parameters
    ----------
    file
        Name for messages.
    data
        The file's bytes.
    limits
        ``max_text`` bounds the file, ``max_layers`` layers and edges, ``max_name`` each name
        (a port's list of names may be longer).

    Raises
    ------
    FormatError
        If it is no such file; names the line.
    """
    if len(data) > limits.max_text:
        expected = f"at most {limits.max_text:,} (Limits.max_text)"
        raise FormatError(file, "", f"{len(data):,} bytes", expected)
    builder = _Builder(file, limits)
    parser = builder.parser
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        found = f"XML that does not parse ({expat.ErrorString(error.code)})"
        raise FormatError(file, f"line {error.lineno}", found, "a whole XML file") from error
    except FormatError:  # which is a ValueError, too
        raise
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        raise FormatError(file, "", f"text it cannot decode ({error})", "UTF-8") from error
    return builder.result()


class _Builder:
    """Collects records from a parser's events."""

    def __init__(self, file: str, limits: Limits) -> None:
        self.file = file
        self.limits = limits
        self.path: list[str] = []
        self.name = ""
        self.version: int | None = None
        self.layers: list[Layer] = []
        self.edges: list[Edge] = []
        self.ids: set[int] = set()
        self.layer: dict[str, Any] = {}
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = False
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype
        self.parser.ExternalEntityRefHandler = self._doctype

    @property
    def line(self) -> int:
        return self.parser.CurrentLineNumber

    def error(self, found: str, expected: str) -> FormatError:
        return FormatError(self.file, f"line {self.line}", found, expected)

    def _doctype(self, *_: Any) -> int:
        raise self.error("a document type or an entity", "plain elements and attributes")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.path.append(tag)
        depth = len(self.path)
        if depth > MAX_DEPTH:
            raise self.error(f"elements {depth} deep", f"at most {MAX_DEPTH}")
        if depth == 1:
            if tag != "net":
                raise self.error(f"the element <{tag}>", "<net>")
            self.name = attributes.get("name", "")
            self.version = self._number(attributes, "version", tag)
            if self.version not in VERSIONS:
                expected = " or ".join(map(str, VERSIONS)) + ": convert the model once more"
                raise self.error(f"IR version {self.version}", expected)
        elif self.path[1:] == ["layers", "layer"]:
            self._open(attributes)
        elif self.path[1:3] == ["layers", "layer"]:
            self._inside(tag, attributes)
        elif self.path[1:] == ["edges", "edge"]:
            keys = ("from-layer", "from-port", "to-layer", "to-port")
            a, b, c, d = (self._number(attributes, key, tag) for key in keys)
            self.edges.append(Edge(self.line, (a, b), (c, d)))
            self._bound("edges", len(self.edges), 16 * self.limits.max_layers)
        elif tag == "pre-process":
            raise self.error("a <pre-process> element", "the arithmetic as layers")

    def _end(self, tag: str) -> None:
        if self.path[1:] == ["layers", "layer"]:
            ports = {side: tuple(self.layer[side]) for side in ("inputs", "outputs")}
            self.layers.append(Layer(**{**self.layer, **ports}))
        self.path.pop()

    def _open(self, attributes: dict[str, str]) -> None:
        number = self._number(attributes, "id", "layer")
        kind, name = attributes.get("type", ""), attributes.get("name", "")
        if number in self.ids:
            raise self.error(f"a second layer of id {number}", "one")
        if not kind:
            raise self.error(f"layer {number} without a type", "one")
        if max(len(name), len(kind)) > self.limits.max_name:
            found = f"a name of {max(len(name), len(kind)):,} characters"
            raise self.error(found, f"at most {self.limits.max_name} (Limits.max_name)")
        self.ids.add(number)
        self._bound("layers", len(self.ids), self.limits.max_layers)
        version = attributes.get("version", "opset1")
        self.layer = {
            "line": self.line, "number": number, "name": name, "kind": kind,
            "version": version, "attributes": {}, "inputs": (), "outputs": (),
        }  # fmt: skip

    def _inside(self, tag: str, attributes: dict[str, str]) -> None:
        inner = self.path[3:]
        if inner == ["data"]:
            self.layer["attributes"] = attributes
        elif inner == ["input", "port"]:
            self._port("inputs", self._number(attributes, "id", tag))
        elif inner == ["output", "port"]:
            names = _split_names(attributes.get("names", ""))
            self._port("outputs", OutputPort(self._number(attributes, "id", tag), names))
        elif tag == "pre-process":
            raise self.error("a <pre-process> element", "the arithmetic as layers")
        elif inner in (["body"], ["then_body"], ["else_body"]):
            found = f"layer {self.layer['name']!r} with a network inside ({self.layer['kind']})"
            raise self.error(found, "no loops and no branches")

    def _port(self, side: str, port: Any) -> None:
        ports = self.layer[side]
        self._bound(f"{side} of a layer", len(ports) + 1, MAX_PORTS)
        if not isinstance(ports, list):
            ports = self.layer[side] = []
        ports.append(port)

    def _bound(self, what: str, count: int, most: int) -> None:
        if count > most:
            raise self.error(f"more than {most:,} {what}", f"at most {most:,}")

    def _number(self, attributes: dict[str, str], key: str, tag: str) -> int:
        text = attributes.get(key)
        if text is None or not (text.isascii() and text.isdigit()) or len(text) > 10:
            shown = "none" if text is None else repr(text[:40])
            raise self.error(f"{key} = {shown} of <{tag}>", "a number from 0 up")
        if int(text) >= _MAX_ID:
            raise self.error(f"{key} = {text} of <{tag}>", "less than 2^31")
        return int(text)

    def result(self) -> NetRecord:
        return NetRecord(
            self.file, self.name, self.version or 0, tuple(self.layers), tuple(self.edges)
        )


def _split_names(text: str) -> tuple[str, ...]:
    r"""Split a list of tensor names at its commas; ``\,`` is a comma within a name."""
    parts = text.replace("\\,", "\0").split(",")
    return tuple(part.replace("\0", ",") for part in parts if part)
