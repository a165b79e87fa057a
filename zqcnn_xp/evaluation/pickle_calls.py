"""The few names that verification sets mention, as inert stand-ins: nothing is imported or called.

A pickle may name any function of any module and call it. Of real sets (bytes under Python 2's
protocol, JPEGs in NumPy arrays) these names are known, and what their calls would make can be said
without making the calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

__all__ = ["Array", "Dtype", "Name", "Refused", "build", "called", "known"]

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_NAMES = {
    ("_codecs", "encode"): "encode",
    ("builtins", "bytearray"): "bytearray",
    ("__builtin__", "bytearray"): "bytearray",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    **{(module, "_reconstruct"): "reconstruct" for module in _MULTIARRAY},
    **{(module, "scalar"): "scalar" for module in _MULTIARRAY},
    **{(module, "_frombuffer"): "frombuffer" for module in _NUMERIC},
}
_DTYPES = ("u1", "b1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")
_ORDERS = ("<", ">", "|")
_MOST_DIMENSIONS = 8


class Refused(ValueError):  # noqa: N818 - reads as what it is
    """A call or a state that no verification set holds; the message is what was found."""


@dataclass(frozen=True)
class Name:
    """A name that is known; it stands for itself and does nothing."""

    kind: str


@dataclass
class Dtype:
    """The type of an array's elements: ``"u1"``, ``"b1"`` or another integer, and its order."""

    kind: str
    order: str = "|"


@dataclass
class Array:
    """An array of bytes, truth values or integers, as its shape and its bytes.

    ``kind`` is NumPy's code of the elements, with the order of bytes where there are several:
    ``"u1"``, ``"<i8"``.
    """

    kind: str = ""
    shape: tuple[int, ...] = ()
    data: bytes = b""


def known(module: Any, name: Any) -> Name:
    """Return the stand-in of a global name.

    Raises
    ------
    Refused
        For every name but the dozen of real sets.

    Examples
    --------
    >>> known("_codecs", "encode")
    Name(kind='encode')
    >>> known("os", "system")
    Traceback (most recent call last):
    zqcnn_xp.evaluation.pickle_calls.Refused: the name 'os.system'
    """
    if not isinstance(module, str) or not isinstance(name, str):
        raise Refused(f"a name of a {type(module).__name__} and a {type(name).__name__}")
    kind = _NAMES.get((module, name))
    if kind is None:
        raise Refused(f"the name {f'{module}.{name}'[:80]!r}")
    return Name(kind)


def called(function: Any, args: Any) -> Any:
    """Return what a call would have made: bytes, a `Dtype`, an `Array` or a number.

    Raises
    ------
    Refused
        If it is no call that real sets make.
    """
    kind = function.kind if isinstance(function, Name) else None
    if not isinstance(args, tuple):
        raise Refused(f"a call with a {type(args).__name__}")
    # Python 3 writes bytearrays as calls up to protocol 4, with text as for bytes up to 2.
    if kind == "bytearray" and len(args) == 1 and isinstance(args[0], bytes):
        return args[0]
    if kind in ("encode", "bytearray") and len(args) == 2 and isinstance(args[0], str):
        if args[1] not in ("latin1", "latin-1", b"latin-1"):
            raise Refused("an encoding other than latin1")
        try:
            return args[0].encode("latin-1")
        except UnicodeEncodeError:
            raise Refused("text that is no latin1") from None
    if kind == "dtype" and args and _text(args[0]) in _DTYPES:
        return Dtype(_text(args[0]))
    # _reconstruct(ndarray, (0,), b"b") makes an empty array whose state comes with BUILD.
    if kind == "reconstruct" and args and args[0] == Name("ndarray"):
        return Array()
    if kind == "frombuffer" and len(args) == 4:
        return _array(args[2], args[1], args[0])
    if kind == "scalar" and len(args) == 2:
        value = _array((), args[0], args[1])
        order: Any = "big" if value.kind[0] == ">" else "little"
        return int.from_bytes(value.data, order, signed="i" in value.kind)
    shown = kind or type(function).__name__
    raise Refused(f"a call of {shown} with {len(args)} arguments of other kinds")


def build(target: Any, state: Any) -> None:
    """Give an array or its element type the state that was written for it.

    Raises
    ------
    Refused
        If the target has no state, or another state than real sets give it.
    """
    if isinstance(target, Dtype) and isinstance(state, tuple) and 4 <= len(state) <= 9:
        order = _text(state[1])
        if order in _ORDERS and (order == "|") == (target.kind[1] == "1"):
            target.order = order
            return
    empty = isinstance(target, Array) and not target.kind
    if empty and isinstance(state, tuple) and len(state) == 5:
        made = _array(state[1], state[2], state[4])
        target.kind, target.shape, target.data = made.kind, made.shape, made.data
        return
    raise Refused(f"a state for a {type(target).__name__} of another kind")


def _text(value: Any) -> str:
    """Return a short text, which Python 2 wrote as bytes; anything else is none."""
    if isinstance(value, bytes) and len(value) <= 2:
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _array(shape: Any, dtype: Any, data: Any) -> Array:
    """Return an array whose shape is as large as its data."""
    # A product of millions of sizes would be a number of millions of digits.
    sizes = isinstance(shape, tuple) and len(shape) <= _MOST_DIMENSIONS
    sizes = sizes and all(type(size) is int and size >= 0 for size in shape)
    if not sizes or not isinstance(dtype, Dtype) or not isinstance(data, bytes):
        raise Refused("an array that is none of bytes, truth values or integers")
    if prod(shape) * int(dtype.kind[1]) != len(data):
        raise Refused(f"an array of shape {shape!r:.60} with {len(data)} bytes")
    return Array(dtype.kind if dtype.order == "|" else dtype.order + dtype.kind, shape, data)
