"""A small assembler for kernels: addresses, vectors and loops of one LLVM function.

Every kernel is ``void kernel(i64 *args)``: addresses, then sizes and strides
in bytes. Vectors and registers are explicit; LLVM only allocates and schedules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from llvmlite import ir

from zqcnn_xp_llvm.codegen.access import LIMITS, POINTERS, Access, checking_function
from zqcnn_xp_llvm.target import Target

__all__ = ["Address", "Emitter", "Loop", "Value"]

Value = Any  # an llvmlite value; llvmlite has no types of its own

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
_FLOAT = ir.FloatType()
_POINTER = ir.IntType(8).as_pointer()


@dataclass(frozen=True)
class Address:
    """A place in memory: a run-time address and a constant behind it.

    Parameters
    ----------
    pointer
        Number of the kernel's pointer that it was made from; its bounds apply.
    value
        Run-time part, an i64.
    offset
        Constant part in bytes.
    """

    pointer: int
    value: Value
    offset: int = 0


@dataclass
class Loop:
    """One loop while its body is being written.

    Parameters
    ----------
    index
        The counter, an i64 (or a Python int where the loop runs once).
    values
        Values carried from turn to turn, at the start of this one.
    results
        What the body leaves for the next turn; afterwards, what the last turn left.
    """

    index: Value
    values: list[Value]
    results: list[Value] = field(default_factory=list)


class Emitter:
    """Write one kernel.

    Parameters
    ----------
    module
        The LLVM module that the function belongs to.
    name
        Of the function.
    target
        The processor: gives the number of lanes.
    checked
        Compare every access with the bounds of its pointer, and report instead of touching
        what lies outside.
    """

    def __init__(self, module: Any, name: str, target: Target, *, checked: bool = False) -> None:
        self.module = module
        self.target = target
        self.checked = checked
        self.lanes = target.lanes
        self.vector = ir.VectorType(_FLOAT, self.lanes)
        self.words = ir.VectorType(_I32, self.lanes)
        kind = ir.FunctionType(ir.VoidType(), [_I64.as_pointer()])
        self.function = ir.Function(module, kind, name)
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self._args = self.function.args[0]
        # Read once, ahead of all stores: LLVM cannot know that results never overlap arguments.
        self._given = [
            self.b.load(self.b.gep(self._args, [self.i64(place)])) for place in range(LIMITS)
        ]

        # What was read since the last store, and bases of addresses, in the block ``_block``: each
        # is written once, so that LLVM has less to read and to clean up.
        self._block: Any = None
        self._read: dict[tuple[Any, ...], Value] = {}
        self._bases: dict[Value, Value] = {}

    def finish(self) -> None:
        """End the function."""
        self.b.ret_void()

    # Arguments and integers.

    def pointer(self, number: int) -> Address:
        """Return an address argument."""
        return Address(number, self._given[number])

    def integer(self, number: int) -> Value:
        """Return a size or stride argument, an i64."""
        return self._given[POINTERS + number]

    @staticmethod
    def i64(value: Any) -> Value:
        """Return a constant of 64 bits, or the value itself."""
        return ir.Constant(_I64, value) if isinstance(value, int) else value

    def add(self, a: Any, b: Any) -> Any:
        """Add integers, at generation time where both are known."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(a, int) and a == 0:
            return b
        if isinstance(b, int) and b == 0:
            return a
        return self.b.add(self.i64(a), self.i64(b))

    def mul(self, a: Any, b: Any) -> Any:
        """Multiply integers, at generation time where both are known."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if 0 in (x for x in (a, b) if isinstance(x, int)):
            return 0
        return self.b.mul(self.i64(a), self.i64(b))

    def least(self, a: Any, b: Any) -> Value:
        """Return the smaller of two integers."""
        a, b = self.i64(a), self.i64(b)
        return self.b.select(self.b.icmp_signed("<", a, b), a, b)

    def at(self, address: Address, *terms: Any) -> Address:
        """Return an address moved by bytes, constants or run-time values."""
        for term in terms:
            if isinstance(term, int):
                address = replace(address, offset=address.offset + term)
            else:
                address = replace(address, value=self.b.add(address.value, term))
        return address

    # Memory.

    def load(self, address: Address) -> Value:
        """Load a vector; no alignment is needed."""
        return self._once("load", address, self._load)

    def _load(self, address: Address) -> Value:
        found = self.b.load(self._place(address, self.vector, self.lanes * 4))
        found.align = 4
        return found

    def _once(self, what: str, address: Address, read: Callable[[Address], Value]) -> Value:
        """Return what is read at an address, if nothing was stored since, from the last time."""
        self._enter()
        key = (what, address.value, address.offset)
        if self.checked or key not in self._read:
            self._read[key] = read(address)
        return self._read[key]

    def _enter(self) -> None:
        """Forget what another block has, which need not have run."""
        if self.b.block is not self._block:
            self._block = self.b.block
            self._read.clear()
            self._bases.clear()

    def store(self, value: Value, address: Address) -> None:
        """Store a vector."""
        done = self.b.store(value, self._place(address, self.vector, self.lanes * 4, store=True))
        done.align = 4

    def store_some(self, value: Value, address: Address, count: int) -> None:
        """Store the first ``count`` lanes, a number known at generation time."""
        if count >= self.lanes:
            self.store(value, address)
            return
        for lane in range(count):
            one = self.b.extract_element(value, ir.Constant(_I32, lane))
            self.store_scalar(one, self.at(address, 4 * lane))

    def load_scalar(self, address: Address) -> Value:
        """Load one float."""
        found = self.b.load(self._place(address, _FLOAT, 4))
        found.align = 4
        return found

    def store_scalar(self, value: Value, address: Address) -> None:
        """Store one float."""
        done = self.b.store(value, self._place(address, _FLOAT, 4, store=True))
        done.align = 4

    def read(self, address: Address, kind: Any, size: int) -> Value:
        """Load any type of ``size`` bytes; no alignment is needed."""
        found = self.b.load(self._place(address, kind, size))
        found.align = 1
        return found

    def write(self, value: Value, address: Address, size: int) -> None:
        """Store a value of ``size`` bytes; no alignment is needed."""
        done = self.b.store(value, self._place(address, value.type, size, store=True))
        done.align = 1

    def broadcast(self, address: Address) -> Value:
        """Load one float into every lane."""
        return self._once("broadcast", address, lambda place: self.splat(self.load_scalar(place)))

    def broadcasts(self, address: Address, count: int) -> list[Value]:
        """Load neighbouring floats, each into every lane of a vector.

        Where a multiply-add picks a lane itself, whole vectors are loaded, the last of which ends
        with the last float.
        """
        if not self.target.by_lane or count < self.lanes:
            return [self.broadcast(self.at(address, 4 * k)) for k in range(count)]
        found: list[Value] = []
        for first in range(0, count, self.lanes):
            start = min(first, count - self.lanes)
            whole = self.load(self.at(address, 4 * start))
            picked = range(len(found) - start, self.lanes)
            found += [self.shuffle(whole, whole, [lane] * self.lanes) for lane in picked]
        return found

    def prefetch(self, address: Address) -> None:
        """Ask for the cache line at an address, which need not be valid."""
        name = "llvm.prefetch.p0i8"
        kind = ir.FunctionType(ir.VoidType(), [_POINTER, _I32, _I32, _I32])
        function = self._intrinsic(name, kind)
        place = self.b.inttoptr(self._sum(address), _POINTER)
        self.b.call(function, [place, *(ir.Constant(_I32, n) for n in (0, 2, 1))])

    def _sum(self, address: Address) -> Value:
        return self.add(address.value, address.offset)

    def _place(self, address: Address, kind: Any, size: int, *, store: bool = False) -> Value:
        if self.checked:
            access = Access(address.pointer, size, store)
            place = self.b.call(
                checking_function(self.module),
                [self._args, self._sum(address), self.i64(access.code)],
            )
            address = Address(address.pointer, place)
        self._enter()
        if store:
            self._read.clear()
        base = self._bases.get(address.value)
        if base is None:
            base = self._bases[address.value] = self.b.inttoptr(address.value, _POINTER)
        if address.offset:
            base = self.b.gep(base, [self.i64(address.offset)])
        return self.b.bitcast(base, kind.as_pointer())

    # Vectors.

    def splat(self, scalar: Value) -> Value:
        """Return a vector with one float in every lane."""
        empty = ir.Constant(self.vector, ir.Undefined)
        one = self.b.insert_element(empty, scalar, ir.Constant(_I32, 0))
        zeros = ir.Constant(self.words, [0] * self.lanes)
        return self.b.shuffle_vector(one, empty, zeros)

    @staticmethod
    def scalar(value: float) -> Value:
        """Return one constant float."""
        return ir.Constant(_FLOAT, float(value))

    def constant(self, value: float) -> Value:
        """Return a constant vector."""
        return ir.Constant(self.vector, [float(value)] * self.lanes)

    def word(self, value: int) -> Value:
        """Return a constant vector of 32-bit integers."""
        return ir.Constant(self.words, [value] * self.lanes)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """Return ``a * b + c``, rounded once where the processor can."""
        return self.call("fmuladd", a, b, c)

    def nearest(self, x: Value) -> Value:
        """Return the nearest whole numbers, even ones where two are as near; below 2 ** 22."""
        if self.target.rounds:
            return self.call("rint", x)
        # The sum has no room for digits behind the point.
        large = self.constant(1.5 * 2.0**23)
        return self.b.fsub(self.b.fadd(x, large), large)

    def call(self, name: str, *values: Value) -> Value:
        """Call one of LLVM's functions of vectors."""
        full = f"llvm.{name}.v{self.lanes}f32"
        kind = ir.FunctionType(self.vector, [self.vector] * len(values))
        return self.b.call(self._intrinsic(full, kind), list(values))

    def _intrinsic(self, name: str, kind: Any) -> Any:
        found = self.module.globals.get(name)
        return ir.Function(self.module, kind, name) if found is None else found

    def where(self, test: str, a: Value, b: Value, yes: Value, no: Value) -> Value:
        """Return ``yes`` in the lanes where ``a test b`` holds, ``no`` elsewhere and for NaN."""
        return self.b.select(self.b.fcmp_ordered(test, a, b), yes, no)

    def largest(self, a: Value, b: Value) -> Value:
        """Return the larger, and NaN where either is, as numpy.maximum does."""
        if self.target.by_lane:
            return self.call("maximum", a, b)  # an instruction there, and nowhere else
        return self.b.select(self._nan(a), a, self.where(">", a, b, a, b))

    def smallest(self, a: Value, b: Value) -> Value:
        """Return the smaller, and NaN where either is."""
        if self.target.by_lane:
            return self.call("minimum", a, b)
        return self.b.select(self._nan(a), a, self.where("<", a, b, a, b))

    def _nan(self, x: Value) -> Value:
        return self.b.fcmp_unordered("uno", x, x)

    def shuffle(self, a: Value, b: Value, places: Sequence[int]) -> Value:
        """Pick lanes from two vectors, numbered through."""
        kind = ir.VectorType(_I32, len(places))
        return self.b.shuffle_vector(a, b, ir.Constant(kind, list(places)))

    def evens(self, a: Value, b: Value) -> Value:
        """Return the lanes with even numbers of two vectors in a row."""
        return self.shuffle(a, b, range(0, 2 * self.lanes, 2))

    def odds(self, a: Value, b: Value) -> Value:
        """Return the lanes with odd numbers of two vectors in a row."""
        return self.shuffle(a, b, range(1, 2 * self.lanes, 2))

    # Control.

    @contextmanager
    def loop(self, count: Any, carry: Sequence[Value] = ()) -> Iterator[Loop]:
        """Repeat the body ``count`` times, at least once, carrying values along."""
        if isinstance(count, int) and count == 1:
            once = Loop(0, list(carry), list(carry))
            yield once
            return
        before = self.b.block
        body = self.function.append_basic_block("body")
        after = self.function.append_basic_block("after")
        self.b.branch(body)
        self.b.position_at_end(body)
        index = self.b.phi(_I64)
        index.add_incoming(self.i64(0), before)
        phis = []
        for value in carry:
            phi = self.b.phi(value.type)
            phi.add_incoming(value, before)
            phis.append(phi)
        made = Loop(index, list(phis), list(phis))
        yield made
        end = self.b.block
        following = self.b.add(index, self.i64(1))
        index.add_incoming(following, end)
        for phi, value in zip(phis, made.results, strict=True):
            phi.add_incoming(value, end)
        again = self.b.icmp_signed("<", following, self.i64(count))
        self.b.cbranch(again, body, after)
        self.b.position_at_end(after)
