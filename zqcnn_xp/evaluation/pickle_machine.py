"""The machine that pickles are programs for, with bounds: a stack, marks and a memo, no more."""

from __future__ import annotations

import codecs
from typing import Any

from zqcnn_xp.errors import DatasetError

__all__ = ["Machine"]


class Machine:
    """The stack, the marks and the memo of one file; values are inert.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file.

    Attributes
    ----------
    opcode : int
        Where the opcode that is carried out begins, for messages.
    count : int
        Opcodes so far.
    encoded : int
        Bytes that calls have made so far.
    """

    def __init__(self, file: str, data: bytes) -> None:
        self.file = file
        self.data = data
        self.at = 0
        self.opcode = 0
        self.count = 0
        self.encoded = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def error(self, found: str, expected: str) -> DatasetError:
        """Return an error at the opcode."""
        return DatasetError(self.file, f"byte {self.opcode}", found, expected)

    def take(self, size: int, what: str) -> bytes:
        """Read so many bytes, which must be there."""
        left = len(self.data) - self.at
        if size > left:
            raise self.error(f"{left:,} bytes at the end", f"the {size:,} of {what}")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int, *, signed: bool = False) -> int:
        """Read an integer of so many bytes."""
        return int.from_bytes(self.take(size, "a number"), "little", signed=signed)

    def line(self, longest: int | None = None) -> bytes:
        """Read to the end of the line, as protocol 0 has its arguments."""
        stop = len(self.data) if longest is None else min(len(self.data), self.at + longest + 1)
        end = self.data.find(b"\n", self.at, stop)
        if end < 0:
            raise self.error("an argument without an end", "a line")
        found = self.data[self.at : end]
        self.at = end + 1
        return found

    def pop(self) -> Any:
        """Pop one value; what lies below a mark is not to be had."""
        floor = self.marks[-1] if self.marks else 0
        if len(self.stack) <= floor:
            raise self.error("an empty stack", "a value")
        return self.stack.pop()

    def popped(self, count: int) -> list[Any]:
        """Pop so many values, in the order in which they came."""
        return [self.pop() for _ in range(count)][::-1]

    def since_mark(self) -> list[Any]:
        """Pop all values since the last mark."""
        if not self.marks:
            raise self.error("no mark", "one")
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def extend(self, values: list[Any]) -> None:
        """Append values to the list on top of the stack."""
        target = self.pop()
        if not isinstance(target, list):
            raise self.error(f"values for a {type(target).__name__}", "a list")
        target.extend(values)
        self.stack.append(target)

    def put(self, place: int) -> None:
        """Keep the value on top of the stack under a number."""
        # Picklers count on from 0 or 1: a larger place is a lie about what came before.
        if not 0 <= place <= self.count:
            raise self.error(f"the place {place} in the memo", f"at most {self.count}")
        value = self.pop()
        self.stack.append(value)
        self.memo[place] = value

    def get(self, place: int) -> None:
        """Push what was kept under a number."""
        if place not in self.memo:
            raise self.error(f"the place {place} of the memo", "one that was filled")
        self.stack.append(self.memo[place])

    def text_number(self) -> int:
        """Read a line that is a number of at least 0."""
        line = self.line(10)
        if not line.isdigit():
            raise self.error(f"the argument {line!r}", "an integer of at least 0")
        return int(line)

    def text(self, data: bytes, *, escaped: bool = False) -> str:
        """Decode text."""
        try:
            # The function itself: a codec's name would import its module.
            return codecs.raw_unicode_escape_decode(data)[0] if escaped else data.decode("utf-8")
        except UnicodeDecodeError:
            raise self.error("damaged text", "UTF-8") from None
