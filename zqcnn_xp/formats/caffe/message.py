"""A protobuf message without meaning: fields in order, and typed access that names the place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.caffe.schema import field_names

__all__ = ["Field", "Message", "Origin", "Word"]

_INT_MAX = (1 << 31) - 1
_FLOAT_MAX = float(np.finfo(np.float32).max)
_INTEGER = re.compile(r"[+-]?(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})")
_NUMBER = re.compile(
    r"[+-]?(inf(inity)?|nan|([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,4})?f?)",
    re.IGNORECASE,
)
_SWITCHES = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Word(str):
    """A bare word of a text file: a number or the name of a choice; quoted text is ``str``."""

    __slots__ = ()


class Origin:
    """The file of a message: turns positions into words.

    Parameters
    ----------
    file
        Its name.
    text
        The bytes of a text file, whose positions are lines; None counts bytes.
    """

    def __init__(self, file: str, text: bytes | None = None) -> None:
        self.file = file
        self._text = text
        self._ends: list[int] | None = None

    def line(self, position: int) -> int:
        """Return the line of a position, from 1; 0 in a binary file."""
        if self._text is None:
            return 0
        if self._ends is None:
            codes = np.frombuffer(self._text, np.uint8)
            self._ends = np.flatnonzero(codes == ord("\n")).tolist()
        return bisect_right(self._ends, position - 1) + 1

    def where(self, position: int) -> str:
        """Return the place in words."""
        return f"byte {position}" if self._text is None else f"line {self.line(position)}"

    def error(self, position: int, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the place."""
        return FormatError(self.file, self.where(position), found, expected)


class Field(NamedTuple):
    """One field: its name, value and position.

    Values are `Message`, `Word` or ``str`` of a text file, ``str``, ``int``, ``float`` of a
    binary one, arrays for runs of numbers, ``memoryview`` for what is not read.
    """

    name: str
    value: Any
    position: int


class Message:
    """Fields in the order of the file.

    Parameters
    ----------
    kind
        Its type's name, or ``"?"``.
    origin, position
        Where it stands.
    fields
        What it holds.
    """

    __slots__ = ("_flat", "kind", "origin", "position")

    def __init__(
        self, kind: str, origin: Origin, position: int, fields: Iterable[Field] = ()
    ) -> None:
        self.kind = kind
        self.origin = origin
        self.position = position
        # Name, value and position of each field after the other: one object a message, where
        # files make hundreds of thousands.
        self._flat: list[Any] = [part for field in fields for part in field]

    def add(self, name: str, value: Any, position: int) -> None:
        """Append a field."""
        self._flat += (name, value, position)

    @property
    def fields(self) -> list[Field]:
        """All fields."""
        flat = self._flat
        return [Field(*flat[k : k + 3]) for k in range(0, len(flat), 3)]

    @property
    def where(self) -> str:
        """Place in words: ``"line 12"``."""
        return self.origin.where(self.position)

    def error(self, found: str, expected: str, at: Field | None = None) -> FormatError:
        """Make (not raise) an error that names this message, or one of its fields."""
        return self.origin.error(self.position if at is None else at.position, found, expected)

    def all(self, name: str) -> list[Field]:
        """Return every field of a name."""
        flat = self._flat
        return [Field(*flat[k : k + 3]) for k in range(0, len(flat), 3) if flat[k] == name]

    def has(self, *names: str) -> bool:
        """Say whether there is a field of one of these names."""
        return any(name in names for name in self._flat[::3])

    def last(self, name: str) -> Field | None:
        """Return the last field of a name, which is the one that counts."""
        found = self.all(name)
        return found[-1] if found else None

    def messages(self, name: str) -> list[Message]:
        """Return every message of a name."""
        return [self._as_message(field) for field in self.all(name)]

    def message(self, name: str) -> Message:
        """Return the message of a name; several are merged, none is an empty one."""
        found = self.messages(name)
        if len(found) == 1:
            return found[0]
        kind = (field_names(self.kind) or {}).get(name, "?")
        fields = [field for part in found for field in part.fields]
        return Message(kind, self.origin, found[0].position if found else self.position, fields)

    def text(self, name: str, default: str = "") -> str:
        """Return text."""
        field = self.last(name)
        return default if field is None else self._as_text(field)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all texts of a repeated field."""
        return tuple(self._as_text(field) for field in self.all(name))

    def integer(self, name: str, default: int, low: int = -_INT_MAX, high: int = _INT_MAX) -> int:
        """Return a whole number within bounds."""
        field = self.last(name)
        if field is None:
            return default
        if isinstance(field.value, np.ndarray):
            field = Field(name, int(field.value[-1]) if field.value.size else 0, field.position)
        return self._as_integer(field, low, high)

    def integers(self, name: str, low: int = -_INT_MAX, high: int = _INT_MAX) -> tuple[int, ...]:
        """Return all whole numbers of a repeated field."""
        found: list[int] = []
        for field in self.all(name):
            packed = field.value.tolist() if isinstance(field.value, np.ndarray) else [field.value]
            found += [self._as_integer(field._replace(value=v), low, high) for v in packed]
        return tuple(found)

    def number(self, name: str, default: float, finite: bool = True) -> float:
        """Return a number."""
        found = self.numbers(name, finite)
        return found[-1] if found else default

    def numbers(self, name: str, finite: bool = True) -> tuple[float, ...]:
        """Return all numbers of a repeated field."""
        found: list[float] = []
        for field in self.all(name):
            packed = field.value.tolist() if isinstance(field.value, np.ndarray) else [field.value]
            found += [self._as_number(field._replace(value=v), finite) for v in packed]
        return tuple(found)

    def switch(self, name: str, default: bool) -> bool:
        """Return a truth value."""
        field = self.last(name)
        if field is None:
            return default
        if isinstance(field.value, Word):
            found = _SWITCHES.get(field.value.lower())
            if found is not None:
                return found
        elif isinstance(field.value, int):
            return field.value != 0
        raise self.error(f"{name}: {_show(field.value)}", "true or false", field)

    def choice(self, name: str, choices: Mapping[str, int], default: str) -> str:
        """Return which of several named numbers is meant, by name."""
        field = self.last(name)
        if field is None:
            return default
        for word, number in choices.items():
            if field.value in (word, number) and not isinstance(field.value, float):
                return word
            if isinstance(field.value, Word) and field.value == str(number):
                return word
        expected = f"one of {', '.join(choices)}"
        raise self.error(f"{name}: {_show(field.value)}", expected, field)

    def _as_message(self, field: Field) -> Message:
        if not isinstance(field.value, Message):
            raise self.error(f"{field.name}: {_show(field.value)}", f"{field.name} {{ }}", field)
        return field.value

    def _as_text(self, field: Field) -> str:
        if not isinstance(field.value, str) or isinstance(field.value, Word):
            found = f"{field.name}: {_show(field.value)}"
            raise self.error(found, f'text in quotes, {field.name}: "..."', field)
        return field.value

    def _as_integer(self, field: Field, low: int, high: int) -> int:
        value = field.value
        if isinstance(value, Word) and _INTEGER.fullmatch(value):
            value = int(value, 16) if "x" in value.lower() else int(value)
        if type(value) is not int:
            raise self.error(f"{field.name}: {_show(value)}", "a whole number", field)
        if not low <= value <= high:
            expected = f"a whole number from {low} to {high}"
            raise self.error(f"{field.name}: {value}", expected, field)
        return value

    def _as_number(self, field: Field, finite: bool) -> float:
        value = field.value
        if isinstance(value, Word) and _NUMBER.fullmatch(value):
            word = value.lower()
            value = float(word if "in" in word or "nan" in word else word.rstrip("f"))
        if isinstance(value, Message) or type(value) not in (int, float):
            raise self.error(f"{field.name}: {_show(value)}", "a number", field)
        if not finite:
            return float(value)
        if not abs(value) <= _FLOAT_MAX:
            raise self.error(f"{field.name}: {value}", "a finite number", field)
        # Caffe keeps float32; its shortest decimal is the same from text and binary files.
        return float(str(np.float32(value)))


def _show(value: Any) -> str:
    if isinstance(value, Message):
        return "{ ... }"
    text = value if isinstance(value, Word) else repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
