"""One node of a symbol file: typed access to attributes that the file holds as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from zqcnn_xp.errors import FormatError

__all__ = ["Record", "Symbol"]

_INTEGER = re.compile(r"\s*([+-]?[0-9]{1,19})L?\s*")
_NUMBER = re.compile(r"\s*[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?\s*")
_LIMIT = 1 << 31
_MOST_ITEMS = 64


@dataclass(frozen=True)
class Record:
    """One node.

    Parameters
    ----------
    file
        Name of the symbol file.
    line
        Index of the node.
    kind
        Name of its operator, ``"null"`` for a variable.
    name
        Its name, unique in the file.
    attributes
        Texts by name.
    inputs
        (node, output of that node) for each input.
    """

    file: str
    line: int
    kind: str
    name: str
    attributes: Mapping[str, str]
    inputs: tuple[tuple[int, int], ...]

    def error(self, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the node."""
        where = f"node {self.line} ({self.kind} {self.name!r})"
        return FormatError(self.file, where, found, expected)

    def has(self, key: str) -> bool:
        """Say whether the attribute is there and not ``None``."""
        return self.attributes.get(key, "None") not in ("None", "")

    def text(self, key: str, default: str) -> str:
        """Return an attribute."""
        return self.attributes[key] if self.has(key) else default

    def choice(self, key: str, default: str | None, options: tuple[str, ...]) -> str:
        """Return an attribute that is one of a few words."""
        word = self.text(key, default or "")
        if word not in options:
            raise self.error(f"{key}={word[:64]!r}", f"one of {', '.join(options)}")
        return word

    def integer(self, key: str, default: int | None = None, low: int = 0) -> int:
        """Return a whole number from ``low`` to 2^31 - 1."""
        if not self.has(key):
            if default is None:
                raise self.error(f"no {key!r}", f"{key}=<whole number>")
            return default
        return self._integer(key, self.attributes[key], low)

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite number."""
        if not self.has(key):
            if default is None:
                raise self.error(f"no {key!r}", f"{key}=<number>")
            return default
        if not _NUMBER.fullmatch(self.attributes[key]):
            raise self.error(f"{key}={self.attributes[key][:64]!r}", "a finite number")
        return float(self.attributes[key])

    def switch(self, key: str, default: bool = False) -> bool:
        """Return a truth value: ``True``, ``False``, ``1`` or ``0``."""
        if not self.has(key):
            return default
        word = self.attributes[key].strip().lower()
        if word not in ("true", "false", "1", "0"):
            raise self.error(f"{key}={word[:64]!r}", "True or False")
        return word in ("true", "1")

    def integers(self, key: str, default: tuple[int, ...] = (), low: int = 0) -> tuple[int, ...]:
        """Return the whole numbers of a tuple, or of one number."""
        return tuple(low if item is None else item for item in self.items(key, default, low))

    def items(
        self, key: str, default: tuple[int | None, ...] = (), low: int = -_LIMIT
    ) -> tuple[int | None, ...]:
        """Return the members of a tuple, whole numbers or ``None``."""
        if not self.has(key):
            return default
        text = self.attributes[key].strip()
        if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
            text = text[1:-1]
        words = [word.strip() for word in text.split(",")]
        if words[-1] == "":
            words.pop()
        if len(words) > _MOST_ITEMS:
            raise self.error(f"{len(words):,} numbers in {key!r}", f"at most {_MOST_ITEMS}")
        return tuple(None if w == "None" else self._integer(key, w, low) for w in words)

    def pair(self, key: str, default: int | None = None, low: int = 0) -> tuple[int, int]:
        """Return (height, width); an absent or empty one is the default twice."""
        found = self.integers(key, (), low)
        if not found and default is not None:
            return default, default
        if len(found) != 2:
            raise self.error(f"{len(found)} numbers in {key!r}", "2: networks of images only")
        return found[0], found[1]

    def _integer(self, key: str, text: str, low: int) -> int:
        match = _INTEGER.fullmatch(text)
        value = int(match[1]) if match else _LIMIT
        if not low <= value < _LIMIT:
            raise self.error(f"{key}={text[:64]!r}", f"whole numbers from {low} to {_LIMIT - 1}")
        return value


@dataclass(frozen=True)
class Symbol:
    """What a symbol file says.

    Parameters
    ----------
    file
        Its name.
    records
        All nodes, variables among them, each after the nodes it reads.
    heads
        (node, output) of each output.
    """

    file: str
    records: tuple[Record, ...]
    heads: tuple[tuple[int, int], ...]
