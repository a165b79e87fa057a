"""One line of a .param file: typed access to the numbers behind its keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from zqcnn_xp.errors import FormatError

__all__ = ["ABSENT", "Record"]

ABSENT = -233
"""ncnn's number for "not given" in sizes, and for TensorFlow's SAME rule in pads."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,60}\.?[0-9]{0,60}|\.[0-9]{1,60})([eE][+-]?[0-9]{1,3})?")
_LIMIT = 1 << 31


@dataclass(frozen=True)
class Record:
    """One layer.

    Parameters
    ----------
    file, line
        Where it stands; lines count from 1.
    kind, name
        Type and name.
    bottoms, tops
        Blobs that it reads and writes.
    values, arrays
        Texts by key: ``3=2`` and ``-23303=2,0,1`` (whose key is 3 too).
    """

    file: str
    line: int
    kind: str
    name: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    values: Mapping[int, str] = field(default_factory=dict)
    arrays: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def error(self, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the line."""
        where = f"line {self.line} ({self.kind} {self.name!r})"
        return FormatError(self.file, where, found, expected)

    def integer(self, key: int, default: int = 0, low: int = -_LIMIT) -> int:
        """Return a whole number of at least ``low``, refused if absent and the default is less."""
        if key not in self.values:
            if default < low:
                raise self.error(f"no {key}=", f"{key}= a whole number of at least {low}")
            return default
        return self._integer(key, self.values[key], low)

    def number(self, key: int, default: float = 0.0) -> float:
        """Return a finite number."""
        return self._number(key, self.values[key]) if key in self.values else default

    def switch(self, key: int, default: bool = False) -> bool:
        """Return a truth value."""
        return self.integer(key, int(default)) != 0

    def integers(self, key: int) -> tuple[int, ...]:
        """Return the whole numbers of an array."""
        return tuple(self._integer(key, text, -_LIMIT) for text in self.arrays.get(key, ()))

    def numbers(self, key: int) -> tuple[float, ...]:
        """Return the numbers of an array."""
        return tuple(self._number(key, text) for text in self.arrays.get(key, ()))

    def _integer(self, key: int, text: str, low: int) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) < _LIMIT:
            expected = f"a whole number from {low} to {_LIMIT - 1}"
            raise self.error(f"{key}={text[:64]}", expected)
        return int(text)

    def _number(self, key: int, text: str) -> float:
        if not _NUMBER.fullmatch(text) or abs(float(text)) > 3.5e38:
            raise self.error(f"{key}={text[:64]}", "a finite number")
        if _INTEGER.fullmatch(text) and int(text):
            # ncnn would take the integer's bits as those of a float.
            raise self.error(f"{key}={text[:64]}", f"a number with a point: {key}={text[:64]}.0")
        return float(text)
