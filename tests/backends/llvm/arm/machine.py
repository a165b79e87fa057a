"""Programs of the llvm backend on another processor: AArch64 code, run by qemu.

Plans, kernels, the driver and its tables are the backend's own, made for `NEON`. Their memory
goes into a file, which ``runner.c``, linked with the kernels by a cross compiler, reads and runs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from llvm_arm_image import GUARD_BYTE, Image, Job

from zqcnn_xp.graph import Graph
from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp_llvm.code import compile_object
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.planner.memory import SLACK, Arena
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.program import build
from zqcnn_xp_llvm.target import NEON

__all__ = ["Arm"]


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
        arena, ring = (_filled(arena) for arena in (template.arena, template.ring))
        arrays, plain = [], {}
        for held in template.arrays:
            if held.layout.kind == "plain":
                whole = plain[held.value] = np.full(shapes[held.value], np.nan, np.float32)
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
                ring,
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


def _filled(arena: Arena) -> np.ndarray:
    memory = np.zeros(arena.size + SLACK, np.uint8)
    for start, size, value in arena.filled:
        memory[start : start + size].view(np.float32)[:] = value
    return memory
