"""Write a graph as ZQCNN's text and weights.

The file means to this library's reader what the graph means; nothing is approximated. The
format's blobs have four axes: a value of fewer gets sizes of 1 behind, so that (N, 10) becomes
(N, 10, 1, 1). What has no words in the format is refused, naming the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.zqcnn import write_pointwise as pointwise
from zqcnn_xp.formats.zqcnn import write_shape as shape_layers
from zqcnn_xp.formats.zqcnn import write_ssd as ssd
from zqcnn_xp.formats.zqcnn import write_window as window
from zqcnn_xp.formats.zqcnn.emit import Emitter, four, refused
from zqcnn_xp.formats.zqcnn.names import Words, blob_names
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import (
    LRN,
    Activation,
    BatchNorm,
    Concat,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DetectionOutput,
    DetectionOutputMxnet,
    Elementwise,
    Flatten,
    Identity,
    L2Normalize,
    Lstm,
    Op,
    Pool2D,
    PReLU,
    PriorBox,
    PriorBoxMxnet,
    PriorBoxText,
    Reduce,
    Reshape,
    Scalar,
    ScalarOf,
    Scale,
    Softmax,
    Tile,
    Transpose,
    Unary,
    Upsample,
)
from zqcnn_xp.ops.base import Shape

__all__ = ["WRITERS", "to_zqcnn"]

Write: TypeAlias = Callable[[Emitter, Node, Any, tuple[Shape, ...]], None]

# Stands in for a free height or width, for ranks and channels alone; the reader's own choice.
_STAND_IN = 512

WRITERS: Mapping[type[Op], Write] = {
    Activation: pointwise.activation,
    BatchNorm: pointwise.batch_norm,
    Concat: shape_layers.concat,
    Conv2D: window.convolution,
    ConvTranspose2D: window.deconvolution,
    Dense: window.inner_product,
    DetectionOutput: ssd.detection_output,
    DetectionOutputMxnet: ssd.detection_output_mxnet,
    Elementwise: pointwise.eltwise,
    Flatten: shape_layers.flatten,
    Identity: pointwise.copy,
    L2Normalize: pointwise.normalize,
    LRN: pointwise.lrn,
    Lstm: shape_layers.lstm,
    PReLU: pointwise.activation,
    Pool2D: window.pooling,
    PriorBox: ssd.prior_box,
    PriorBoxMxnet: ssd.prior_box_mxnet,
    PriorBoxText: ssd.prior_box,
    Reduce: shape_layers.reduction,
    Reshape: shape_layers.reshape,
    Scalar: pointwise.scalar,
    ScalarOf: pointwise.scalar,
    Scale: pointwise.scale,
    Softmax: pointwise.softmax,
    Tile: shape_layers.tile,
    Transpose: shape_layers.permute,
    Unary: pointwise.unary,
    Upsample: shape_layers.upsampling,
}
"""How each op is written."""


def to_zqcnn(graph: Graph, shapes: Mapping[str, Shape] | None = None) -> tuple[bytes, bytes]:
    r"""Return a graph as the bytes of a .zqparams and a .nchwbin file.

    Parameters
    ----------
    graph
        With one input. Fused activations become layers of their own; what computes no output is
        left out.
    shapes
        Logical shape of the input, to write a network of that size: it stands on the Input line,
        and layers whose form depends on it are written for it. None takes the size that the
        graph's file names, for the Input line alone.

    Returns
    -------
    text, weights
        Layers in UTF-8, and little-endian float32.

    Raises
    ------
    GraphError
        If a node cannot be written; names it.
    ShapeError
        If the network does not admit ``shapes``.

    Notes
    -----
    The format has no grouped convolution other than depthwise. One is written as the full
    convolution with zeros between the groups: the same numbers from a larger file.

    Examples
    --------
    >>> from zqcnn_xp.formats import read_graph
    >>> text = b"Input name=x C=1 H=4 W=4\nReLU name=r bottom=x top=y\n"
    >>> to_zqcnn(read_graph(text, b""))[0] == text
    True
    """
    if len(graph.inputs) != 1:
        names = ", ".join(source.name for source in graph.inputs)
        msg = f"found the inputs {names}, expected one: a .zqparams file has one Input line"
        raise GraphError(msg)
    graph = graph.subgraph(graph.outputs)
    (source,) = graph.inputs or (None,)
    if source is None or source.name in graph.outputs:
        msg = f"found outputs {', '.join(graph.outputs)}, expected outputs that layers compute"
        raise GraphError(msg)
    declared = _declared(source, shapes)
    found = graph.shapes(dict(shapes) if shapes else {source.name: _stand_in(source)})
    for node in graph.nodes:
        if type(node.op) not in WRITERS or len(node.outputs) != 1:
            raise refused(node, "has no counterpart in a .zqparams file")
        if any(len(found[value]) > 4 for value in (*node.inputs, *node.outputs)):
            raise refused(node, "has more than the four axes of a .zqparams file")
    fixed = bool(shapes) or None not in source.shape[1:]
    emit, copies = _emitter(graph, fixed=fixed, sized=declared is not None)
    channels = four(found[source.name])[1]
    size = f" H={declared[0]} W={declared[1]}" if declared else ""
    emit.head(f"Input name={emit.blobs[source.name]} C={channels}{size}")
    for node in graph.nodes:
        WRITERS[type(node.op)](emit, node, node.op, tuple(found[v] for v in node.inputs))
    for node, name in copies:
        emit.line("Copy", node, bottoms=[emit.blobs[node.outputs[0]]], top=name, part="copy")
    return emit.files()


def _declared(source: GraphInput, shapes: Mapping[str, Shape] | None) -> Shape | None:
    """Return the (height, width) of the Input line, or None."""
    named: tuple[int | None, ...] = source.nominal or source.shape
    if shapes:
        named = shapes.get(source.name, ())
    if len(source.shape) not in (2, 3, 4) or source.shape[1] is None:
        msg = (
            f"input {source.name!r}: found shape {source.shape}, expected (batch, channels, "
            "height, width) with a known number of channels"
        )
        raise GraphError(msg)
    height, width = four([size or 0 for size in named])[2:]
    return (height, width) if height and width else None


def _stand_in(source: GraphInput) -> Shape:
    nominal = source.nominal or (0,) * len(source.shape)
    sizes = (size or named for size, named in zip(source.shape, nominal, strict=True))
    return tuple(n or (_STAND_IN if axis > 1 else 1) for axis, n in enumerate(sizes))


def _emitter(graph: Graph, *, fixed: bool, sized: bool) -> tuple[Emitter, list[tuple[Node, str]]]:
    """Return the emitter with all names chosen, and which results have to be copied at the end.

    A reader takes for outputs what no layer reads, in file order. Where that is not what the
    graph says, the outputs are copied in its order.
    """
    blob_words, words = Words(), Words()
    planned = blob_names(graph)
    taken: dict[str, str] = {}
    for blob in dict.fromkeys(planned.values()):
        taken[blob] = blob_words.fresh(blob)
    blobs = {value: taken[blob] for value, blob in planned.items()}
    words.fresh(taken[graph.inputs[0].name])
    layers = {node.name: words.fresh(node.name) for node in graph.nodes}
    read = {value for node in graph.nodes for value in node.inputs}
    natural = [v for node in graph.nodes for v in node.outputs if v not in read]
    copies: list[tuple[Node, str]] = []
    if tuple(natural) != graph.outputs:
        writer = {value: node for node in graph.nodes for value in node.outputs}
        for value in graph.outputs:
            copies.append((writer[value], blobs[value]))
            blobs[value] = blob_words.fresh(f"{value}/inner")
    return Emitter(blobs, layers, words, blob_words, fixed=fixed, sized=sized), copies
