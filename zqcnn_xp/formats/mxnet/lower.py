"""Records to a graph: what is data, what is a weight, what belongs to training."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from math import prod
from pathlib import PurePath

from zqcnn_xp.errors import FormatError, GraphError, InputError, ShapeError
from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.mxnet import lower_arithmetic, lower_pointwise, lower_shape, lower_window
from zqcnn_xp.formats.mxnet.call import Call, Lowering, Operand
from zqcnn_xp.formats.mxnet.params import Params
from zqcnn_xp.formats.mxnet.record import Record, Symbol
from zqcnn_xp.formats.place import explain
from zqcnn_xp.graph import Graph, GraphInput
from zqcnn_xp.ops.base import Shape

__all__ = ["LOWERINGS", "lower"]

LOWERINGS: Mapping[str, Lowering] = {
    **lower_arithmetic.LOWERINGS,
    **lower_pointwise.LOSSES,
    **lower_pointwise.LOWERINGS,
    **lower_shape.LOWERINGS,
    **lower_window.LOWERINGS,
}
"""Lowering function of each operator."""


def lower(
    symbol: Symbol,
    params: Params,
    inputs: Mapping[str, Shape],
    trained: frozenset[int],
    limits: Limits,
) -> tuple[Graph, bool, set[str]]:
    """Build the graph at given input shapes.

    Parameters
    ----------
    symbol, params
        What the files hold.
    inputs
        Shape of every data variable.
    trained
        Nodes that are left out because they need a label (`zqcnn_xp.formats.mxnet.inputs`).
    limits
        Bounds on what is built.

    Returns
    -------
    graph, sized, used
        The graph, with the batch free and the other sizes of ``inputs``; whether it holds for
        these sizes alone; the names of the arrays it read.

    Raises
    ------
    FormatError
        Naming the node.
    """
    reserved = {record.name for record in symbol.records}
    reserved |= {f"{record.name}_output" for record in symbol.records}
    assembly = Assembly(limits, reserved)
    assembly.shapes.update(inputs)
    found: dict[tuple[int, int], Operand] = {}
    used: set[str] = set()
    for record in symbol.records:
        if record.line in trained:
            continue
        if record.kind == "null":
            found[record.line, 0] = _variable(record, params, inputs, used)
            continue
        operands = [found.get(entry) for entry in record.inputs]
        if record.kind in lower_pointwise.LOSSES:
            operands = operands[:1]
        _check_operands(record, symbol, found, operands)
        call = Call(record, assembly, operands, params, used)
        try:
            _lowering(record)(call)
        except (ShapeError, InputError) as error:
            if isinstance(error, FormatError):
                raise
            raise explain(record, error) from error
        found.update({(record.line, result): name for result, name in call.results.items()})
    sources = tuple(
        GraphInput(name, (None, *shape[1:]), shape if prod(shape) else None)
        for name, shape in inputs.items()
    )
    outputs = _outputs(symbol, found, trained)
    blobs = _blobs(symbol, found, assembly)
    try:
        graph = Graph(sources, tuple(assembly.nodes), outputs, blobs, _stem(symbol.file)).validate()
    except GraphError as error:
        raise FormatError(symbol.file, "", str(error), "a well-formed network") from error
    return graph, assembly.sized, used


def _variable(
    record: Record, params: Params, inputs: Mapping[str, Shape], used: set[str]
) -> Operand:
    if record.name in inputs:
        return record.name
    if record.name in params.arrays:
        used.add(record.name)
    return params.arrays.get(record.name)


def _lowering(record: Record) -> Lowering:
    lowering = LOWERINGS.get(record.kind)
    if lowering is None:
        near = get_close_matches(record.kind, LOWERINGS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise record.error(f"operator {record.kind!r}", f"one of {len(LOWERINGS)} known ones{hint}")
    return lowering


def _check_operands(
    record: Record,
    symbol: Symbol,
    found: Mapping[tuple[int, int], Operand],
    operands: list[Operand],
) -> None:
    for (line, result), _ in zip(record.inputs, operands, strict=False):
        if (line, result) not in found:
            source = symbol.records[line]
            raise record.error(
                f"output {result} of {source.kind} {source.name!r}",
                "one of its results in inference",
            )


def _outputs(
    symbol: Symbol, found: Mapping[tuple[int, int], Operand], trained: frozenset[int]
) -> tuple[str, ...]:
    """Return the heads; where one belongs to training, what it reads of the network instead."""
    outputs: list[str] = []
    pending = list(reversed(symbol.heads))
    seen: set[tuple[int, int]] = set()
    while pending:
        entry = pending.pop()
        if entry in seen:
            continue
        seen.add(entry)
        if entry[0] in trained:
            pending += reversed(symbol.records[entry[0]].inputs)
            continue
        if entry not in found:
            record = symbol.records[entry[0]]
            raise record.error(f"its output {entry[1]} as a head", "a result in inference")
        operand = found[entry]
        if isinstance(operand, str) and operand not in outputs:
            outputs.append(operand)
    return tuple(outputs)


def _blobs(
    symbol: Symbol, found: Mapping[tuple[int, int], Operand], assembly: Assembly
) -> dict[str, str]:
    blobs = {value: value for value in assembly.shapes}
    for (line, result), operand in found.items():
        name = symbol.records[line].name
        if isinstance(operand, str) and result == 0 and name not in blobs:
            blobs[name] = operand
    return blobs


def _stem(file: str) -> str:
    return PurePath(file).stem.removesuffix("-symbol")
