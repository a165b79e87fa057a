"""Weights of an ONNX model in float16, computation in float32."""

from __future__ import annotations

import numpy as np

from zqcnn_xp.errors import GraphError

__all__ = ["half_weights"]


def half_weights(data: bytes) -> bytes:
    """Return a model whose kernels and matrices are stored in float16.

    A Cast to float32 follows each of them, so that every runtime computes as before; those that
    fold constants do it once, while they load.

    Parameters
    ----------
    data
        A model as `to_onnx` writes it.

    Raises
    ------
    GraphError
        If a weight exceeds 65504; names it.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(data)
    graph = model.graph
    taken = {tensor.name for tensor in graph.initializer}
    taken |= {name for node in graph.node for name in (*node.input, *node.output)}
    casts = []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        # A vector may have axes of size 1 so that it broadcasts.
        if array.dtype != np.float32 or sum(size > 1 for size in array.shape) < 2:
            continue
        with np.errstate(over="ignore"):
            half = array.astype(np.float16)
        if not np.array_equal(np.isfinite(half), np.isfinite(array)):
            msg = f"found {tensor.name} beyond 65504, expected float16's range"
            raise GraphError(msg)
        name = f"{tensor.name}/half"
        while name in taken:
            name += "'"
        taken.add(name)
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(half, name))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    found: bytes = model.SerializeToString()
    return found
