"""The memory of programs of the llvm backend, laid out in a file for another processor.

Places in the file stand for addresses, numbers for kernels; ``runner.c`` completes both.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zqcnn_xp_llvm.codegen.access import POINTERS
from zqcnn_xp_llvm.driver import COUNTER, STATE
from zqcnn_xp_llvm.planner.memory import SLACK
from zqcnn_xp_llvm.program import ARENA_BASE, FIRST_ARRAY, RING_BASE, SCRATCH_BASE, Segment

__all__ = ["GUARD_BYTE", "Image", "Job"]

# Between any two parts of memory; kernels may read a little of it, and must write none.
GUARD = SLACK + 64
GUARD_BYTE = 0xA5


@dataclass
class Image:
    """The memory of a run, as it is put together."""

    size: int = 0
    parts: list[np.ndarray] = field(default_factory=list)
    guards: list[tuple[int, int]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)

    def put(self, data: np.ndarray) -> int:
        """Add a copy of an array with a guard behind it; return its place."""
        raw = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        start = self.size
        guard = np.full(GUARD + -raw.size % 64, GUARD_BYTE, np.uint8)
        self.size += raw.size + guard.size
        self.parts += [raw, guard]
        self.guards.append((start + raw.size, self.size))
        return start

    def write(self, path: Path, threads: int, runs: int) -> None:
        head = [self.size, len(self.jobs) // 3, len(self.places), len(self.calls), threads, runs]
        words = np.array([*head, *self.jobs, *self.places, *self.calls], np.int64)
        with path.open("wb") as file:
            file.write(words.tobytes())
            file.write(bytes(-words.nbytes % 64))
            for part in self.parts:
                file.write(part.tobytes())


@dataclass
class Job:
    """One stretch of a plan that the driver runs in one go.

    Parameters
    ----------
    segment
        Its tables.
    weights
        Packed weights by their address here.
    arena, ring, scratch
        How the memory of a sample and that of a thread start.
    apart
        Each thread works on samples of its own, in an arena of its own.
    arrays, samples
        Values that cross phases: bytes, and bytes of a sample.
    """

    segment: Segment
    weights: dict[int, np.ndarray]
    arena: np.ndarray
    ring: np.ndarray
    scratch: np.ndarray
    apart: bool
    arrays: list[np.ndarray]
    samples: list[int]

    def lay(self, image: Image, held: dict[int, int], threads: int) -> list[int]:
        """Add everything to an image; return where the arrays lie."""
        phases = self.segment.phases
        arrays = [image.put(array) for array in self.arrays]
        bases = np.zeros((threads, FIRST_ARRAY + len(arrays), 2), np.int64)
        for thread, row in enumerate(bases):
            if thread == 0 or self.apart:
                arena = image.put(self.arena)
            row[ARENA_BASE, 0] = arena
            row[RING_BASE, 0] = image.put(self.ring)
            row[SCRATCH_BASE, 0] = image.put(self.scratch)
        bases[:, FIRST_ARRAY:, 0] = arrays
        bases[:, FIRST_ARRAY:, 1] = self.samples
        counters = np.zeros(COUNTER * len(phases), np.int64)
        state = {
            "instructions": self._table(image, held),
            "phases": image.put(phases),
            "count": len(phases),
            "items": image.put(self.segment.items),
            "bases": image.put(bases),
            "counters": image.put(counters),
            "words": bases[0].size,
        }
        start = image.put(np.array(list(state.values()), np.int64))
        image.places += [start + 8 * k for k in range(STATE) if k not in (2, 6)]
        words = np.arange(bases.size).reshape(bases.shape)[:, 1:, 0]
        image.places += [state["bases"] + 8 * int(word) for word in words.reshape(-1)]
        image.jobs += [start, state["counters"], counters.size]
        return arrays

    def _table(self, image: Image, held: dict[int, int]) -> int:
        """Add the instructions, with places in the image for addresses of weights."""
        table = self.segment.instructions.copy()
        starts = sorted(self.weights)
        found: list[int] = []
        for word, (base, address) in enumerate(pairs_of(table)):
            if base or not address:
                continue
            start = starts[bisect_right(starts, address) - 1]
            assert address - start < self.weights[start].size
            if start not in held:
                held[start] = image.put(self.weights[start])
            at = (word // POINTERS, 2 + 2 * (word % POINTERS))
            table[at] += held[start] - start
            found.append(8 * int(np.ravel_multi_index(at, table.shape)))
        start = image.put(table)
        image.calls += range(start, start + table.nbytes, table.strides[0])
        image.places += [start + offset for offset in found]
        return start


def pairs_of(table: np.ndarray) -> Iterator[tuple[int, int]]:
    """Return base and offset of every pointer of every instruction."""
    pairs = table[:, 1 : 1 + 2 * POINTERS].reshape(-1, 2)
    return ((int(base), int(offset)) for base, offset in pairs)
