"""The loop that runs a program: it claims pieces of work, resolves addresses, calls kernels.

A program is a table of instructions (a kernel, six addresses relative to base addresses, and
integers) and a list of phases. A phase is a number of items that may run at the same time: every
sample of a batch, or ranges of instructions. Each thread claims the next item that is free, so a
thread that the system has put aside delays nobody but the item it holds; a phase ends when all
items are done. Everything is 64-bit integers in memory that Python lays out:

- instruction, `INSTRUCTION` words: kernel, then (base, offset) for each pointer, then integers
- phase, `PHASE` words: first item, number of items, 1 where items are samples, and, for
  samples, the range of instructions
- item, `ITEM` words: first instruction, end, sample
- base, 2 words: address, bytes from one sample to the next; one table a thread
- counters, `COUNTER` words a phase: items claimed, items done, each on a cache line of its own
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from zqcnn_xp_llvm.codegen.access import INTEGERS, LIMITS, POINTERS
from zqcnn_xp_llvm.target import Target

__all__ = ["COUNTER", "INSTRUCTION", "ITEM", "PHASE", "STATE", "emit_driver"]

INSTRUCTION = 1 + 2 * POINTERS + INTEGERS
PHASE = 5
ITEM = 3
COUNTER = 16
STATE = 7  # instructions, phases, number of phases, items, bases, counters, words of bases

_I64 = ir.IntType(64)
_I32 = ir.IntType(32)
_TABLE = _I64.as_pointer()
_VOID = ir.VoidType()
# Looks at the counter before the processor is given up; about 20 microseconds.
_SPINS = 2000
# Flush denormal results to zero, and take denormal operands for zero.
_X86_FLUSH = 0x8040
_ARM_FLUSH = 1 << 24


def emit_driver(module: Any, target: Target, name: str) -> None:
    """Write ``void run(i64 *state, i64 thread)``."""
    execute = _emit_execute(module, f"{name}_execute")
    function = ir.Function(module, ir.FunctionType(_VOID, [_TABLE, _I64]), name)
    state, thread = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    restore = _flush_denormals(module, b, target)

    def word(table: Any, at: Any) -> Any:
        return b.load(b.gep(table, [at]))

    def const(value: int) -> Any:
        return ir.Constant(_I64, value)

    def table(at: int) -> Any:
        return b.inttoptr(word(state, const(at)), _TABLE)

    instructions, phases, items = table(0), table(1), table(3)
    count = word(state, const(2))
    bases = b.gep(table(4), [b.mul(thread, word(state, const(6)))])
    counters = table(5)

    head, claim, work, wait, spin, idle, following, end = (
        function.append_basic_block(block)
        for block in ("head", "claim", "work", "wait", "spin", "idle", "following", "end")
    )
    entry = b.block
    b.cbranch(b.icmp_signed(">", count, const(0)), head, end)

    b.position_at_end(head)
    number = b.phi(_I64)
    number.add_incoming(const(0), entry)
    phase = b.gep(phases, [b.mul(number, const(PHASE))])
    first, total, batched, begin, stop = (word(phase, const(k)) for k in range(PHASE))
    claimed = b.gep(counters, [b.mul(number, const(COUNTER))])
    done = b.gep(claimed, [const(COUNTER // 2)])
    samples = b.icmp_signed("!=", batched, const(0))
    b.branch(claim)

    b.position_at_end(claim)
    item = b.atomic_rmw("add", claimed, const(1), "monotonic")
    b.cbranch(b.icmp_signed("<", item, total), work, wait)

    b.position_at_end(work)
    # The table of items is read in either case; for samples at its first entry.
    row = b.gep(items, [b.mul(b.select(samples, const(0), b.add(first, item)), const(ITEM))])
    low = b.select(samples, begin, word(row, const(0)))
    high = b.select(samples, stop, word(row, const(1)))
    sample = b.select(samples, item, word(row, const(2)))
    b.call(execute, [instructions, low, high, bases, sample])
    b.atomic_rmw("add", done, const(1), "release")
    b.branch(claim)

    b.position_at_end(wait)
    b.branch(spin)
    b.position_at_end(spin)
    turns = b.phi(_I64)
    turns.add_incoming(const(0), wait)
    seen = b.load_atomic(done, "acquire", 8)
    b.cbranch(b.icmp_signed(">=", seen, total), following, idle)
    b.position_at_end(idle)
    more = b.add(turns, const(1))
    _pause(module, b, target, more)
    turns.add_incoming(more, b.block)
    b.branch(spin)

    b.position_at_end(following)
    after = b.add(number, const(1))
    number.add_incoming(after, following)
    b.cbranch(b.icmp_signed("<", after, count), head, end)

    b.position_at_end(end)
    restore(b)
    b.ret_void()


def _emit_execute(module: Any, name: str) -> Any:
    """Write ``void execute(instructions, begin, end, bases, sample)``."""
    kind = ir.FunctionType(_VOID, [_TABLE, _I64, _I64, _TABLE, _I64])
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    instructions, begin, stop, bases, sample = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    entry = b.block
    args = b.alloca(_I64, LIMITS)
    body, end = function.append_basic_block("body"), function.append_basic_block("end")
    b.cbranch(b.icmp_signed("<", begin, stop), body, end)
    b.position_at_end(body)
    at = b.phi(_I64)
    at.add_incoming(begin, entry)
    row = b.gep(instructions, [b.mul(at, ir.Constant(_I64, INSTRUCTION))])

    def word(table: Any, place: Any) -> Any:
        place = ir.Constant(_I64, place) if isinstance(place, int) else place
        return b.load(b.gep(table, [place]))

    for k in range(POINTERS):
        base = b.shl(word(row, 1 + 2 * k), ir.Constant(_I64, 1))
        pair = b.gep(bases, [base])
        moved = b.add(word(pair, 0), b.mul(sample, word(pair, 1)))
        place = b.add(moved, word(row, 2 + 2 * k))
        b.store(place, b.gep(args, [ir.Constant(_I64, k)]))
    for k in range(INTEGERS):
        value = word(row, 1 + 2 * POINTERS + k)
        b.store(value, b.gep(args, [ir.Constant(_I64, POINTERS + k)]))
    kernel = ir.FunctionType(_VOID, [_TABLE]).as_pointer()
    b.call(b.inttoptr(word(row, 0), kernel), [args])
    following = b.add(at, ir.Constant(_I64, 1))
    at.add_incoming(following, b.block)
    b.cbranch(b.icmp_signed("<", following, stop), body, end)
    b.position_at_end(end)
    b.ret_void()
    return function


def _flush_denormals(module: Any, b: Any, target: Target) -> Any:
    """Switch denormals off; returns what writes the instructions that set back the old state."""
    if target.name == "NEON":
        read = ir.Function(module, ir.FunctionType(_I64, []), "llvm.aarch64.get.fpcr")
        write = ir.Function(module, ir.FunctionType(_VOID, [_I64]), "llvm.aarch64.set.fpcr")
        before = b.call(read, [])
        b.call(write, [b.or_(before, ir.Constant(_I64, _ARM_FLUSH))])
        return lambda end: end.call(write, [before])
    bytes_ = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(_VOID, [bytes_])
    store = ir.Function(module, kind, "llvm.x86.sse.stmxcsr")
    load = ir.Function(module, kind, "llvm.x86.sse.ldmxcsr")
    old, new = b.alloca(_I32), b.alloca(_I32)
    b.call(store, [b.bitcast(old, bytes_)])
    b.store(b.or_(b.load(old), ir.Constant(_I32, _X86_FLUSH)), new)
    b.call(load, [b.bitcast(new, bytes_)])
    return lambda end: end.call(load, [end.bitcast(old, bytes_)])


def _pause(module: Any, b: Any, target: Target, turns: Any) -> None:
    """Wait a moment; give the processor up after many turns."""
    if target.name == "NEON":
        hint = ir.Function(module, ir.FunctionType(_VOID, [_I32]), "llvm.aarch64.hint")
        b.call(hint, [ir.Constant(_I32, 1)])
    else:
        b.call(ir.Function(module, ir.FunctionType(_VOID, []), "llvm.x86.sse2.pause"), [])
    long = b.icmp_signed(">", turns, ir.Constant(_I64, _SPINS))
    with b.if_then(long, likely=False):
        give_up = ir.Function(module, ir.FunctionType(_I32, []), "sched_yield")
        b.call(give_up, [])
