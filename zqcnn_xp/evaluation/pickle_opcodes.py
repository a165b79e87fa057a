"""Pickled plain data read by a reader of its own: no import, no call, no memory beyond the file's.

`pickle` runs what a file says, and a restricted unpickler still takes gigabytes: nine bytes are
enough for a memo of 2^28 places. Here only the opcodes that lists of bytes and truth values need
are known (protocols 0 to 5, Python 2 and 3), each length is held against the bytes that are left,
and each place in the memo against the number of opcodes. Opcodes: Python's `pickletools`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any

from zqcnn_xp.evaluation.pickle_calls import Refused, build, called, known
from zqcnn_xp.evaluation.pickle_machine import Machine

__all__ = ["MAX_OPCODES", "read_pickle"]

MAX_OPCODES = 4_000_000
"""Opcodes of one file, each of which may become an object; the largest sets have 300,000."""
_LONGEST_NAME = 64
_ESCAPES = re.compile(rb"""\\(?:x[0-9a-fA-F]{2}|[\\'"nrt])""")


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
    machine = Machine(file, data)
    while True:
        machine.opcode = machine.at
        code = machine.take(1, "an opcode")[0]
        if code == _STOP:
            break
        machine.count += 1
        if machine.count > MAX_OPCODES:
            raise machine.error(f"over {MAX_OPCODES:,} opcodes", "fewer")
        act = _OPCODES.get(code)
        if act is None:
            found = f"the pickle opcode {chr(code)!r} (0x{code:02x})"
            raise machine.error(found, "one that images and labels need")
        try:
            act(machine)
        except Refused as refused:
            raise machine.error(str(refused), "images and labels") from None
    value = machine.pop()
    if machine.stack or machine.marks:
        raise machine.error("values left over at the end", "one")
    if machine.at != len(data):
        raise machine.error(f"{len(data) - machine.at:,} bytes after the end", "none")
    return value


def _proto(m: Machine) -> None:
    version = m.number(1)
    if version > 5:
        raise m.error(f"pickle protocol {version}", "0 to 5")


def _frame(m: Machine) -> None:
    size, left = m.number(8), len(m.data) - m.at
    if size > left:
        raise m.error(f"a frame of {size:,} bytes", f"at most {left:,}")


def _int_line(m: Machine) -> None:
    line = m.line(12)
    if line in (b"00", b"01"):  # how protocols 0 and 1 write truth values
        m.stack.append(line == b"01")
        return
    if not line.removeprefix(b"-").isdigit():
        raise m.error(f"the argument {line!r}", "an integer")
    m.stack.append(int(line))


def _long_line(m: Machine) -> None:
    line = m.line(12)
    if not line.removeprefix(b"-").removesuffix(b"L").isdigit():
        raise m.error(f"the argument {line!r}", "an integer")
    m.stack.append(int(line.removesuffix(b"L")))


def _quoted(m: Machine) -> None:
    """Read a string as Python 2's protocol 0 has it: quoted, with escapes, in one line."""
    line = m.line()
    inner = line[1:-1]
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
        raise m.error("a string without quotes", "one with them")
    # Others would make the decoder warn; no pickler writes them.
    if b"\\" in _ESCAPES.sub(b"", inner):
        raise m.error("a string with an unknown escape", "one as Python 2 writes it")
    # The function itself: a codec's name would import its module.
    m.stack.append(codecs.escape_decode(inner)[0])


def _name(m: Machine) -> None:
    parts = [m.text(m.line(_LONGEST_NAME)) for _ in range(2)]
    m.stack.append(known(*parts))


def _reduce(m: Machine) -> None:
    function, args = m.popped(2)
    made = called(function, args)
    if isinstance(made, bytes) and made is not args[0]:
        # One text may be encoded again and again, which no picklers do.
        m.encoded += len(made)
        if m.encoded > len(m.data):
            raise m.error(f"{m.encoded:,} encoded bytes", f"at most {len(m.data):,}")
    m.stack.append(made)


def _build(m: Machine) -> None:
    target, state = m.popped(2)
    build(target, state)
    m.stack.append(target)


def _value(value: Any) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(value)


def _integer(size: int, *, signed: bool = False) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(m.number(size, signed=signed))


def _bytes(size: int) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(m.take(m.number(size), "a byte string"))


def _text(size: int) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(m.text(m.take(m.number(size), "a text")))


def _tuple(count: int) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(tuple(m.popped(count)))


_STOP = ord(".")
_OPCODES: dict[int, Callable[[Machine], None]] = {
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
    ord("L"): _long_line,
    0x8A: lambda m: m.stack.append(m.number(m.number(1), signed=True)),
    # Python 2's strings are bytes. Their lengths are signed there, and never negative.
    ord("S"): _quoted,
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
