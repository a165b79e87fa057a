"""One graph at one set of shapes, with every value in a place of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.layout import storage_shape
from zqcnn_xp.ops.base import Array, Op, Shape, Weights
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.constant import Constant
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.max_feature_map import MaxFeatureMap
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp_numpy.buffers import Buffer, Buffers
from zqcnn_xp_numpy.kernels import border_of, stage_for
from zqcnn_xp_numpy.planes import PLANES, takes_planes
from zqcnn_xp_numpy.pointwise import is_pointwise
from zqcnn_xp_numpy.tape import Pads, Rows, Tape

__all__ = ["Binding"]


class Binding:
    """The calls that run a graph, and the arrays between them.

    Parameters
    ----------
    graph
        Without host ops.
    shapes
        Logical shape of every value; none is empty.
    weights
        Prepared, by node name.
    dying
        For each node, the values that nothing after it reads.
    exact
        As of `zqcnn_xp_numpy.kernels.stage_for`.
    """

    def __init__(
        self,
        graph: Graph,
        shapes: Mapping[str, Shape],
        weights: Mapping[str, Weights],
        dying: Sequence[Sequence[str]],
        *,
        exact: bool = False,
    ) -> None:
        self.tape = Tape()
        self._exact = exact
        self._shapes = shapes
        self._values: dict[str, Any] = {}
        self._buffers = Buffers()
        self._homes: dict[str, Buffer] = {}
        self._constants: set[str] = set()
        self._planar = _planar(graph, shapes)
        self._borders = _borders(graph, shapes, exact, self._planar)
        self.inputs = {source.name: self._place(source.name) for source in graph.inputs}
        for node, ending in zip(graph.nodes, dying, strict=True):
            self._bind(node, weights[node.name])
            for value in ending:
                if value in self._homes:
                    self._buffers.leave(self._homes.pop(value))
        self.outputs = {value: self._values[value] for value in graph.outputs}
        self.nbytes = self.tape.nbytes + self._buffers.nbytes

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; the results are the caller's."""
        for name, place in self.inputs.items():
            _take_in(place, inputs[name])
        self.tape.run()
        return {value: array.copy() for value, array in self.outputs.items()}

    def _place(self, value: str) -> Rows:
        shape = storage_shape(self._shapes[value])
        pads = self._borders.get(value)
        if pads is None:
            array, buffer = self._buffers.plain(shape)
        else:
            planar = value in self._planar
            array, base, buffer = self._buffers.framed(shape, pads, planar=planar)
            self.tape.frame(array, base, pads)
        self._homes[value] = buffer
        self._values[value] = array
        return array

    def _bind(self, node: Node, w: Weights) -> None:
        shapes = (self._shapes[value] for value in node.inputs)
        stage = stage_for(node.op, *shapes, exact=self._exact)
        if stage is None:
            self._bind_reference(node, w)
            return
        xs = [self._values[value] for value in node.inputs]
        stage(self.tape, w, xs, [self._place(value) for value in node.outputs])

    def _bind_reference(self, node: Node, w: Weights) -> None:
        """Try the reference on what is in the buffers now: its results tell what it is."""
        xs = [self._values[value] for value in node.inputs]
        with np.errstate(all="ignore"):
            found = node.op.forward(np, w, *xs)
        constant = isinstance(node.op, Constant | PriorBox)
        if constant or (xs and self._constants.issuperset(node.inputs)):
            # It depends on shapes alone.
            self._constants.update(node.outputs)
            self._values.update(zip(node.outputs, map(np.array, found), strict=True))
            return
        shared = [
            [v for v in node.inputs if np.may_share_memory(y, self._values[v])] for y in found
        ]
        if all(shared):
            # A reshape or a slice: what lies in its input lies in its output already.
            for value, array, sources in zip(node.outputs, found, shared, strict=True):
                self._values[value] = array
                if sources[0] in self._homes:
                    self._homes[value] = self._homes[sources[0]]
                    self._homes[value].users += 1
            return
        outs = []
        for value, array in zip(node.outputs, found, strict=True):
            if array.dtype == np.float32:
                outs.append(self._place(value))
            else:
                outs.append(np.empty_like(array))
                self._values[value] = outs[-1]
        self.tape.add(_reference, node.op, w, xs, outs)


def _reference(op: Op, w: Weights, xs: Sequence[Array], outs: Sequence[Array]) -> None:
    for out, found in zip(outs, op.forward(np, w, *xs), strict=True):
        np.copyto(out, found)


def _take_in(place: Rows, x: Array) -> None:
    if x.ndim == 4 and x.shape[3] <= PLANES and x.strides[3] > x.strides[2]:
        # NumPy would copy pixel by pixel.
        for channel in range(x.shape[3]):
            np.copyto(place[..., channel], x[..., channel])
        return
    np.copyto(place, x)


def _planar(graph: Graph, shapes: Mapping[str, Shape]) -> set[str]:
    """Return the values that are best written plane by plane, and whose writers can do so."""
    found = {source.name for source in graph.inputs if len(shapes[source.name]) == 4}
    for node in graph.nodes:
        # A reference's result is copied, to wherever that may be.
        if stage_for(node.op, *(shapes[value] for value in node.inputs)) is None:
            found.update(value for value in node.outputs if len(shapes[value]) == 4)
    readers = [(value, node.op) for node in graph.nodes for value in node.inputs]
    for value, op in readers:
        if value in found and not takes_planes(op, shapes[value][1]):
            found.discard(value)
    return found.intersection(value for value, _ in readers).difference(graph.outputs)


def _borders(
    graph: Graph, shapes: Mapping[str, Shape], exact: bool, planar: set[str]
) -> dict[str, Pads]:
    """Return the values that are best written inside a border, which their readers need."""
    wishes: dict[str, list[Pads | None]] = {}
    for node in graph.nodes:
        for value in node.inputs:
            takes = _takes_gaps(node.op)
            wish = border_of(node.op, shapes[value], exact=exact) if takes else None
            wishes.setdefault(value, []).append(wish)
    found: dict[str, Pads] = {}
    for value, wanted in wishes.items():
        pads = [wish for wish in wanted if wish is not None]
        if value in graph.outputs or len(pads) < len(wanted) or len(shapes[value]) != 4:
            continue
        top, bottom, left, right = (max(sides) for sides in zip(*pads, strict=True))
        if top or bottom or left or right or value in planar:
            found[value] = (top, bottom, left, right)
    return found


def _takes_gaps(op: Op) -> bool:
    """Tell whether an op reads a map inside a border as quickly as one without."""
    if isinstance(op, Conv2D):
        return not (op.groups == 1 and is_pointwise(op))
    return isinstance(op, Elementwise | Concat | MaxFeatureMap | Pool2D)
