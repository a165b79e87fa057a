"""One network as a static-single-assignment graph of frozen records with NumPy weights.

Readers make graphs, passes turn graphs into graphs, backends run them. Every value has one
writer. Public blob names, which a file may use for several values (in-place layers), are a
separate map onto values: the last writer keeps the plain name, earlier ones are ``top@layer``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from zqcnn_xp.errors import GraphError, ShapeError
from zqcnn_xp.ops.base import Op, Shape

__all__ = ["Graph", "GraphInput", "Node"]


@dataclass(frozen=True, eq=False)
class Node:
    """One op with its weights and the names of the values it reads and writes.

    Parameters
    ----------
    name
        Unique name of the layer.
    op
        The op and its attributes.
    inputs, outputs
        Names of values.
    weights
        NumPy arrays, float32, by the names of `Op.weights`.
    where
        Place in the model file, for messages: ``"det1.zqparams:12"``.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    @property
    def label(self) -> str:
        """Name, op type and place, for messages."""
        place = f", {self.where}" if self.where else ""
        return f"{type(self.op).__name__} {self.name!r}{place}"


@dataclass(frozen=True)
class GraphInput:
    """A network's input: its name and logical shape, None where any size is admitted.

    Parameters
    ----------
    name
        Name of the value.
    shape
        Logical shape; ``None`` marks a free size.
    nominal
        The sizes that the model file names, for tables and mul-add counts.
    """

    name: str
    shape: tuple[int | None, ...]
    nominal: Shape | None = None

    def check(self, shape: Shape) -> None:
        """Refuse a shape that the network does not admit.

        Raises
        ------
        ShapeError
            Naming the input, the shape found and the one expected.
        """
        fits = len(shape) == len(self.shape) and all(
            want is None or want == have for have, want in zip(shape, self.shape, strict=True)
        )
        if not fits:
            want = tuple("any" if size is None else size for size in self.shape)
            msg = (
                f"input {self.name!r}: found shape {shape}, expected ({', '.join(map(str, want))})"
            )
            raise ShapeError(msg)


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: inputs, nodes in execution order, outputs, and public blob names.

    Parameters
    ----------
    inputs, nodes, outputs
        Inputs, nodes in an order in which they can run, names of the values to return.
    blobs
        Public name to value.
    name
        For messages and tables.
    meta
        What the file says beyond the computation, for those who interpret the outputs; passes
        carry it along unchanged. The ``"heads"`` of detectors are described in
        `zqcnn_xp.formats.heads`.
    """

    inputs: tuple[GraphInput, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    blobs: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def validate(self) -> Graph:
        """Check names, order and weights; return the graph itself.

        Raises
        ------
        GraphError
            Naming the first node that is not well formed.
        """
        known = {source.name for source in self.inputs}
        if not self.inputs or len(known) != len(self.inputs):
            msg = "a graph needs at least one input, and input names must differ"
            raise GraphError(msg)
        names: set[str] = set()
        for node in self.nodes:
            if node.name in names:
                msg = f"{node.label}: found a second node of this name, expected unique names"
                raise GraphError(msg)
            names.add(node.name)
            for value in node.inputs:
                if value not in known:
                    msg = f"{node.label}: found input {value!r}, which no earlier node writes"
                    raise GraphError(msg)
            for value in node.outputs:
                if value in known:
                    msg = f"{node.label}: found output {value!r}, which is already written"
                    raise GraphError(msg)
                known.add(value)
        if not self.outputs:
            msg = "found no outputs, expected at least one"
            raise GraphError(msg)
        for value in self.outputs:
            if value not in known:
                msg = f"found output {value!r}, which no node writes"
                raise GraphError(msg)
        for blob, value in self.blobs.items():
            if value not in known:
                msg = f"found blob {blob!r} for value {value!r}, which no node writes"
                raise GraphError(msg)
        return self

    def value(self, blob: str) -> str:
        """Return the value behind a public blob name (or a value's own name).

        Raises
        ------
        GraphError
            With the nearest names there are.
        """
        if blob in self.blobs:
            return self.blobs[blob]
        values = self.values
        if blob in values:
            return blob
        near = get_close_matches(blob, [*self.blobs, *values], n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        msg = f"found no blob {blob!r} in the network{hint}"
        raise GraphError(msg)

    @property
    def values(self) -> tuple[str, ...]:
        """Names of all values, inputs first, in execution order."""
        made = (value for node in self.nodes for value in node.outputs)
        return (*(source.name for source in self.inputs), *made)

    def subgraph(self, outputs: Iterable[str]) -> Graph:
        """Keep what the given values need, the graph's inputs among it.

        Raises
        ------
        GraphError
            If there is no such value.
        """
        wanted = tuple(dict.fromkeys(outputs))
        known = set(self.values)
        for value in wanted:
            if value not in known:
                msg = f"found output {value!r}, expected a value of the graph"
                raise GraphError(msg)
        needed = set(wanted)
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        nodes = tuple(reversed(kept))
        inputs = tuple(source for source in self.inputs if source.name in needed)
        there = {s.name for s in inputs} | {v for node in nodes for v in node.outputs}
        blobs = {blob: value for blob, value in self.blobs.items() if value in there}
        return replace(self, inputs=inputs, nodes=nodes, outputs=wanted, blobs=blobs)

    def shapes(self, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
        """Return the logical shape of every value.

        Raises
        ------
        ShapeError
            If an input is missing or refused, or an op refuses its inputs; names the node.
        """
        found: dict[str, Shape] = {}
        for source in self.inputs:
            if source.name not in inputs:
                msg = f"found no shape for input {source.name!r}"
                raise ShapeError(msg)
            source.check(inputs[source.name])
            found[source.name] = tuple(inputs[source.name])
        for node in self.nodes:
            try:
                outputs = node.op.infer(*(found[value] for value in node.inputs))
            except ValueError as error:  # a wrong number of inputs fails to unpack
                msg = f"{node.label}: {error}"
                raise ShapeError(msg) from error
            if len(outputs) != len(node.outputs):
                msg = f"{node.label}: found {len(node.outputs)} outputs, expected {len(outputs)}"
                raise ShapeError(msg)
            found.update(zip(node.outputs, outputs, strict=True))
        return found

    @property
    def nominal_shapes(self) -> dict[str, Shape] | None:
        """Shape of each input as the file names it, or None where it names none."""
        nominal = {source.name: source.nominal for source in self.inputs}
        if any(shape is None or 0 in shape for shape in nominal.values()):
            return None
        return {name: shape for name, shape in nominal.items() if shape is not None}

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(int(w.size) for node in self.nodes for w in node.weights.values())

    def muladds(self, inputs: Mapping[str, Shape]) -> int:
        """Multiply-adds of one run at these input shapes, as ZQCNN counts them."""
        shapes = self.shapes(inputs)
        return sum(node.op.muladds(*(shapes[v] for v in node.inputs)) for node in self.nodes)

    def check_weights(self, inputs: Mapping[str, Shape]) -> None:
        """Compare the weights of every node with the shapes its op expects.

        Raises
        ------
        GraphError
            Naming the node, the weight, the shape found and the one expected.
        """
        shapes = self.shapes(inputs)
        for node in self.nodes:
            want = node.op.weights(*(shapes[v] for v in node.inputs))
            have = {name: tuple(np.shape(w)) for name, w in node.weights.items()}
            if want != have:
                msg = f"{node.label}: found weights {have}, expected {want}"
                raise GraphError(msg)

    def __str__(self) -> str:
        """Return one line a node: name, op, inputs, outputs."""
        lines = [f"graph {self.name or '?'}"]
        lines += [f"  input {s.name} {s.shape}" for s in self.inputs]
        for node in self.nodes:
            reads, writes = ", ".join(node.inputs), ", ".join(node.outputs)
            lines.append(f"  {writes} = {node.op}({reads})")
        lines.append(f"  output {', '.join(self.outputs)}")
        return "\n".join(lines)
