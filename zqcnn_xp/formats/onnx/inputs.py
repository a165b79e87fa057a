"""The network's inputs: types, free sizes, and images that come channels-last."""

from __future__ import annotations

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.onnx.records import ModelRecord, NodeRecord, Port
from zqcnn_xp.graph import GraphInput

__all__ = ["graph_input", "transposed"]

_TO_NCHW = (0, 3, 1, 2)


def graph_input(model: ModelRecord, port: Port) -> GraphInput:
    """Return the input in (N, C, H, W) order, whichever the file has.

    Raises
    ------
    FormatError
        If it is no float32 tensor of known rank.
    """
    where = f"input {port.name!r}"
    if port.dtype != np.dtype("<f4"):
        raise FormatError(model.file, where, f"type {port.dtype}", "float32")
    if port.shape is None:
        raise FormatError(model.file, where, "no shape", "one, at least its number of axes")
    if len(port.shape) > 16:
        raise FormatError(model.file, where, f"{len(port.shape)} axes", "at most 16")
    shape = port.shape
    if transposed(model, port):
        shape = tuple(shape[axis] for axis in _TO_NCHW)
    nominal = tuple(size for size in shape if size is not None)
    return GraphInput(port.name, shape, nominal if len(nominal) == len(shape) else None)


def transposed(model: ModelRecord, port: Port) -> bool:
    """Tell whether all that reads an input is a transpose from (N, H, W, C) to (N, C, H, W)."""
    if port.shape is None or len(port.shape) != 4:
        return False
    readers = [node for node in model.nodes if port.name in node.inputs]
    outputs = {output.name for output in model.outputs}
    return (
        bool(readers)
        and port.name not in outputs
        and all(is_to_nchw(node) and node.outputs[0] not in outputs for node in readers)
    )


def is_to_nchw(node: NodeRecord) -> bool:
    """Tell whether a node is that transpose and nothing else."""
    perm = node.attributes.get("perm")
    return (
        node.op_type == "Transpose"
        and not node.domain
        and len(node.inputs) == len(node.outputs) == len(node.attributes) == 1
        and perm is not None
        and perm.value == _TO_NCHW
    )
