"""The network's inputs: types, free sizes, and images that come channels-last."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.onnx.records import ModelRecord, NodeRecord, Port
from zqcnn_xp.formats.onnx.tensors import MAX_RANK
from zqcnn_xp.graph import GraphInput

__all__ = ["TO_NCHW", "graph_input", "images_of", "is_to_nchw"]

TO_NCHW = (0, 3, 1, 2)


def images_of(
    model: ModelRecord, to_nchw: Callable[[ModelRecord, NodeRecord], bool]
) -> frozenset[str]:
    """Return the inputs that nothing reads but transposes from (N, H, W, C) to (N, C, H, W)."""
    images = {port.name for port in model.inputs if port.shape is not None and len(port.shape) == 4}
    outputs = {port.name for port in model.outputs}
    read: set[str] = set()
    for node in model.nodes:
        read.update(node.inputs)
        if not to_nchw(model, node) or node.outputs[0] in outputs:
            images.difference_update(node.inputs)
    return frozenset((images & read) - outputs)


def graph_input(
    model: ModelRecord,
    port: Port,
    image: bool,
    size: tuple[int | None, int | None] = (None, None),
) -> GraphInput:
    """Return an input; ``image`` brings (N, H, W, C) into (N, C, H, W) order.

    ``size`` (height, width) stands in for those that the file leaves free.

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
    if len(port.shape) > MAX_RANK:
        raise FormatError(model.file, where, f"{len(port.shape)} axes", f"at most {MAX_RANK}")
    shape = port.shape
    if image:
        shape = tuple(shape[axis] for axis in TO_NCHW)
    if len(shape) == 4:
        given = zip(shape[2:], size, strict=True)
        shape = (*shape[:2], *(wanted if own is None else own for own, wanted in given))
    nominal = tuple(size for size in shape if size is not None)
    return GraphInput(port.name, shape, nominal if len(nominal) == len(shape) else None)


def is_to_nchw(model: ModelRecord, node: NodeRecord) -> bool:
    """Tell whether a node is that transpose and nothing else."""
    perm = node.attributes.get("perm")
    return (
        node.op_type == "Transpose"
        and not node.domain
        and len(node.inputs) == len(node.outputs) == len(node.attributes) == 1
        and perm is not None
        and perm.value == TO_NCHW
    )
