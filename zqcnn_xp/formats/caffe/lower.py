"""Layers to a graph: each type's rule, blob names to values, free and fixed sizes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import prod

from zqcnn_xp.errors import FormatError, GraphError, InputError, ShapeError, UnknownKeyWarning
from zqcnn_xp.formats.assembly import Assembly
from zqcnn_xp.formats.caffe import lower_math as math
from zqcnn_xp.formats.caffe import lower_pointwise as pointwise
from zqcnn_xp.formats.caffe import lower_shape as shape
from zqcnn_xp.formats.caffe import lower_ssd as ssd
from zqcnn_xp.formats.caffe import lower_window as window
from zqcnn_xp.formats.caffe.blobs import Blobs
from zqcnn_xp.formats.caffe.call import Call, Lowering
from zqcnn_xp.formats.caffe.layer import Layer
from zqcnn_xp.formats.caffe.message import Message
from zqcnn_xp.formats.caffe.network import Input, Network
from zqcnn_xp.formats.caffe.schema import field_names
from zqcnn_xp.formats.caffe.values import Values
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.place import explain
from zqcnn_xp.graph import Graph, GraphInput
from zqcnn_xp.ops.base import Shape

__all__ = ["RULES", "lower"]

_CONVOLUTIONS = ("Convolution", "ConvolutionDepthwise", "Deconvolution", "DepthwiseConvolution")


@dataclass(frozen=True)
class Rule:
    """How a type is lowered, and how many blobs it reads and writes; None is any number."""

    lowering: Lowering
    fewest: int = 1
    most: int | None = 1
    tops: int | None = 1


RULES: dict[str, Rule] = {
    "AbsVal": Rule(math.absolute),
    "Axpy": Rule(math.axpy, 3, 3),
    "BNLL": Rule(pointwise.softplus),
    "BatchNorm": Rule(pointwise.batch_norm),
    "Bias": Rule(pointwise.bias, 1, 2),
    "Clip": Rule(pointwise.clip),
    "Concat": Rule(shape.concat, 1, None),
    "Convolution": Rule(window.convolution, 1, None, None),
    "ConvolutionDepthwise": Rule(window.depthwise),
    "Crop": Rule(shape.crop, 2, 2),
    "Deconvolution": Rule(window.deconvolution, 1, None, None),
    "DepthwiseConvolution": Rule(window.depthwise),
    "DetectionOutput": Rule(ssd.detection_output, 3, 4),
    "Dropout": Rule(pointwise.dropout),
    "ELU": Rule(pointwise.elu),
    "Eltwise": Rule(math.eltwise, 1, None),
    "Exp": Rule(math.exponential),
    "Flatten": Rule(shape.flatten),
    "InnerProduct": Rule(window.inner_product),
    "Interp": Rule(shape.interp),
    "LRN": Rule(pointwise.lrn),
    "Log": Rule(math.logarithm),
    "MVN": Rule(pointwise.mvn),
    "Normalize": Rule(pointwise.normalize),
    "PReLU": Rule(pointwise.prelu),
    "Permute": Rule(shape.permute),
    "Pooling": Rule(window.pooling),
    "Power": Rule(math.power),
    "PriorBox": Rule(ssd.prior_box, 2, 2),
    "ReLU": Rule(pointwise.relu),
    "ReLU6": Rule(pointwise.relu6),
    "Reduction": Rule(math.reduction),
    "Reshape": Rule(shape.reshape),
    "Scale": Rule(pointwise.scale, 1, 2),
    "ShuffleChannel": Rule(shape.shuffle_channel),
    "Sigmoid": Rule(pointwise.sigmoid),
    "Slice": Rule(shape.slices, 1, 1, None),
    "Softmax": Rule(pointwise.softmax),
    "Swish": Rule(pointwise.swish),
    "TanH": Rule(pointwise.tanh),
    "Tile": Rule(shape.tile),
    "Upsample": Rule(shape.upsample),
}


def lower(
    network: Network, blobs: Blobs, limits: Limits, size: tuple[int, int] | None = None
) -> Graph:
    """Turn the layers into a graph.

    Height and width are free where the layers and weights fit any, the batch always is.

    Parameters
    ----------
    network, blobs
        What runs, and its weights.
    limits
        Bounds on values and nodes.
    size
        (height, width) of inputs of four axes, instead of the file's.

    Returns
    -------
    Graph
        ``blobs`` holds each blob (what its last writer left) and ``top@layer`` for each layer.
        Outputs are the values that no layer reads.

    Raises
    ------
    FormatError
        Naming the layer's place, or the byte of its weights.
    """
    names = [*(source.name for source in network.inputs), *_names(network)]
    assembly = Assembly(limits, names)
    sources = [_source(source, network, blobs, limits, size) for source in network.inputs]
    if not sources:
        place = network.layers[0] if network.layers else None
        file, where = (place.file, place.message.where) if place else (blobs.file, "")
        raise FormatError(file, where, "no input", "an Input layer or input fields")
    values = Values(sources, network)
    for source, shape_ in sources:
        assembly.shapes[source] = shape_
    for layer in network.layers:
        _lower_layer(layer, assembly, blobs, values)
    blobs.finish(network.dropped)
    return _graph(network, assembly, values, sources)


def _lower_layer(layer: Layer, assembly: Assembly, blobs: Blobs, values: Values) -> None:
    inputs = tuple(values.read_by(layer, bottom) for bottom in layer.bottoms)
    if len(set(layer.tops)) != len(layer.tops):
        raise layer.error(f"tops {layer.tops} of {layer.label}", "different names")
    if layer.kind == "Split":
        if len(inputs) != 1:
            raise layer.error(f"{len(inputs)} bottoms of {layer.label}", "1")
        for top in layer.tops:
            values.output(layer, top)
            values.written(layer, top, inputs[0])
        return
    rule = _rule(layer, inputs)
    values.read.update(inputs)
    outputs = tuple(values.output(layer, top) for top in layer.tops)
    try:
        rule.lowering(Call(layer, inputs, outputs, assembly, blobs))
    except (InputError, ShapeError) as error:
        if isinstance(error, FormatError):
            raise
        raise explain(layer, error) from error
    for top, value in zip(layer.tops, outputs, strict=True):
        values.written(layer, top, value)
    _warn_of_unknown(layer)


def _rule(layer: Layer, inputs: tuple[str, ...]) -> Rule:
    rule = RULES.get(layer.kind)
    if rule is None:
        near = get_close_matches(layer.kind, RULES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise layer.error(f"type {layer.kind!r} of layer {layer.name!r}", f"a known type{hint}")
    if len(inputs) < rule.fewest or (rule.most is not None and len(inputs) > rule.most):
        wanted = str(rule.fewest) if rule.fewest == rule.most else f"at least {rule.fewest}"
        raise layer.error(f"{len(inputs)} bottoms of {layer.label}", wanted)
    if not layer.tops or (rule.tops is not None and len(layer.tops) != rule.tops):
        raise layer.error(f"{len(layer.tops)} tops of {layer.label}", str(rule.tops or "a top"))
    return rule


def _source(
    source: Input, network: Network, blobs: Blobs, limits: Limits, size: tuple[int, int] | None
) -> tuple[str, Shape]:
    """Return an input's name and shape, completed from what reads it."""
    found = source.shape
    if len(found) == 4:
        if size is not None:
            found = (*found[:2], *size)
        if not found[1]:
            found = (found[0], _channels(source.name, network, blobs), *found[2:])
    if not found or 0 in found:
        expected = "an Input layer with a shape (or input_size=(height, width) in read_graph)"
        raise source.place.error(f"input {source.name!r} of unknown size {found}", expected)
    if prod(found) > limits.max_elements:
        expected = f"at most {limits.max_elements:,} elements (Limits.max_elements)"
        raise source.place.error(f"input {source.name!r} of shape {found}", expected)
    return source.name, found


def _channels(name: str, network: Network, blobs: Blobs) -> int:
    """Return the channels that the weights of the first convolution of a blob ask for."""
    for layer in network.layers:
        weight = blobs.shape(layer, 0)
        if name in layer.bottoms and layer.kind in _CONVOLUTIONS and weight and len(weight) == 4:
            group = layer.message.message("convolution_param").integer("group", 1, 1)
            return weight[1] * group
    return 0


def _names(network: Network) -> list[str]:
    """Return every name of the file; those of two layers must differ."""
    seen: dict[str, Layer] = {}
    for layer in network.layers:
        if layer.name in seen:
            where = seen[layer.name].message.where
            raise layer.error(f"a second {layer.label} (one at {where})", "different names")
        seen[layer.name] = layer
    return [*seen, *(top for layer in network.layers for top in layer.tops)]


def _graph(
    network: Network, assembly: Assembly, values: Values, sources: list[tuple[str, Shape]]
) -> Graph:
    made = dict.fromkeys(values.current[top] for top in values.last)
    outputs = tuple(value for value in made if value not in values.read | values.inputs)
    public = {**values.aliases, **values.current}
    inputs = tuple(_free(name, shape_) for name, shape_ in sources)
    nodes = tuple(assembly.nodes)
    graph = Graph(inputs, nodes, outputs, public, network.name)
    try:
        graph = graph.validate()
    except GraphError as error:
        file = network.layers[0].file if network.layers else "network"
        raise FormatError(file, "", str(error), "a network") from error
    if assembly.sized or not _fits_larger(graph):
        fixed = tuple(replace(s, shape=(None, *(s.nominal or ())[1:])) for s in graph.inputs)
        graph = replace(graph, inputs=fixed)
    return graph


def _free(name: str, sizes: Shape) -> GraphInput:
    free = (None, sizes[1], None, None) if len(sizes) == 4 else (None, *sizes[1:])
    return GraphInput(name, free, sizes)


def _fits_larger(graph: Graph) -> bool:
    """Say whether layers and weights admit another size of the input."""
    larger = {
        s.name: (*n[:2], 2 * n[2] + 32, 2 * n[3] + 32) if len(n) == 4 else n
        for s in graph.inputs
        for n in [s.nominal or ()]
    }
    try:
        graph.check_weights(larger)
    except (ShapeError, GraphError):
        return False
    return True


def _warn_of_unknown(layer: Layer) -> None:
    """Warn of fields that Caffe does not have: a fork may mean something by them."""
    parts = [field.value for field in layer.message.fields if isinstance(field.value, Message)]
    for message in (layer.message, *parts):
        known = field_names(message.kind)
        for field in message.fields if known is not None else ():
            if known is not None and field.name not in known:
                place = f"{layer.file}, {layer.message.origin.where(field.position)}"
                msg = f"{place}: {layer.label} has a field {field.name!r}, which is ignored"
                warnings.warn(msg, UnknownKeyWarning, stacklevel=2)
