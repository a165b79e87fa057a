"""Programs of the llvm backend on another processor: AArch64 code, run by qemu.

Plans, kernels, the driver and its tables are the backend's own, made for `NEON`. Here their
memory is laid out in a file, with places in it instead of addresses and numbers instead of
kernels; ``runner.c``, linked with the kernels by a cross compiler, completes both and runs it.
"""

from __future__ import annotations

import subprocess
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zqcnn_xp.graph import Graph
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp_llvm.code import compile_object
from zqcnn_xp_llvm.codegen.emitter import POINTERS
from zqcnn_xp_llvm.driver import COUNTER, STATE
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.planner.memory import SLACK
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.program import ARENA_BASE, FIRST_ARRAY, SCRATCH_BASE, Segment, build
from zqcnn_xp_llvm.target import NEON

__all__ = ["Arm"]

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
    arena, scratch
        How the memory of a sample and of a thread starts.
    apart
        Each thread works on samples of its own, in an arena of its own.
    arrays, samples
        Values that cross phases: bytes, and bytes of a sample.
    """

    segment: Segment
    weights: dict[int, np.ndarray]
    arena: np.ndarray
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


class Arm:
    """Plans graphs for `NEON` and runs them under qemu.

    Parameters
    ----------
    folder
        For objects and programs.
    compiler, emulator
        Commands.
    """

    def __init__(self, folder: Path, compiler: str, emulator: list[str]) -> None:
        self.folder = folder
        self.compiler = compiler
        self.emulator = emulator
        self.kernels: dict[Kernel, int] = {}
        self.programs = 0
        self._objects: list[Path] = []
        self._object("driver", None)

    def _object(self, name: str, kernel: Kernel | None) -> None:
        path = self.folder / f"{name}.o"
        path.write_bytes(compile_object(NEON, kernel))
        self._objects.append(path)

    def addresses(self, kernels: Iterable[Kernel]) -> dict[Kernel, int]:
        """Return the number of each kernel; what a program takes for its address."""
        for kernel in dict.fromkeys(kernels):
            if kernel not in self.kernels:
                self.kernels[kernel] = len(self.kernels)
                self._object(kernel.symbol, kernel)
        return self.kernels

    def run(
        self, graph: Graph, inputs: Mapping[str, np.ndarray], **options: int
    ) -> dict[str, np.ndarray]:
        """Run one graph on logical arrays; see `run_all`."""
        return self.run_all([(graph, inputs)], **options)[0]

    def run_all(
        self,
        work: Iterable[tuple[Graph, Mapping[str, np.ndarray]]],
        *,
        threads: int = 1,
        runs: int = 2,
        exact: bool = True,
    ) -> list[dict[str, np.ndarray]]:
        """Run graphs, all in one process; return their outputs, logical arrays.

        Parameters
        ----------
        work
            Graphs and their inputs.
        threads
            How many run each program together.
        runs
            How often each program runs; results are the last run's.
        exact
            Plain sums of products alone.
        """
        plans = [self._steps(graph, inputs, threads, exact) for graph, inputs in work]
        results: list[dict[str, np.ndarray]] = [{} for _ in plans]
        waiting: dict[int, Job] = {}

        def advance(k: int) -> None:
            try:
                waiting[k] = next(plans[k])
            except StopIteration as end:
                results[k] = end.value

        for k in range(len(plans)):
            advance(k)
        while waiting:
            jobs, waiting = waiting, {}
            self._execute(list(jobs.values()), threads, runs)
            for k in jobs:
                advance(k)
        return results

    def _steps(
        self, graph: Graph, inputs: Mapping[str, np.ndarray], threads: int, exact: bool
    ) -> Generator[Job, None, dict[str, np.ndarray]]:
        """Plan a graph, hand out its jobs, compute the host's nodes between them."""
        shapes = graph.shapes({name: x.shape for name, x in inputs.items()})
        count = next(iter(inputs.values())).shape[0]
        pool = Pool(NEON, exact=exact)
        template = Template(graph, shapes, pool)
        program = build(template, count, self, threads)
        arena = np.zeros(template.arena.size + SLACK, np.uint8)
        for start, size, value in template.arena.filled:
            arena[start : start + size].view(np.float32)[:] = value
        arrays, plain = [], {}
        for held in template.arrays:
            if held.layout.kind == "plain":
                whole = plain[held.value] = np.zeros(shapes[held.value], np.float32)
                arrays.append(whole.reshape(-1).view(np.uint8))
            else:
                arrays.append(np.zeros(held.layout.bytes * count, np.uint8))
        for name in template.inputs:
            plain[name][...] = inputs[name]
        weights = {b.array.ctypes.data: b.array for b in pool._packed.values()}
        for segment in program.segments:
            if segment.node is not None:
                node = segment.node
                xs = [to_storage(np, plain[v]) for v in node.inputs]
                for name, y in zip(
                    node.outputs, node.op.forward(np, node.weights, *xs), strict=True
                ):
                    plain[name][...] = to_logical(np, y)
                continue
            yield Job(
                segment,
                weights,
                arena,
                np.zeros(template.scratch.size + SLACK, np.uint8),
                count > 1,
                arrays,
                [held.buffer.sample for held in template.arrays],
            )
        return {name: plain[name] for name in graph.outputs}

    def _execute(self, jobs: list[Job], threads: int, runs: int) -> None:
        image, held = Image(), dict[int, int]()
        places = [job.lay(image, held, threads) for job in jobs]
        source, result = self.folder / "in", self.folder / "out"
        image.write(source, threads, runs)
        found = subprocess.run(
            [*self.emulator, self._link(), source, result], capture_output=True, check=False
        )
        assert found.returncode != 3, "a run left another floating-point control register"
        assert found.returncode == 0, (found.returncode, found.stderr.decode())
        memory = np.fromfile(result, np.uint8)
        for start, end in image.guards:
            assert (memory[start:end] == GUARD_BYTE).all(), "written beyond an array"
        for start, place in held.items():
            packed = next(job.weights[start] for job in jobs if start in job.weights)
            assert (memory[place : place + packed.size] == packed).all(), "weights written"
        for job, starts in zip(jobs, places, strict=True):
            for array, start in zip(job.arrays, starts, strict=True):
                array[:] = memory[start : start + array.size]

    def _link(self) -> Path:
        """Link the runner with all kernels there are."""
        program = self.folder / f"program{len(self.kernels)}"
        if not program.exists():
            lines = "".join(f"KERNEL({kernel.symbol})\n" for kernel in self.kernels)
            (self.folder / "kernels.h").write_text(lines)
            runner = Path(__file__).with_name("runner.c")
            flags = ["-std=gnu11", "-O1", "-Wall", "-Werror", "-static", "-pthread"]
            command: list[Any] = [self.compiler, *flags, f"-I{self.folder}", "-o", program]
            subprocess.run([*command, runner, *self._objects], check=True)
        return program
