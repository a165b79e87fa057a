"""From records to a graph: the table of op types, inputs, outputs and the batch.

A graph input of rank 4 that is read by nothing but ``Transpose(0, 3, 1, 2)`` is an image in
(N, H, W, C) order; it becomes an input in (N, C, H, W) order, as every session takes images, and
the transposes vanish (their names remain, as blobs of the input). Outputs keep the file's order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from zqcnn_xp.errors import FormatError, GraphError, ShapeError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.onnx import (
    activations,
    arithmetic,
    conv,
    conv_transpose,
    dense,
    functions,
    normalization,
    pool,
    rearrange,
    reduce,
    regions,
    resize,
    shapes,
)
from zqcnn_xp.formats.onnx.builder import Builder
from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.fold import FOLDS, Fold, constant, fold, shape_of
from zqcnn_xp.formats.onnx.inputs import graph_input, images_of, is_to_nchw
from zqcnn_xp.formats.onnx.records import ModelRecord, NodeRecord
from zqcnn_xp.formats.onnx.values import EVEN_PROBES, PROBES, Const, Value, probe_shapes
from zqcnn_xp.graph import Graph, GraphInput
from zqcnn_xp.ops.base import Shape

__all__ = ["LOWERINGS", "ONNX", "Dialect", "lower"]

Lowering = Callable[[Call], None]

LOWERINGS: Mapping[str, Lowering] = {
    "Constant": constant,
    "Shape": shape_of,
    "Upsample": resize.upsample,
    "Resize": resize.resize,
    **activations.LOWERINGS,
    **arithmetic.LOWERINGS,
    **conv.LOWERINGS,
    **conv_transpose.LOWERINGS,
    **dense.LOWERINGS,
    **functions.LOWERINGS,
    **normalization.LOWERINGS,
    **pool.LOWERINGS,
    **rearrange.LOWERINGS,
    **reduce.LOWERINGS,
    **regions.LOWERINGS,
    **shapes.LOWERINGS,
}
"""Lowering function of each op type; `FOLDS` are used where all inputs are constant."""


@dataclass(frozen=True)
class Dialect:
    """The words of a format whose files are graphs of operators on tensors.

    Parameters
    ----------
    lowerings
        By op type, what a node becomes.
    folds
        By op type, the NumPy function for nodes whose inputs are all constant.
    to_nchw
        Whether a node turns (N, H, W, C) into (N, C, H, W) and does nothing else.
    """

    lowerings: Mapping[str, Lowering]
    folds: Mapping[str, Fold]
    to_nchw: Callable[[ModelRecord, NodeRecord], bool]


ONNX = Dialect(LOWERINGS, FOLDS, is_to_nchw)


def lower(
    model: ModelRecord,
    limits: Limits,
    size: tuple[int | None, int | None] = (None, None),
    dialect: Dialect = ONNX,
) -> Graph:
    """Build the graph; ``size`` is taken for a free height and width of the images.

    Raises
    ------
    FormatError
        Naming the node, its op type and what is not covered.
    """
    _check_counts(model, limits)
    images = images_of(model, dialect.to_nchw)
    inputs = tuple(graph_input(model, port, port.name in images, size) for port in model.inputs)
    if all(size is not None for source in inputs for size in source.shape):
        return _lower(model, limits, inputs, PROBES[:1], dialect)
    try:
        return _lower(model, limits, inputs, PROBES, dialect)
    except FormatError as error:
        # An op refused the sizes: the network may want multiples of 32.
        if not isinstance(error.__cause__, ShapeError):
            raise
        try:
            return _lower(model, limits, inputs, EVEN_PROBES, dialect)
        except FormatError as second:
            # Sizes refused again say less than what stands in the way at any size.
            raise (error if isinstance(second.__cause__, ShapeError) else second) from None


def _lower(
    model: ModelRecord,
    limits: Limits,
    inputs: tuple[GraphInput, ...],
    probes: tuple[Shape, ...],
    dialect: Dialect,
) -> Graph:
    images = images_of(model, dialect.to_nchw)
    builder = Builder(model, limits, len(probes))
    blobs = _start(builder, model, inputs, probes)
    for node in model.nodes:
        if images.intersection(node.inputs):
            # One of the transposes that vanish: its result is the input itself.
            _define(builder, node)
            builder.operands[node.outputs[0]] = builder.operands[node.inputs[0]]
            blobs[node.outputs[0]] = node.inputs[0]
        elif node.index not in builder.done:
            _lower_node(builder, node, dialect)
    outputs = tuple(_output(builder, port.name, blobs) for port in model.outputs)
    made = {value for node in builder.nodes for value in node.outputs}
    blobs.update({name: name for name in builder.operands if name in made})
    graph = Graph(inputs, tuple(builder.nodes), outputs, blobs, model.name)
    try:
        return _free_batch(graph.validate())
    except GraphError as error:
        raise FormatError(model.file, "", str(error), "a well-formed graph") from error


def _check_counts(model: ModelRecord, limits: Limits) -> None:
    for what, count, bound, name in (
        ("nodes", len(model.nodes), limits.max_layers, "max_layers"),
        ("initializers", len(model.tensors), limits.max_tensors, "max_tensors"),
    ):
        if count > bound:
            expected = f"at most {bound:,} (Limits.{name})"
            raise FormatError(model.file, "", f"{count:,} {what}", expected)
    if not model.inputs or not model.outputs:
        raise FormatError(model.file, "", "a graph without inputs or outputs", "both")
    names = [port.name for port in model.inputs]
    if "" in names or len(set(names)) != len(names):
        raise FormatError(model.file, "", f"inputs {names}", "different names")


def _start(
    builder: Builder,
    model: ModelRecord,
    inputs: tuple[GraphInput, ...],
    probes: tuple[Shape, ...],
) -> dict[str, str]:
    for name, tensor in model.tensors.items():
        builder.operands[name] = builder.constant(tensor)
    for source in inputs:
        value = Value(source.name, probe_shapes(source.shape, probes))
        if source.name in builder.operands:
            raise FormatError(model.file, f"input {source.name!r}", "a second one", "one")
        builder.operands[source.name] = value
        if any(max(shape, default=0) > builder.limits.max_elements for shape in value.shapes):
            found, expected = f"shape {source.shape}", "sizes within Limits.max_elements"
            raise FormatError(model.file, f"input {source.name!r}", found, expected)
    return {source.name: source.name for source in inputs}


def _define(builder: Builder, node: NodeRecord) -> None:
    """Check that every output has a name of its own."""
    if not node.outputs or not node.outputs[0]:
        raise FormatError(builder.file, node.label, "no output", "at least one, with a name")
    for name in node.outputs:
        if name and name in builder.defined:
            found = f"output {name!r}, which is already there"
            raise FormatError(builder.file, node.label, found, "a new name")
        builder.defined.add(name)


def _lower_node(builder: Builder, node: NodeRecord, dialect: Dialect) -> None:
    _define(builder, node)
    for name in node.inputs:
        if name and name not in builder.operands:
            found = f"input {name!r}, which nothing before it computes"
            raise FormatError(builder.file, node.label, found, "nodes in order of execution")
    call = Call(builder, node)
    lowering = dialect.lowerings.get(node.op_type) if not node.domain else None
    known = [builder.operands[name] for name in node.inputs if name]
    if known and all(isinstance(operand, Const) for operand in known) and not node.domain:
        folding = dialect.folds.get(node.op_type)
        if folding is not None:
            fold(call, folding)
            call.finish()
            return
    if lowering is None:
        kind = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        expected = "one of " + ", ".join(sorted(dialect.lowerings))
        raise call.error(f"op type {kind!r}", expected)
    lowering(call)
    call.finish()


def _output(builder: Builder, name: str, blobs: Mapping[str, str]) -> str:
    operand = builder.operands.get(name)
    if not isinstance(operand, Value):
        found = "a constant" if operand is not None else "a name that nothing computes"
        raise FormatError(builder.file, f"output {name!r}", found, "a computed value")
    return blobs.get(name, operand.name)


def _free_batch(graph: Graph) -> Graph:
    """Lift a batch fixed at 1 where a batch of n surely gives what n runs would give."""
    fixed = [source.shape[:1] == (1,) for source in graph.inputs]
    nominal = {s.name: tuple(size or 1 for size in s.shape) for s in graph.inputs}
    whole = all(None not in source.shape for source in graph.inputs)
    if not (whole and all(fixed)) or any(node.op.mixes_batch for node in graph.nodes):
        return graph
    freed = tuple(replace(s, shape=(None, *s.shape[1:])) for s in graph.inputs)
    wider = replace(graph, inputs=freed)
    try:
        one = graph.shapes(nominal)
        two = wider.shapes({name: (2, *shape[1:]) for name, shape in nominal.items()})
    except ShapeError:
        return graph
    kept = all(two[v] == (2, *shape[1:]) and shape[:1] == (1,) for v, shape in one.items())
    return wider if kept else graph
