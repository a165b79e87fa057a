"""One section of a .cfg file: its options, and typed access that names the line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from zqcnn_xp.errors import FormatError

__all__ = ["Option", "Section"]

_INTEGER = re.compile(r"[+-]?[0-9]{1,10}(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?f?")
_INT_MAX = (1 << 31) - 1
_MOST_VALUES = 10_000


@dataclass(frozen=True)
class Option:
    """The text behind ``key=``, and its line."""

    text: str
    line: int


@dataclass(frozen=True, eq=False)
class Section:
    """A header ``[kind]`` and the options below it.

    Parameters
    ----------
    file, line
        Where the header stands; lines count from 1, comments included.
    kind
        The type in its long spelling and lower case: ``"convolutional"``.
    index
        Darknet's number of the layer, from 0; -1 for ``[net]``, which is none.
    options
        Key to option; of a key that is given twice, the first.
    """

    file: str
    line: int
    kind: str
    index: int
    options: Mapping[str, Option] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the layer, and of the blob it writes: ``"convolutional_0"``."""
        return f"{self.kind}_{self.index}" if self.index >= 0 else self.kind

    def error(self, found: str, expected: str, key: str | None = None) -> FormatError:
        """Make (not raise) an error that names the line of an option, or of the header."""
        line = self.options[key].line if key is not None and key in self.options else self.line
        return FormatError(self.file, f"line {line}, [{self.kind}]", found, expected)

    def has(self, key: str) -> bool:
        """Say whether the option is there."""
        return key in self.options

    def text(self, key: str, default: str) -> str:
        """Return an option's text."""
        return self.options[key].text if key in self.options else default

    def integer(
        self, key: str, default: int | None = None, low: int = -_INT_MAX, high: int = _INT_MAX
    ) -> int:
        """Return an option as a whole number from ``low`` to ``high``."""
        if key not in self.options:
            if default is None:
                raise self.error(f"no {key!r}", f"{key}=<whole number>")
            return default
        return self._integer(key, self.options[key].text, low, high)

    def integers(self, key: str, low: int = -_INT_MAX, high: int = _INT_MAX) -> tuple[int, ...]:
        """Return an option as whole numbers between commas; one comma may end them."""
        return tuple(self._integer(key, text, low, high) for text in self._list(key))

    def number(self, key: str, default: float) -> float:
        """Return an option as a finite number."""
        return self._number(key, self.options[key].text) if key in self.options else default

    def numbers(self, key: str) -> tuple[float, ...]:
        """Return an option as numbers between commas; one comma may end them."""
        return tuple(self._number(key, text) for text in self._list(key))

    def _list(self, key: str) -> list[str]:
        if key not in self.options:
            raise self.error(f"no {key!r}", f"{key}=<numbers between commas>")
        parts = self.options[key].text.removesuffix(",").split(",", _MOST_VALUES)
        if len(parts) > _MOST_VALUES:
            found = f"more than {_MOST_VALUES:,} values of {key!r}"
            raise self.error(found, "fewer", key)
        return parts

    def _integer(self, key: str, text: str, low: int, high: int) -> int:
        if not _INTEGER.fullmatch(text):
            raise self.error(f"{key}={text[:64]}", "a whole number", key)
        value = int(text.partition(".")[0])
        if not low <= value <= high:
            raise self.error(f"{key}={text[:64]}", f"a whole number from {low} to {high}", key)
        return value

    def _number(self, key: str, text: str) -> float:
        if not _NUMBER.fullmatch(text):
            raise self.error(f"{key}={text[:64]}", "a number", key)
        return float(text.rstrip("f"))
