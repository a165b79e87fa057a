"""From records to a graph: the table of layer types.

An IR is a graph of operators on tensors, as an ONNX file is, so the machinery of that reader
(`zqcnn_xp.formats.onnx`) is shared: constants folded at probes of the free sizes, constants that
broadcast as per-channel weights, images in (N, H, W, C) order, a batch of 1 lifted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.onnx.inputs import TO_NCHW
from zqcnn_xp.formats.onnx.lower import Dialect, Lowering
from zqcnn_xp.formats.onnx.lower import lower as lower_operators
from zqcnn_xp.formats.onnx.records import ModelRecord, NodeRecord
from zqcnn_xp.formats.openvino import pointwise, reductions, shapes, ssd, windows
from zqcnn_xp.formats.openvino.fold import FOLDS, shape_of_value
from zqcnn_xp.formats.openvino.resize import interpolate
from zqcnn_xp.graph import Graph

__all__ = ["LOWERINGS", "OPENVINO", "lower"]

LOWERINGS: Mapping[str, Lowering] = {
    "Interpolate": interpolate,
    "ShapeOf": shape_of_value,
    **pointwise.LOWERINGS,
    **reductions.LOWERINGS,
    **shapes.LOWERINGS,
    **ssd.LOWERINGS,
    **windows.LOWERINGS,
}
"""Lowering function of each layer type; `FOLDS` are used where all inputs are constant."""


def is_to_nchw(model: ModelRecord, node: NodeRecord) -> bool:
    """Tell whether a layer brings (N, H, W, C) into (N, C, H, W) and does nothing else."""
    if node.op_type != "Transpose" or len(node.inputs) != 2 or len(node.outputs) != 1:
        return False
    order = model.tensors.get(node.inputs[1])
    return order is not None and order.ndim == 1 and tuple(order.tolist()) == TO_NCHW


OPENVINO = Dialect(LOWERINGS, FOLDS, is_to_nchw)


def lower(
    model: ModelRecord,
    aliases: Mapping[str, str],
    limits: Limits,
    size: tuple[int | None, int | None] = (None, None),
) -> Graph:
    """Build the graph.

    Parameters
    ----------
    model
        Operators in order.
    aliases
        Further names of tensors, which become blobs.
    limits
        Bounds on what the file may ask for.
    size
        (height, width) to take where the file leaves those of an image free.

    Raises
    ------
    FormatError
        Naming the layer, its type and what is not covered.
    """
    graph = lower_operators(model, limits, size, OPENVINO)
    more = {
        name: graph.blobs[own]
        for name, own in aliases.items()
        if own in graph.blobs and name not in graph.blobs
    }
    return replace(graph, blobs={**graph.blobs, **more})
