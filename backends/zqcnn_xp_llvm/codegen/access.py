"""How a kernel is called, and how a checked one compares accesses with the bounds it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

__all__ = [
    "CHECKED_WORDS",
    "INTEGERS",
    "LIMITS",
    "POINTERS",
    "REPORT",
    "SPARE",
    "Access",
    "checking_function",
]

POINTERS = 6
INTEGERS = 18
# Behind these a checked kernel finds the bounds of each pointer (first byte, and the one behind
# the last), two words to report to, and a vector of spare memory that what lies outside of a
# buffer is led to. The report is 0, or the kind of the first access outside, and its address.
LIMITS = POINTERS + INTEGERS
REPORT = LIMITS + 2 * POINTERS
SPARE = REPORT + 2
CHECKED_WORDS = SPARE + 8

_I64 = ir.IntType(64)


@dataclass(frozen=True)
class Access:
    """One access to memory, as a checked kernel reports it.

    Parameters
    ----------
    pointer
        Number of the kernel's pointer.
    size
        Bytes.
    store
        Written, not read.

    Examples
    --------
    >>> access = Access(2, 64, store=True)
    >>> Access.decode(access.code) == access
    True
    """

    pointer: int
    size: int
    store: bool

    @property
    def code(self) -> int:
        """All of it as a number that is not 0."""
        return self.size << 16 | self.store << 8 | self.pointer

    @classmethod
    def decode(cls, code: int) -> Access:
        """Return what a number stands for."""
        return cls(code & 0xFF, code >> 16, bool(code >> 8 & 1))


def checking_function(module: Any) -> Any:
    """Return ``i64 within(i64 *args, i64 place, i64 access)``, written once a module.

    It gives the place back, or spare memory where the access lies outside of its buffer. A
    function of its own, as kernels have thousands of accesses and compile in a tenth of the time.
    """
    found = module.globals.get("within")
    if found is not None:
        return found
    table = _I64.as_pointer()
    function = ir.Function(module, ir.FunctionType(_I64, [table, _I64, _I64]), "within")
    function.linkage = "internal"
    function.attributes.add("noinline")
    args, place, access = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))

    def const(value: int) -> Any:
        return ir.Constant(_I64, value)

    number = b.shl(b.and_(access, const(0xFF)), const(1))
    limits = b.gep(args, [b.add(number, const(LIMITS))])
    low, high = b.load(limits), b.load(b.gep(limits, [const(1)]))
    last = b.sub(high, b.lshr(access, const(16)))
    early, late = b.icmp_signed("<", place, low), b.icmp_signed(">", place, last)
    with b.if_then(b.or_(early, late), likely=False):
        report = b.gep(args, [const(REPORT)])
        with b.if_then(b.icmp_signed("==", b.load(report), const(0))):
            b.store(access, report)
            b.store(place, b.gep(report, [const(1)]))
        b.ret(b.ptrtoint(b.gep(args, [const(SPARE)]), _I64))
    b.ret(place)
    return function
