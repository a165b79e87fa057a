r"""Protobuf's text form (.prototxt) to messages, by one scan with an explicit stack.

Comments, both brackets of messages, lists, both quotes, adjacent strings, separators: the whole
grammar but extensions and ``Any``. Runs of ``data: <number>``, which text weights consist of,
are read as arrays.
"""

from __future__ import annotations

import re
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.caffe.message import Message, Origin, Word
from zqcnn_xp.formats.caffe.schema import field_names
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import Source

__all__ = ["parse_text"]

_DEPTH = 32
_KEPT = 10_000
# Values of one list that is no array of weights: sizes, ratios, variances.
_VALUES = 10_000
_PIECES = 100
_FIELDS_PER_LAYER = 6
_TOKEN = re.compile(
    rb"(?:[\s\0]++|#[^\n]*+)*+"
    rb"([A-Za-z_][A-Za-z0-9_]*+|[-+]?[0-9.][A-Za-z0-9_.+-]*+|-[A-Za-z]++"
    rb'|"(?:[^"\\\n]|\\[^\n])*+"|' + rb"'(?:[^'\\\n]|\\[^\n])*+'|[{}<>:;,\[\]]|$)"
)
_LAYER = re.compile(rb"\blayers?\s*+:?\s*+[{<]")
# The usual fields in one match, nine of ten: a message that opens, a word, plain text in quotes.
_USUAL = re.compile(
    rb"[\s;,]*+([A-Za-z_][A-Za-z0-9_]{0,60}+)\s*+"
    rb"(?:(?::\s*+)?(\{)|:[ \t]*+(?:([-+]?[A-Za-z0-9_.]{1,60}+)(?=[\s;,}])"
    rb"|([\"'])([ !#-&(-\[\]-~]{0,250}+)\4(?=\s*+[A-Za-z_}])))"
)
# A number that no letter follows; what it is made of is checked when the run is complete.
_DIGITS = rb"\s*+:\s*+[-+]?[0-9.][0-9.eE+-]*+(?![A-Za-z_])"
_RUN = {
    name: re.compile(_DIGITS + rb"(?:[\s;,]++" + name + _DIGITS + rb")++")
    for name in (b"data", b"double_data")
}
_NUMBERS = re.compile(rb"(?:[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?\s++)++")
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t",
            b"v": b"\v"}  # fmt: skip


def parse_text(source: Source, limits: Limits) -> Message:
    """Parse a network definition.

    Raises
    ------
    FormatError
        Naming the line.
    """
    if len(source.data) > limits.max_text:
        found = f"{len(source.data):,} bytes of text"
        raise FormatError(source.name, "", found, f"at most {limits.max_text:,} (Limits.max_text)")
    # Comments count here, but no file has that many: an early answer to an absurd one.
    if sum(1 for _ in islice(_LAYER.finditer(source.data), limits.max_layers + 1)) > (
        limits.max_layers
    ):
        found = f"more than {limits.max_layers:,} layers"
        raise FormatError(source.name, "", found, "fewer (Limits.max_layers)")
    return _Parser(source, limits).run()


class _Parser:
    def __init__(self, source: Source, limits: Limits) -> None:
        self.data = source.data
        self.origin = Origin(source.name, source.data)
        self.limits = limits
        self.place = 3 if source.data.startswith(b"\xef\xbb\xbf") else 0
        self.start = 0
        self.layers = 0
        self.left = _FIELDS_PER_LAYER * limits.max_layers
        self.names: dict[bytes, str] = {}
        self.words: dict[bytes, Word] = {}

    def run(self) -> Message:
        root = Message("NetParameter", self.origin, 0)
        stack = [root]
        closers = [b""]
        while True:
            if self._usual(stack, closers):
                continue
            token = self._next()
            if token == closers[-1]:
                if not token:
                    return root
                stack.pop()
                closers.pop()
            elif token in (b";", b","):
                continue
            elif not token or not (token[:1].isalpha() or token[:1] == b"_"):
                wanted = f"a field or {closers[-1].decode()!r}" if closers[-1] else "a field"
                raise self._error(token, wanted)
            else:
                self._field(token, stack, closers)

    def _usual(self, stack: list[Message], closers: list[bytes]) -> bool:
        """Read a field of the usual form; say whether there was one."""
        match = _USUAL.match(self.data, self.place)
        if match is None:
            return False
        owner = stack[-1]
        token, opens, word, _, text = match.groups()
        if owner.kind == "BlobProto" and token in _RUN:
            return False
        start = self.start = match.start(1)
        name = self._name(token)
        self._count(owner, name, start)
        self.place = match.end()
        if opens:
            self._open(owner, name, b"}", start, stack, closers)
        elif word is not None:
            found = self.words.get(word)
            if found is None:
                found = Word(word.decode("ascii"))
                if len(self.words) < _KEPT:
                    self.words[word] = found
            owner.add(name, found, start)
        else:
            owner.add(name, text.decode("ascii"), start)
        return True

    def _field(self, token: bytes, stack: list[Message], closers: list[bytes]) -> None:
        """Read one field; a message that opens goes on the stack."""
        owner, start = stack[-1], self.start
        name = self._name(token)
        self._count(owner, name, start)
        if owner.kind == "BlobProto" and token in _RUN:
            run = self._run(token)
            if run is not None:
                owner.add(name, run, start)
                return
        opening = self._next()
        if opening == b":":
            opening = self._next()
            if opening == b"[":
                self._list(owner, name, start, stack, closers)
                return
        self._value(owner, name, opening, start, stack, closers)

    def _value(
        self,
        owner: Message,
        name: str,
        token: bytes,
        start: int,
        stack: list[Message],
        closers: list[bytes],
    ) -> None:
        if token in (b"{", b"<"):
            self._open(owner, name, b"}" if token == b"{" else b">", start, stack, closers)
        else:
            owner.add(name, self._scalar(token), start)

    def _open(
        self,
        owner: Message,
        name: str,
        closer: bytes,
        start: int,
        stack: list[Message],
        closers: list[bytes],
    ) -> None:
        if len(stack) > _DEPTH:
            raise self.origin.error(start, f"{_DEPTH} nested messages", "fewer")
        kind = (field_names(owner.kind) or {}).get(name, "?")
        message = Message(kind, self.origin, start)
        owner.add(name, message, start)
        stack.append(message)
        closers.append(closer)

    def _list(
        self,
        owner: Message,
        name: str,
        start: int,
        stack: list[Message],
        closers: list[bytes],
    ) -> None:
        token = self._next()
        room = self.left if owner.kind == "BlobProto" else _VALUES
        while token != b"]":
            room -= 1
            if room < 0:
                raise self._error(token, f"at most {_VALUES:,} values in one list")
            if token in (b"{", b"<"):
                raise self._error(token, f"one {name} {{ }} after the other, not a list of them")
            owner.add(name, self._scalar(token), start)
            token = self._next()
            if token == b",":
                token = self._next()
                if token == b"]":
                    raise self._error(token, "a value after the comma")
            elif token != b"]":
                raise self._error(token, "',' or ']'")
            self._count(owner, name, start)

    def _scalar(self, token: bytes) -> str:
        if token[:1] in (b'"', b"'"):
            parts = [self._unquoted(token)]
            while self.data[self._peek() : self._peek() + 1] in (b'"', b"'"):
                parts.append(self._unquoted(self._next()))
                if len(parts) > _PIECES:
                    raise self._error(b"", f"at most {_PIECES} pieces of one text")
            return self._decoded(b"".join(parts))
        if not token or token in b"{}<>:;,[]":
            raise self._error(token, "a value")
        if len(token) > self.limits.max_name:
            raise self._error(token[:40], f"at most {self.limits.max_name} characters")
        return Word(token.decode("ascii"))

    def _unquoted(self, token: bytes) -> bytes:
        return _ESCAPE.sub(_unescape, token[1:-1]) if b"\\" in token else token[1:-1]

    def _decoded(self, text: bytes) -> str:
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as error:
            found = f"text that is not UTF-8 ({error.reason})"
            raise self.origin.error(self.start, found, "UTF-8") from error

    def _name(self, token: bytes) -> str:
        name = self.names.get(token)
        if name is None:
            if len(token) > self.limits.max_name or len(self.names) > _KEPT:
                raise self._error(token[:40], "a field that Caffe knows")
            name = self.names[token] = token.decode("ascii")
        return name

    def _count(self, owner: Message, name: str, start: int) -> None:
        """Bound the number of objects before they are made."""
        self.left -= 1
        if owner.kind == "NetParameter" and name in ("layer", "layers"):
            self.layers += 1
        if self.layers > self.limits.max_layers:
            found = f"more than {self.limits.max_layers:,} layers"
            raise self.origin.error(start, found, "fewer (Limits.max_layers)")
        if self.left < 0:
            found = f"more than {_FIELDS_PER_LAYER * self.limits.max_layers:,} fields"
            raise self.origin.error(start, found, "fewer (Limits.max_layers)")

    def _run(self, token: bytes) -> NDArray[np.float64] | None:
        """Read two or more numbers of the same field that follow each other."""
        match = _RUN[token].match(self.data, self.place)
        if match is None:
            return None
        text = match[0].replace(token, b"").translate(None, b":;,") + b" "
        if not _NUMBERS.fullmatch(text.lstrip()):
            return None
        self.place = match.end()
        return np.fromstring(text, np.float64, sep=" ")

    def _peek(self) -> int:
        match = _TOKEN.match(self.data, self.place)
        return match.start(1) if match else len(self.data)

    def _next(self) -> bytes:
        match = _TOKEN.match(self.data, self.place)
        if match is None:
            skipped = re.compile(rb"(?:[\s\0]++|#[^\n]*+)*+").match(self.data, self.place)
            self.start = skipped.end() if skipped else self.place
            raise self._error(self.data[self.start : self.start + 20], "a field or a value")
        self.start, self.place = match.span(1)
        return match[1]

    def _error(self, token: bytes, expected: str) -> FormatError:
        found = repr(token.decode("utf-8", "replace")) if token else "the end of the file"
        return self.origin.error(self.start, found, expected)


def _unescape(match: re.Match[bytes]) -> bytes:
    octal, code, letter = match.groups()
    if octal:
        return bytes([int(octal, 8) & 255])
    return bytes([int(code, 16)]) if code else _ESCAPES.get(letter, letter)
