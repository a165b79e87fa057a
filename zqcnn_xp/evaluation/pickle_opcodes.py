"""Pickled plain data read by a reader of its own: no import, no call, no memory beyond the file's.

`pickle` runs what a file says, and a restricted unpickler still takes gigabytes: nine bytes are
enough for a memo of 2^28 places. Here only the opcodes that lists of bytes and truth values need
are known (protocols 0 to 5, Python 2 and 3), each length is held against the bytes that are left,
and each place in the memo against the number of opcodes. Opcodes: Python's `pickletools`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.pickle_calls import Refused, build, called, known

__all__ = ["MAX_OPCODES", "read_pickle"]

MAX_OPCODES = 4_000_000
"""Opcodes of one file, each of which may become an object; the largest sets have 300,000."""
_LONGEST_NAME = 64


def read_pickle(file: str, data: bytes) -> Any:
    r"""Return the plain data that a pickle holds.

    Parameters
    ----------
    file
        Name for messages.
    data
        The whole file.

    Returns
    -------
    Any
        ``None``, ``bool``, ``int``, ``bytes``, ``str``, lists and tuples of such, and
        `zqcnn_xp.evaluation.pickle_calls.Array`. Strings of Python 2 are ``bytes``.

    Raises
    ------
    DatasetError
        An opcode or a name that plain data does not need, or a damaged file; it names the byte.

    Examples
    --------
    >>> import pickle
    >>> read_pickle("a.bin", pickle.dumps(([b"one", b"two"], [True])))
    ([b'one', b'two'], [True])
    >>> read_pickle("a.bin", b"cos\nsystem\n(U\x04truetR.")
    Traceback (most recent call last):
    zqcnn_xp.errors.DatasetError: a.bin, byte 0: found the name 'os.system', ...
    """
    return _Machine(file, data).run()


class _Machine:
    """The stack, the marks and the memo of one file; values are inert."""

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
        return DatasetError(self.file, f"byte {self.opcode}", found, expected)

    def run(self) -> Any:
        while True:
            self.opcode = self.at
            code = self.take(1, "an opcode")[0]
            if code == _STOP:
                break
            self.count += 1
            if self.count > MAX_OPCODES:
                raise self.error(f"over {MAX_OPCODES:,} opcodes", "fewer")
            act = _OPCODES.get(code)
            if act is None:
                found = f"the pickle opcode {chr(code)!r} (0x{code:02x})"
                raise self.error(found, "one that images and labels need")
            try:
                act(self)
            except Refused as refused:
                raise self.error(str(refused), "images and labels") from None
        value = self.pop()
        if self.stack or self.marks:
            raise self.error("values left over at the end", "one")
        if self.at != len(self.data):
            raise self.error(f"{len(self.data) - self.at:,} bytes after the end", "none")
        return value

    def take(self, size: int, what: str) -> bytes:
        """Read so many bytes, which must be there."""
        left = len(self.data) - self.at
        if size > left:
            raise self.error(f"{left:,} bytes at the end", f"the {size:,} of {what}")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int, *, signed: bool = False) -> int:
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
        floor = self.marks[-1] if self.marks else 0
        if len(self.stack) <= floor:
            raise self.error("an empty stack", "a value")
        return self.stack.pop()

    def popped(self, count: int) -> list[Any]:
        """Pop so many values, in the order in which they came."""
        return [self.pop() for _ in range(count)][::-1]

    def since_mark(self) -> list[Any]:
        if not self.marks:
            raise self.error("no mark", "one")
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def extend(self, values: list[Any]) -> None:
        target = self.pop()
        if not isinstance(target, list):
            raise self.error(f"values for a {type(target).__name__}", "a list")
        target.extend(values)
        self.stack.append(target)

    def put(self, place: int) -> None:
        # Picklers count on from 0 or 1: a larger place is a lie about what came before.
        if not 0 <= place <= self.count:
            raise self.error(f"the place {place} in the memo", f"at most {self.count}")
        value = self.pop()
        self.stack.append(value)
        self.memo[place] = value

    def get(self, place: int) -> None:
        if place not in self.memo:
            raise self.error(f"the place {place} of the memo", "one that was filled")
        self.stack.append(self.memo[place])

    def text_number(self) -> int:
        line = self.line(10)
        if not line.isdigit():
            raise self.error(f"the argument {line!r}", "an integer of at least 0")
        return int(line)

    def text(self, data: bytes, *, escaped: bool = False) -> str:
        try:
            # The function itself: a codec's name would import its module.
            return codecs.raw_unicode_escape_decode(data)[0] if escaped else data.decode("utf-8")
        except UnicodeDecodeError:
            raise self.error("damaged text", "UTF-8") from None


def _proto(m: _Machine) -> None:
    version = m.number(1)
    if version > 5:
        raise m.error(f"pickle protocol {version}", "0 to 5")


def _frame(m: _Machine) -> None:
    size, left = m.number(8), len(m.data) - m.at
    if size > left:
        raise m.error(f"a frame of {size:,} bytes", f"at most {left:,}")


def _int_line(m: _Machine) -> None:
    line = m.line(12)
    if line in (b"00", b"01"):  # how protocols 0 and 1 write truth values
        m.stack.append(line == b"01")
        return
    if not line.removeprefix(b"-").isdigit():
        raise m.error(f"the argument {line!r}", "an integer")
    m.stack.append(int(line))


def _name(m: _Machine) -> None:
    parts = [m.text(m.line(_LONGEST_NAME)) for _ in range(2)]
    m.stack.append(known(*parts))


def _reduce(m: _Machine) -> None:
    function, args = m.popped(2)
    made = called(function, args)
    if isinstance(made, bytes):
        # One text may be encoded again and again, which no picklers do.
        m.encoded += len(made)
        if m.encoded > len(m.data):
            raise m.error(f"{m.encoded:,} encoded bytes", f"at most {len(m.data):,}")
    m.stack.append(made)


def _build(m: _Machine) -> None:
    target, state = m.popped(2)
    build(target, state)
    m.stack.append(target)


def _value(value: Any) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(value)


def _integer(size: int, *, signed: bool = False) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(m.number(size, signed=signed))


def _bytes(size: int) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(m.take(m.number(size), "a byte string"))


def _text(size: int) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(m.text(m.take(m.number(size), "a text")))


def _tuple(count: int) -> Callable[[_Machine], None]:
    return lambda m: m.stack.append(tuple(m.popped(count)))


_STOP = ord(".")
_OPCODES: dict[int, Callable[[_Machine], None]] = {
    0x80: _proto,
    0x95: _frame,
    ord("("): lambda m: m.marks.append(len(m.stack)),
    ord("N"): _value(None),
    0x88: _value(True),
    0x89: _value(False),
    ord("I"): _int_line,
    ord("J"): _integer(4, signed=True),
    ord("K"): _integer(1),
    ord("M"): _integer(2),
    # Python 2's strings are bytes. Their lengths are signed there, and never negative.
    ord("T"): _bytes(4),
    ord("U"): _bytes(1),
    ord("B"): _bytes(4),
    ord("C"): _bytes(1),
    0x8E: _bytes(8),
    0x96: _bytes(8),  # a bytearray
    ord("V"): lambda m: m.stack.append(m.text(m.line(), escaped=True)),
    ord("X"): _text(4),
    0x8C: _text(1),
    0x8D: _text(8),
    ord("]"): lambda m: m.stack.append([]),
    ord("l"): lambda m: m.stack.append(m.since_mark()),
    ord("a"): lambda m: m.extend([m.pop()]),
    ord("e"): lambda m: m.extend(m.since_mark()),
    ord(")"): lambda m: m.stack.append(()),
    ord("t"): lambda m: m.stack.append(tuple(m.since_mark())),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("p"): lambda m: m.put(m.text_number()),
    ord("q"): lambda m: m.put(m.number(1)),
    ord("r"): lambda m: m.put(m.number(4)),
    0x94: lambda m: m.put(len(m.memo)),
    ord("g"): lambda m: m.get(m.text_number()),
    ord("h"): lambda m: m.get(m.number(1)),
    ord("j"): lambda m: m.get(m.number(4)),
    ord("c"): _name,
    0x93: lambda m: m.stack.append(known(*m.popped(2))),
    ord("R"): _reduce,
    ord("b"): _build,
}
