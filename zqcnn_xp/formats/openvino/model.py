"""From the layers and edges of an IR to operators on named tensors, in order of execution."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.onnx.records import Attribute, ModelRecord, NodeRecord, Port, Tensor
from zqcnn_xp.formats.openvino.blobs import Blobs, shape_of_text
from zqcnn_xp.formats.openvino.records import Layer, LayerNode, NetRecord

__all__ = ["aliases", "to_model"]

Place = tuple[int, int]


def to_model(net: NetRecord, blobs: Blobs) -> ModelRecord:
    """Name every tensor, sort the layers, read the constants.

    Raises
    ------
    FormatError
        For edges that lead nowhere, inputs without one or with two, and cycles.
    """
    sources = _sources(net)
    order = _sorted(net, sources)
    names = _names(net)
    inputs: list[Port] = []
    outputs: list[Port] = []
    tensors: dict[str, Tensor] = {}
    nodes: list[NodeRecord] = []
    for layer in order:
        reads = tuple(names[sources[layer.number, port]] for port in layer.inputs)
        gives = tuple(names[layer.number, port.number] for port in layer.outputs)
        if layer.kind == "Parameter":
            inputs.append(_parameter(net, layer, gives))
        elif layer.kind == "Result":
            # One value may be given out twice; it is one output.
            if reads and reads[0] not in {port.name for port in outputs}:
                outputs.append(Port(reads[0], None, None))
        elif layer.kind == "Const":
            if len(gives) != 1:
                raise _error(net, layer, f"{len(gives)} outputs", "1")
            tensors[gives[0]] = blobs.array(layer)
        else:
            attributes = {k: Attribute("string", v) for k, v in layer.attributes.items()}
            place = (len(nodes), layer.name, layer.kind, "", reads, gives, attributes)
            nodes.append(LayerNode(*place, layer.line, layer.number, layer.version))
    ports = (tuple(inputs), tuple(outputs))
    # The last operator set of ONNX: lowerings of the same operators are shared.
    return ModelRecord(net.file, net.name, 22, *ports, tensors, tuple(nodes), {})


def aliases(net: NetRecord) -> Mapping[str, str]:
    """Return the other names of tensors: (further) tensor names, and names of layers."""
    names = _names(net)
    found: dict[str, str] = {}
    for layer in net.layers:
        for port in layer.outputs:
            own = names[layer.number, port.number]
            for name in (*port.names, *((layer.name,) if len(layer.outputs) == 1 else ())):
                found.setdefault(name, own)
    return found


def _sources(net: NetRecord) -> dict[Place, Place]:
    """Return where each input comes from."""
    gives = {(layer.number, port.number) for layer in net.layers for port in layer.outputs}
    takes = {(layer.number, port) for layer in net.layers for port in layer.inputs}
    found: dict[Place, Place] = {}
    for edge in net.edges:
        where = f"line {edge.line}"
        for place, known, what in ((edge.source, gives, "output"), (edge.target, takes, "input")):
            if place not in known:
                text = f"an edge with port {place[1]} of layer {place[0]}"
                raise FormatError(net.file, where, text, f"an {what} port that is there")
        if edge.target in found:
            text = f"a second edge to port {edge.target[1]} of layer {edge.target[0]}"
            raise FormatError(net.file, where, text, "one")
        found[edge.target] = edge.source
    for layer in net.layers:
        for port in layer.inputs:
            if (layer.number, port) not in found:
                raise _error(net, layer, f"no edge to input port {port}", "one")
    return found


def _sorted(net: NetRecord, sources: Mapping[Place, Place]) -> list[Layer]:
    """Return the layers so that each stands behind those it reads from, else as in the file."""
    layers = {layer.number: layer for layer in net.layers}
    missing = {layer.number: len(layer.inputs) for layer in net.layers}
    readers: dict[int, list[int]] = {}
    for (number, _), (source, _) in sources.items():
        readers.setdefault(source, []).append(number)
    place = {layer.number: index for index, layer in enumerate(net.layers)}
    ready = [(place[number], number) for number, count in missing.items() if count == 0]
    order: list[Layer] = []
    while ready:
        _, number = heappop(ready)
        order.append(layers[number])
        for reader in readers.get(number, []):
            missing[reader] -= 1
            if missing[reader] == 0:
                heappush(ready, (place[reader], reader))
    if len(order) != len(layers):
        done = {layer.number for layer in order}
        first = next(layer for layer in net.layers if layer.number not in done)
        raise _error(net, first, "a cycle of edges", "layers that do not read from themselves")
    return order


def _names(net: NetRecord) -> dict[Place, str]:
    """Name every output: by its first tensor name, else its layer, made unique by the port."""
    found: dict[Place, str] = {}
    taken: set[str] = set()
    for layer in net.layers:
        for port in layer.outputs:
            place = (layer.number, port.number)
            own = layer.name if len(layer.outputs) == 1 else f"{layer.name}.{port.number}"
            wanted = (*port.names, own, f"{layer.name}#{layer.number}.{port.number}")
            name = next((w for w in wanted if w and w not in taken), "")
            if not name or place in found:
                raise _error(net, layer, f"output {port.number} twice, or its names", "one")
            found[place] = name
            taken.add(name)
    return found


def _parameter(net: NetRecord, layer: Layer, gives: tuple[str, ...]) -> Port:
    if len(gives) != 1:
        raise _error(net, layer, f"{len(gives)} outputs", "1")
    shape = shape_of_text(layer.attributes.get("shape", ""))
    if shape is None:
        shown = layer.attributes.get("shape", "")[:60]
        raise _error(net, layer, f"shape {shown!r}", "a list of sizes")
    element = layer.attributes.get("element_type", "")
    if element not in ("f32", "f16"):
        # Half floats are the precision of one device: here they are computed in float32.
        raise _error(net, layer, f"an input of type {element[:20]!r}", "f32 or f16")
    return Port(gives[0], shape, np.dtype("<f4"))


def _error(net: NetRecord, layer: Layer, found: str, expected: str) -> FormatError:
    return FormatError(net.file, layer.label, found, expected)
