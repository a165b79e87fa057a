"""A whole graph as one list of NumPy calls on buffers that are there already."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import numpy as np

from zqcnn_xp.backend import Backend
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Array, Shape, Weights
from zqcnn_xp_numpy.binding import Binding
from zqcnn_xp_numpy.blas import NumpyWalk
from zqcnn_xp_numpy.idle import Idle

__all__ = ["NumpyProgram"]


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
    ) -> None:
        super().__init__(graph, shapes, backend, weights)
        self.bound = bool(graph.nodes) and all(0 not in shape for shape in self.shapes.values())
        self._idle = idle
        self._exact = exact
        self._owner = object()
        weakref.finalize(self, idle.forget, self._owner).atexit = False

    def run_held(
        self, inputs: Mapping[str, Array], weights: Mapping[str, Weights]
    ) -> dict[str, Array]:
        """Run while BLAS is held to the right number of threads."""
        alike = all(x.dtype == np.float32 for x in inputs.values())
        if not (self.bound and alike and weights is self.weights):
            return super().run_held(inputs, weights)
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
