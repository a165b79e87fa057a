"""Moving elements between layouts, without computing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from zqcnn_xp_llvm.codegen.emitter import Address, Emitter
from zqcnn_xp_llvm.kernels.base import Kernel, bounded

__all__ = ["CopyCells", "CopyRuns", "FillRuns", "Turn"]

_OUTER = tuple(f"{kind}{k}" for k in range(4) for kind in ("count", "x", "out"))


@dataclass(frozen=True)
class CopyRuns(Kernel):
    """Copy runs of floats that lie side by side on both sides, under four outer loops.

    Parameters
    ----------
    tile
        Vectors at a time; 0 for runs shorter than a vector.
    """

    pointers: ClassVar[tuple[str, ...]] = ("x", "out")
    integers: ClassVar[tuple[str, ...]] = (*_OUTER, "tiles", "tile_last")

    tile: int

    def emit(self, e: Emitter) -> None:
        """Copy vectors; the last tile overlaps the one before."""
        _nest(self, e, self._run)
        e.finish()

    def _run(self, e: Emitter, x: Address, out: Address) -> None:
        step = self.tile * e.lanes or 1
        with e.loop(self.integer(e, "tiles")) as tile:
            at = e.mul(bounded(e, tile.index, step, self.integer(e, "tile_last")), 4)
            if not self.tile:
                e.store_scalar(e.load_scalar(e.at(x, at)), e.at(out, at))
            for t in range(self.tile):
                offset = t * e.target.vector_bytes
                e.store(e.load(e.at(x, at, offset)), e.at(out, at, offset))


@dataclass(frozen=True)
class CopyCells(Kernel):
    """Copy single floats between any strides, under four outer loops."""

    pointers: ClassVar[tuple[str, ...]] = ("x", "out")
    integers: ClassVar[tuple[str, ...]] = (*_OUTER, "count", "x_step", "out_step")

    def emit(self, e: Emitter) -> None:
        """Copy one by one."""
        _nest(self, e, self._run)
        e.finish()

    def _run(self, e: Emitter, x: Address, out: Address) -> None:
        with e.loop(self.integer(e, "count")) as cell:
            value = e.load_scalar(e.at(x, e.mul(cell.index, self.integer(e, "x_step"))))
            e.store_scalar(value, e.at(out, e.mul(cell.index, self.integer(e, "out_step"))))


@dataclass(frozen=True)
class Turn(Kernel):
    """Transpose squares of a vector's side: blocks to planes, or planes to blocks.

    ``x_step`` and ``out_step`` lead from one line of a square to the next on either side.

    Parameters
    ----------
    blocks
        From blocks to planes; otherwise from planes to blocks.
    planes
        Planes that a square has; 0 for a vector's lanes.
    """

    pointers: ClassVar[tuple[str, ...]] = ("x", "out")
    integers: ClassVar[tuple[str, ...]] = (*_OUTER, "tiles", "tile_last", "x_step", "out_step")

    blocks: bool
    planes: int = 0

    def emit(self, e: Emitter) -> None:
        """Load a square's lines, exchange its corners at every scale, store its columns."""
        _nest(self, e, self._run)
        e.finish()

    def _run(self, e: Emitter, x: Address, out: Address) -> None:
        wide = e.target.vector_bytes
        x_step, out_step = self.integer(e, "x_step"), self.integer(e, "out_step")
        with e.loop(self.integer(e, "tiles")) as tile:
            px = bounded(e, tile.index, e.lanes, self.integer(e, "tile_last"))
            x_t = e.at(x, e.mul(px, wide if self.blocks else 4))
            out_t = e.at(out, e.mul(px, 4 if self.blocks else wide))
            planes = self.planes or e.lanes
            read = e.lanes if self.blocks else planes
            lines = [e.load(e.at(x_t, e.mul(x_step, k))) for k in range(read)]
            lines += [e.constant(0.0)] * (e.lanes - read)
            half = e.lanes // 2
            while half:
                places = list(range(e.lanes))
                low = [p if not p & half else p - half + e.lanes for p in places]
                high = [p + half if not p & half else p + e.lanes for p in places]
                for k in range(e.lanes):
                    if not k & half:
                        a, b = lines[k], lines[k + half]
                        lines[k] = e.shuffle(a, b, low)
                        lines[k + half] = e.shuffle(a, b, high)
                half //= 2
            for k, line in enumerate(lines[:planes] if self.blocks else lines):
                e.store(line, e.at(out_t, e.mul(out_step, k)))


@dataclass(frozen=True)
class FillRuns(Kernel):
    """Set runs of floats to one value, under four outer loops."""

    pointers: ClassVar[tuple[str, ...]] = ("out",)
    integers: ClassVar[tuple[str, ...]] = (*_OUTER, "count")

    value: float

    def emit(self, e: Emitter) -> None:
        """Store one by one."""

        def run(e: Emitter, _: Address, out: Address) -> None:
            with e.loop(self.integer(e, "count")) as cell:
                value = e.scalar(self.value)
                e.store_scalar(value, e.at(out, e.mul(cell.index, 4)))

        _nest(self, e, run)
        e.finish()


def _nest(kernel: Kernel, e: Emitter, run: Any, depth: int = 0, at: Any = None) -> None:
    """Write the four outer loops around ``run``."""
    if at is None:
        last = len(kernel.pointers) - 1
        at = (e.pointer(0), e.pointer(last))
    if depth == 4:
        run(e, *at)
        return
    with e.loop(kernel.integer(e, f"count{depth}")) as turn:
        x = e.at(at[0], e.mul(turn.index, kernel.integer(e, f"x{depth}")))
        out = e.at(at[1], e.mul(turn.index, kernel.integer(e, f"out{depth}")))
        _nest(kernel, e, run, depth + 1, (x, out))
