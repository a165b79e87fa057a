"""Records to a graph: inputs, copies of blobs, and the table of layer types."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from math import prod
from pathlib import PurePath

from zqcnn_xp.errors import FormatError, GraphError, InputError, ShapeError
from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.ncnn import lower_arithmetic, lower_pointwise, lower_shape, lower_ssd
from zqcnn_xp.formats.ncnn import lower_window as window
from zqcnn_xp.formats.ncnn.call import Call, Lowering, Operand
from zqcnn_xp.formats.ncnn.heads import HEADS, heads_of
from zqcnn_xp.formats.ncnn.record import Record
from zqcnn_xp.formats.ncnn.storage import BinWeights
from zqcnn_xp.formats.place import explain
from zqcnn_xp.graph import Graph, GraphInput
from zqcnn_xp.ops.base import Shape

__all__ = ["LOWERINGS", "input_shapes", "lower"]

LOWERINGS: Mapping[str, Lowering] = {
    **lower_arithmetic.LOWERINGS,
    **lower_pointwise.LOWERINGS,
    **lower_shape.LOWERINGS,
    **lower_ssd.LOWERINGS,
    **window.LOWERINGS,
}
"""Lowering function of each layer type; `Input`, copies and arrays are handled here."""

"""Decoders of boxes, which are left out: the maps that they read are the outputs."""

_COPIES = ("Split", "Noop")
# Types that keep the number of channels, and those whose weights tell it.
_KEEPING = frozenset(
    (
        *("AbsVal", "BNLL", "BinaryOp", "Clip", "Dropout", "ELU", "HardSigmoid", "HardSwish"),
        *("Interp", "LRN", "Mish", "Noop", "Padding", "Pooling", "Power", "ReLU", "Sigmoid"),
        *("Split", "Swish", "TanH", "UnaryOp", "Eltwise", "Exp", "Log"),
    )
)
_PER_CHANNEL = ("BatchNorm", "Bias", "Scale")


def input_shapes(records: list[Record]) -> dict[str, tuple[int | None, ...]]:
    """Return the logical shape of each input, None for what the file leaves open.

    Raises
    ------
    FormatError
        If no weights behind an input tell its channels.
    """
    found: dict[str, tuple[int | None, ...]] = {}
    for record in records:
        if record.kind != "Input":
            continue
        if record.bottoms or len(record.tops) != 1:
            raise record.error(f"{len(record.tops)} tops", "one, and no bottom")
        sizes = [record.integer(key, low=0) for key in (2, 1, 0)]
        if record.integer(11):
            raise record.error("a volume", "an image, a matrix or a vector")
        known = [size for size in sizes if size]
        if sizes[2] and (sizes[1] or not sizes[0]):
            found[record.tops[0]] = (None, *known)
        elif not any(sizes[1:]):
            channels = sizes[0] or _channels(record, records)
            found[record.tops[0]] = (None, channels, None, None)
        else:
            raise record.error(f"w={sizes[2]}, h={sizes[1]}, c={sizes[0]}", "w, then h, then c")
    return found


def _channels(source: Record, records: list[Record]) -> int:
    """Return how many channels the first weights behind an input ask for."""
    same = set(source.tops)
    for record in records:
        if not same.intersection(record.bottoms):
            continue
        if record.kind in ("Convolution", "ConvolutionDepthWise"):
            groups = record.integer(7, 1, low=1) if record.kind != "Convolution" else 1
            width = record.integer(1, 1, low=1)
            cells = record.integer(0, 1, low=1) * width * record.integer(11, width, low=1)
            count = record.integer(6) * groups
            if count > 0 and count % cells == 0:
                return count // cells
        if record.kind in _PER_CHANNEL and record.integer(0) > 0:
            return record.integer(0)
        if record.kind == "PReLU" and record.integer(0) > 1:
            return record.integer(0)
        if record.kind in _KEEPING:
            same.update(record.tops)
    raise source.error("an input whose channels no weights tell", "2=<channels>")


def lower(
    records: list[Record],
    inputs: Mapping[str, Shape],
    weights: BinWeights,
    limits: Limits,
) -> tuple[Graph, bool]:
    """Build the graph at given input shapes.

    Parameters
    ----------
    records
        What `parse` returned.
    inputs
        Logical shape of every input.
    weights
        Where arrays come from; read to the end of the network.
    limits
        Bounds on what is built.

    Returns
    -------
    graph, sized
        The graph, with the batch free and the other sizes of ``inputs``; whether it holds for
        these sizes alone.

    Raises
    ------
    FormatError
        Naming the line, or the byte of the weights.
    """
    reserved = {name for record in records for name in (record.name, *record.tops)}
    assembly = Assembly(limits, reserved)
    assembly.shapes.update(inputs)
    found: dict[str, Operand] = {name: name for name in inputs}
    for record in records:
        operands = [found[blob] for blob in record.bottoms if blob in found]
        if len(operands) != len(record.bottoms):
            missing = next(blob for blob in record.bottoms if blob not in found)
            raise record.error(f"bottom {missing!r}, boxes that are left out", "an output only")
        if record.kind == "Input" or record.kind in HEADS:
            continue
        if record.kind == "MemoryData":
            found.update(_memory(record, weights))
            continue
        if record.kind in _COPIES:
            found.update(_copies(record, operands))
            continue
        found.update(_lower(record, assembly, operands, weights))
    return _graph(records, inputs, assembly, found), assembly.sized


def _lower(
    record: Record, assembly: Assembly, operands: list[Operand], weights: BinWeights
) -> dict[str, Operand]:
    lowering = LOWERINGS.get(record.kind)
    if lowering is None:
        near = get_close_matches(record.kind, LOWERINGS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        expected = f"one of {len(LOWERINGS)} known ones{hint}"
        raise record.error(f"layer type {record.kind!r}", expected)
    call = Call(record, assembly, operands, weights)
    try:
        lowering(call)
    except (ShapeError, InputError) as error:
        raise explain(record, error) from error
    if len(call.results) != len(record.tops):
        raise record.error(f"{len(record.tops)} tops", f"{len(call.results)}")
    return call.results


def _memory(record: Record, weights: BinWeights) -> dict[str, Operand]:
    sizes = [record.integer(key, low=0) for key in (2, 11, 1, 0)]
    shape = tuple(size for size in sizes if size)
    if len(record.tops) != 1 or not shape or record.bottoms:
        raise record.error(f"sizes {sizes} and {len(record.tops)} tops", "sizes, and one top")
    if record.integer(21, 1) == 0:
        array, coded = weights.main(record, "data", shape)
        if coded:
            raise record.error("int8 data without a scale", "floats")
    else:
        array = weights.raw(record, "data", shape)
    return {record.tops[0]: array}


def _copies(record: Record, operands: list[Operand]) -> dict[str, Operand]:
    if record.kind == "Noop" and len(operands) == len(record.tops):
        return dict(zip(record.tops, operands, strict=True))
    if len(operands) != 1:
        raise record.error(f"{len(operands)} bottoms", "1")
    return dict.fromkeys(record.tops, operands[0])


def _graph(
    records: list[Record],
    inputs: Mapping[str, Shape],
    assembly: Assembly,
    found: Mapping[str, Operand],
) -> Graph:
    sources = tuple(
        GraphInput(name, (None, *shape[1:]), shape if prod(shape) else None)
        for name, shape in inputs.items()
    )
    blobs = {value: value for value in assembly.shapes}
    blobs |= {blob: operand for blob, operand in found.items() if isinstance(operand, str)}
    heads = {
        found.get(blob) for record in records if record.kind in HEADS for blob in record.bottoms
    }
    read = {value for node in assembly.nodes for value in node.inputs}
    outputs = tuple(
        value
        for node in assembly.nodes
        for value in node.outputs
        if value in heads or value not in read
    )
    file = records[0].file
    try:
        name = PurePath(file).stem
        meta = {"heads": heads_of(records, found, assembly.shapes)}
        nodes = tuple(assembly.nodes)
        return Graph(sources, nodes, outputs, blobs, name, meta if meta["heads"] else {}).validate()
    except GraphError as error:
        raise FormatError(file, "", str(error), "a well-formed network") from error
