"""A whole graph as one list of NumPy calls on buffers that are there already."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import numpy as np

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import ShapeError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Array, Shape, Weights
from zqcnn_xp.parallel import in_order
from zqcnn_xp_numpy.binding import Binding
from zqcnn_xp_numpy.blas import NumpyWalk, calls_running
from zqcnn_xp_numpy.idle import Idle
from zqcnn_xp_numpy.pieces import apart, cut_batch, images_at_once

__all__ = ["NumpyProgram"]

# Multiply-adds that are worth a thread: some 0.3 ms, twice what starting it takes.
SHARED = 10_000_000


class NumpyProgram(NumpyWalk):
    """The walk with everything bound that depends on shapes alone.

    Any number of threads may call it: each call has a binding of its own while it runs.

    Parameters
    ----------
    graph, shapes, backend, weights
        As of the walk.
    idle
        Keeps bindings between calls.
    exact
        As of `zqcnn_xp_numpy.kernels.stage_for`.
    whole
        Take the batch through the network at once, whatever its size.
    """

    def __init__(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        backend: Backend,
        weights: Mapping[str, Weights],
        idle: Idle,
        *,
        exact: bool = False,
        whole: bool = False,
    ) -> None:
        super().__init__(graph, shapes, backend, weights)
        self.bound = bool(graph.nodes) and all(0 not in shape for shape in self.shapes.values())
        self._idle = idle
        self._exact = exact
        self._owner = object()
        weakref.finalize(self, idle.forget, self._owner).atexit = False
        self._pieces: list[slice] = []
        self._callers = 1
        self._smaller: dict[int, NumpyProgram] = {}
        if self.bound and not whole:
            self._cut()

    def _cut(self) -> None:
        """Choose the pieces of a batch, and make what runs them."""
        sources = [source.name for source in self.graph.inputs]
        count = self.shapes[sources[0]][0] if sources and self.shapes[sources[0]] else 1
        if count < 2 or not self.cost or not apart(self.graph, self.shapes):
            return
        callers = min(self.backend.threads or 1, count, max(self.cost // SHARED, 1))
        if self.threads > callers:
            # Few images of a large network: BLAS has all threads work on each.
            callers = 1
        pieces = cut_batch(count, images_at_once(self.graph, self.shapes), callers)
        if len(pieces) < 2:
            return
        if callers > 1:
            self.threads = 1
        self._pieces, self._callers = pieces, callers
        for size in {piece.stop - piece.start for piece in pieces}:
            some = {name: (size, *self.shapes[name][1:]) for name in sources}
            self._smaller[size] = NumpyProgram(
                self.graph,
                some,
                self.backend,
                self.weights,
                self._idle,
                exact=self._exact,
                whole=True,
            )

    def run_held(
        self, inputs: Mapping[str, Array], weights: Mapping[str, Weights]
    ) -> dict[str, Array]:
        """Run while BLAS is held to the right number of threads."""
        alike = all(x.dtype == np.float32 for x in inputs.values())
        if not (self.bound and alike and weights is self.weights):
            return super().run_held(inputs, weights)
        if self._pieces:
            return self._in_pieces(inputs, weights)
        binding = self._idle.take(self._owner)
        if binding is None:
            binding = Binding(self.graph, self.shapes, self.weights, self.dying, exact=self._exact)
            if not binding.tape.calls:
                # Nothing but views of what is given: the walk hands those out without a copy.
                self.bound = False
                return super().run_held(inputs, weights)
        found = binding.run(inputs)
        self._idle.give(self._owner, binding)
        return found

    def _in_pieces(
        self, inputs: Mapping[str, Array], weights: Mapping[str, Weights]
    ) -> dict[str, Array]:
        for name, x in inputs.items():
            if len(x) != self.shapes[name][0]:
                msg = f"found {len(x)} images for {name}, expected {self.shapes[name][0]}"
                raise ShapeError(msg)

        def work(piece: slice) -> dict[str, Array]:
            some = {name: x[piece] for name, x in inputs.items()}
            return self._smaller[piece.stop - piece.start].run_held(some, weights)

        # Where other calls run, the processors have work already.
        callers = self._callers if calls_running() < 2 else 1
        found = list(in_order(work, self._pieces, callers))
        return {name: np.concatenate([one[name] for one in found]) for name in found[0]}
