"""Scans of features of signed bytes, by instructions that add four products of bytes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter, Value
from zqcnn_xp_llvm.kernels.scan import Scan
from zqcnn_xp_llvm.target import Target

__all__ = [
    "PARTS",
    "ScanBytes",
    "add_pairs",
    "byte_dots",
    "declared",
    "dot_bytes",
    "offset_bytes",
    "sums_of",
]

PARTS = 2
"""A query's value is ``256 * high + low``, two bytes: its scores are exact to 16 bits."""

_I8, _I32 = ir.IntType(8), ir.IntType(32)
_TURN = 4
# What makes an unsigned byte of a signed one, 128 more, four at a time.
_SIGNS = 0x80808080


def byte_dots(target: Target) -> str | None:
    """Return the processor's best instruction for products of bytes, or None where it has none.

    Examples
    --------
    >>> from zqcnn_xp_llvm.target import NEON
    >>> byte_dots(NEON) is None
    True
    """
    features = set(target.features.split(","))
    if target.name.startswith("AVX-512") and "+avx512vnni" in features:
        return "vpdpbusd"
    if target.name == "AVX2" and "+avxvnni" in features:
        return "vpdpbusd"
    if target.name == "NEON" and "+dotprod" in features:
        return "sdot"
    return None if target.by_lane else "pmaddwd"


def sums_of(dot: str, parts: int = PARTS) -> int:
    """Return how many sums an instruction needs for the bytes of a query's value."""
    return 1 if dot == "pmaddwd" else parts


@dataclass(frozen=True)
class ScanBytes(Scan):
    """Scan features of signed bytes, with a scale each.

    Queries lie as: what sums start with, (group, vector, part, lane) int32; then (four values,
    vector, part, lane) of four bytes each, values beyond the last being 0. Sums are exact
    integers; a score is ``(256 * high + low) * scale`` in float32.

    Parameters
    ----------
    dot
        ``"vpdpbusd"`` takes one side unsigned: 128 is added to the features, and sums start with
        what makes up for it. ``"sdot"`` takes both signed. ``"pmaddwd"`` adds two products of
        16 bits: queries lie as values 0 and 2, then 1 and 3 of each four, and there is one sum.
    parts
        1 for queries of one byte a value, which lie without the part of the low bytes.
    """

    dot: str = "vpdpbusd"
    parts: int = PARTS

    def group_bytes(self, e: Emitter) -> int:
        """Return the size of a group of packed queries."""
        return (1 + -(-self.dim // 4)) * self._step(e)

    def row_bytes(self) -> int:
        """Return the size of a feature."""
        return self.dim

    def _laid(self) -> int:
        """Return how many vectors a vector of queries takes for four values."""
        return PARTS if self.dot == "pmaddwd" else self.parts

    def _step(self, e: Emitter) -> int:
        return self.vectors * self._laid() * e.target.vector_bytes

    def scores(self, e: Emitter, x: Address, queries: Address, row: Value) -> list[list[Value]]:
        """Add up products, four values of the features at a time."""
        sums_each = sums_of(self.dot, self.parts)
        parts = self.vectors * sums_each
        width = e.target.vector_bytes
        start = [e.read(e.at(queries, p * width), e.words, width) for p in range(parts)]
        sums = start * self.rows
        queries = e.at(queries, self._step(e))
        turns, rest = divmod(self.dim // 4, _TURN)
        if turns:
            with e.loop(turns, sums) as turn:
                at = e.at(x, e.mul(turn.index, 4 * _TURN))
                q = e.at(queries, e.mul(turn.index, _TURN * self._step(e)))
                for k in range(_TURN):
                    turn.results = self._add(e, turn.results, at, q, k, 4)
            sums = turn.results
        x, queries = e.at(x, turns * 4 * _TURN), e.at(queries, turns * _TURN * self._step(e))
        for k in range(rest):
            sums = self._add(e, sums, x, queries, k, 4)
        if self.dim % 4:
            sums = self._add(e, sums, x, queries, rest, self.dim % 4)
        scales = e.at(self.address(e, "scales"), e.mul(row, 4))
        found = []
        for r in range(self.rows):
            scale = e.broadcast(e.at(scales, 4 * r))
            line = sums[r * parts :][:parts]
            floats = [e.b.sitofp(s, e.vector) for s in line]
            if sums_each == PARTS:
                pairs = zip(floats[::2], floats[1::2], strict=True)
                floats = [e.fma(high, e.constant(256.0), low) for high, low in pairs]
            found.append([e.b.fmul(score, scale) for score in floats])
        return found

    def _add(
        self, e: Emitter, sums: list[Value], x: Address, queries: Address, step: int, count: int
    ) -> list[Value]:
        """Add products of ``count`` values, the ``step``-th four of a row."""
        parts, width = self.vectors * self._laid(), e.target.vector_bytes
        q = [
            e.read(e.at(queries, step * self._step(e) + p * width), e.words, width)
            for p in range(parts)
        ]
        found = []
        each = self.vectors * sums_of(self.dot, self.parts)
        for r in range(self.rows):
            four = self._four(e, e.at(x, r * self.dim + 4 * step), count)
            line = sums[r * each :][:each]
            if self.dot == "pmaddwd":
                halves = _halves(e, four)
                for half in range(2):
                    line = [
                        add_pairs(e, total, halves[half], q[2 * v + half])
                        for v, total in enumerate(line)
                    ]
            else:
                line = [dot_bytes(e, total, four, q[p], self.dot) for p, total in enumerate(line)]
            found += line
        return found

    def _four(self, e: Emitter, x: Address, count: int) -> Value:
        """Load up to four bytes into every lane."""
        if count == 4:
            word = e.read(x, _I32, 4)
        else:  # nothing beyond the row is read, it may be the last
            word = ir.Constant(_I32, 0)
            for k in range(count):
                byte = e.b.zext(e.read(e.at(x, k), _I8, 1), _I32)
                word = e.b.or_(word, e.b.shl(byte, ir.Constant(_I32, 8 * k)))
        empty = ir.Constant(e.words, ir.Undefined)
        one = e.b.insert_element(empty, word, ir.Constant(_I32, 0))
        every = e.b.shuffle_vector(one, empty, ir.Constant(e.words, [0] * e.lanes))
        return offset_bytes(e, every, self.dot)


def offset_bytes(e: Emitter, signed: Value, dot: str) -> Value:
    """Return bytes as the instruction takes features: unsigned ones are 128 more."""
    return e.b.xor(signed, e.word(_SIGNS)) if dot == "vpdpbusd" else signed


def dot_bytes(e: Emitter, total: Value, four: Value, q: Value, dot: str) -> Value:
    """Add products of four bytes each to a vector of int32."""
    if dot == "sdot":
        bytes_ = ir.VectorType(_I8, 4 * e.lanes)
        kind = ir.FunctionType(e.words, [e.words, bytes_, bytes_])
        function = declared(e, f"llvm.aarch64.neon.sdot.v{e.lanes}i32.v{4 * e.lanes}i8", kind)
        return e.b.call(function, [total, e.b.bitcast(four, bytes_), e.b.bitcast(q, bytes_)])
    kind = ir.FunctionType(e.words, [e.words] * 3)
    function = declared(e, f"llvm.x86.avx512.vpdpbusd.{32 * e.lanes}", kind)
    return e.b.call(function, [total, four, q])


def _halves(e: Emitter, four: Value) -> tuple[Value, Value]:
    """Return bytes 0 and 2, and 1 and 3, of each four as numbers of 16 bits."""
    short = ir.VectorType(ir.IntType(16), 2 * e.lanes)
    eight = ir.Constant(short, [8] * (2 * e.lanes))
    pairs = e.b.bitcast(four, short)
    return e.b.ashr(e.b.shl(pairs, eight), eight), e.b.ashr(pairs, eight)


def add_pairs(e: Emitter, total: Value, a: Value, b: Value) -> Value:
    """Add products of two numbers of 16 bits each to a vector of int32."""
    short = ir.VectorType(ir.IntType(16), 2 * e.lanes)
    name = {4: "sse2.pmadd.wd", 8: "avx2.pmadd.wd", 16: "avx512.pmaddw.d.512"}[e.lanes]
    function = declared(e, f"llvm.x86.{name}", ir.FunctionType(e.words, [short, short]))
    return e.b.add(total, e.b.call(function, [e.b.bitcast(a, short), e.b.bitcast(b, short)]))


def declared(e: Emitter, name: str, kind: Any) -> Any:
    """Return one of LLVM's functions, declared once a module."""
    found = e.module.globals.get(name)
    return ir.Function(e.module, kind, name) if found is None else found
