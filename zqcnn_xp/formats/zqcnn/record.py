"""One line of a .zqparams file: its keys in order, and typed access that names the line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zqcnn_xp.errors import FormatError

__all__ = ["Record"]

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?f?")
_INT_MAX = (1 << 31) - 1


@dataclass(frozen=True)
class Record:
    """One line: a layer type and its keys in order.

    Parameters
    ----------
    file, line
        Where it stands; lines count from 1, comments included.
    kind
        The type as ZQCNN spells it.
    fields
        (key in lower case, value or None where the key stands alone), in order.
    """

    file: str
    line: int
    kind: str
    fields: tuple[tuple[str, str | None], ...]

    @property
    def where(self) -> str:
        """Place in words: ``"line 12"``."""
        return f"line {self.line}"

    def error(self, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the line."""
        return FormatError(self.file, self.where, found, expected)

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.text("name")

    @property
    def bottoms(self) -> tuple[str, ...]:
        """Names of the blobs it reads."""
        return self._names("bottom")

    @property
    def tops(self) -> tuple[str, ...]:
        """Names of the blobs it writes."""
        return self._names("top")

    def has(self, *keys: str) -> bool:
        """Say whether any of the keys stands in the line."""
        return any(key in keys for key, _ in self.fields)

    def text(self, key: str, default: str | None = None) -> str:
        """Return the last value of a key."""
        values = [value for k, value in self.fields if k == key]
        if not values:
            if default is None:
                raise self.error(f"{self.kind} without {key!r}", f"{key}=<value>")
            return default
        if values[-1] is None:
            raise self.error(f"{key!r} without a value", f"{key}=<value>")
        return values[-1]

    def integer(self, key: str, default: int | None = None, low: int = 0) -> int:
        """Return the last value of a key as a whole number of at least ``low``."""
        text = self.text(key, None if default is None else str(default))
        return self.as_integer(key, text, low)

    def as_integer(self, key: str, text: str | None, low: int = 0) -> int:
        """Read a whole number; ``24.000000`` is one, as converters write it."""
        if text is None or not _INTEGER.fullmatch(text):
            raise self.error(f"{key}={text or ''}", "a whole number")
        value = int(text.partition(".")[0])
        if not low <= value <= _INT_MAX:
            raise self.error(f"{key}={text}", f"a whole number from {low} to {_INT_MAX}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return the last value of a key as a finite number."""
        text = self.text(key, None if default is None else repr(default))
        return self.as_number(key, text)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Return all values of a repeated key as numbers."""
        return tuple(self.as_number(k, value) for k, value in self.fields if k == key)

    def integers(self, key: str, low: int = -_INT_MAX) -> tuple[int, ...]:
        """Return all values of a repeated key as whole numbers."""
        return tuple(self.as_integer(k, value, low) for k, value in self.fields if k == key)

    def switch(self, key: str, default: bool = False) -> bool:
        """Return a switch: present alone is true, else zero is false."""
        values = [value for k, value in self.fields if k == key]
        if not values:
            return default
        return values[-1] is None or self.as_integer(key, values[-1], low=-_INT_MAX) != 0

    def as_number(self, key: str, text: str | None) -> float:
        """Read a finite number."""
        if text is None or not _NUMBER.fullmatch(text):
            raise self.error(f"{key}={text or ''}", "a number")
        return float(text.rstrip("f"))

    def _names(self, key: str) -> tuple[str, ...]:
        values = tuple(value for k, value in self.fields if k == key)
        if None in values:
            raise self.error(f"{key!r} without a value", f"{key}=<blob>")
        return tuple(value for value in values if value is not None)
