"""Write a graph as an ONNX model.

The model means what the graph means: logical NCHW, free sizes as symbolic dimensions. An op or
attribute that ONNX has no word for is refused, naming the node; nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.onnx.emit import Emitter
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.window import Pads

__all__ = ["to_onnx"]

OPSET = 17

Write: TypeAlias = Callable[[Emitter, Node, Any, tuple[Shape, ...]], None]


def to_onnx(graph: Graph, shapes: Mapping[str, Shape] | None = None) -> bytes:
    """Return a graph as the bytes of an ONNX model (opset 17).

    Parameters
    ----------
    graph
        Without host ops.
    shapes
        Logical shape of each input, to write a model of fixed size. None writes free sizes, and
        takes the sizes that the graph's file names where an op's form depends on them.

    Raises
    ------
    GraphError
        If a node has no counterpart in ONNX; names it.
    ShapeError
        If the network does not admit ``shapes``.
    """
    wanted = dict(shapes or graph.nominal_shapes or _some_sizes(graph))
    found = graph.shapes(wanted)
    emit = Emitter(OPSET)
    for source in graph.inputs:
        fixed: tuple[int | None, ...] = source.shape if shapes is None else found[source.name]
        emit.input(source.name, fixed)
    for node in graph.nodes:
        write = WRITERS.get(type(node.op))
        if write is None:
            raise _refused(node, "has no counterpart in ONNX")
        write(emit, node, node.op, tuple(found[value] for value in node.inputs))
    for value in graph.outputs:
        emit.output(value, len(found[value]))
    return emit.model(graph.name or "network")


def _some_sizes(graph: Graph) -> dict[str, Shape]:
    """Return sizes for a graph of free sizes: only ranks and fixed axes are read from them."""
    return {
        s.name: tuple(size or (1 if axis == 0 else 64) for axis, size in enumerate(s.shape))
        for s in graph.inputs
    }


def _refused(node: Node, reason: str) -> GraphError:
    return GraphError(f"{node.label}: {reason}; {node.op}")


def _window(node: Node, pads: Pads) -> dict[str, Any]:
    if pads == "same_upper":
        return {"auto_pad": "SAME_UPPER"}
    top, bottom, left, right = pads
    return {"pads": [top, left, bottom, right]}


def _activated(emit: Emitter, node: Node, activation: Op | None, rank: int) -> str:
    """Return the value that a product writes, adding the activation behind it where it has one."""
    (out,) = node.outputs
    if activation is None:
        return out
    between = emit.fresh(f"{out}/product")
    _activation(emit, node, activation, between, out, rank)
    return between


def _activation(emit: Emitter, node: Node, op: Op, x: str, y: str, rank: int) -> None:
    if isinstance(op, PReLU):
        slope = np.asarray(node.weights["slope"])
        shape = (-1,) if op.shared or rank == 2 else (-1,) + (1,) * (rank - 2)
        emit.node("PRelu", [x, emit.constant(f"{node.name}/slope", slope.reshape(shape))], y)
        return
    if not isinstance(op, Activation):
        raise _refused(node, f"its activation {op} has no counterpart in ONNX")
    if op.kind == "clip":
        low = emit.constant(f"{node.name}/low", np.float32(op.low))
        high = emit.constant(f"{node.name}/high", np.float32(op.high))
        emit.node("Clip", [x, low, high], y)
        return
    names = {
        "relu": "Relu",
        "leaky_relu": "LeakyRelu",
        "sigmoid": "Sigmoid",
        "tanh": "Tanh",
        "elu": "Elu",
    }
    if op.kind not in names:
        raise _refused(node, f"its activation {op.kind!r} has no counterpart in ONNX")
    attributes = {"alpha": op.alpha} if op.kind in ("leaky_relu", "elu") else {}
    emit.node(names[op.kind], [x], y, **attributes)


def _conv(emit: Emitter, node: Node, op: Conv2D, shapes: tuple[Shape, ...]) -> None:
    weight = np.asarray(node.weights["weight"]).transpose(3, 2, 0, 1)
    inputs = [node.inputs[0], emit.constant(f"{node.name}/weight", weight)]
    if op.bias:
        inputs.append(emit.constant(f"{node.name}/bias", node.weights["bias"]))
    emit.node(
        "Conv",
        inputs,
        _activated(emit, node, op.activation, 4),
        kernel_shape=list(op.kernel),
        strides=list(op.stride),
        dilations=list(op.dilation),
        group=op.groups,
        **_window(node, op.pads),
    )


def _pool(emit: Emitter, node: Node, op: Pool2D, shapes: tuple[Shape, ...]) -> None:
    largest = op.kind == "max"
    (out,) = node.outputs
    if op.kernel is None:
        emit.node("GlobalMaxPool" if largest else "GlobalAveragePool", [node.inputs[0]], out)
        return
    padded = op.pads == "same_upper" or any(op.pads)
    reaching = any(s > k for s, k in zip(op.stride, op.kernel, strict=True))
    if op.ceil and not op.clip_last and (padded or reaching):
        raise _refused(node, "keeps windows that start behind the map, which ONNX drops")
    if largest and padded and op.pad_value == "zero":
        raise _refused(node, "lets padding compete as zero, which ONNX does not")
    attributes: dict[str, Any] = {"kernel_shape": list(op.kernel), "strides": list(op.stride)}
    attributes |= _window(node, op.pads)
    if op.ceil:
        attributes["ceil_mode"] = 1
    if not largest:
        if op.count == "kernel" and op.ceil:
            raise _refused(node, "divides partial windows by the whole kernel")
        if op.count == "padded" and padded and op.ceil:
            raise _refused(node, "counts padding in partial windows")
        attributes["count_include_pad"] = int(padded and op.count != "valid")
    emit.node("MaxPool" if largest else "AveragePool", [node.inputs[0]], out, **attributes)


def _dense(emit: Emitter, node: Node, op: Dense, shapes: tuple[Shape, ...]) -> None:
    weight = np.asarray(node.weights["weight"])
    rank = len(shapes[0])
    product = _activated(emit, node, op.activation, rank)
    if rank == 4:
        # The whole map is one window: a convolution that gives (N, O, 1, 1), as the op does.
        inputs = [
            node.inputs[0],
            emit.constant(f"{node.name}/weight", weight.transpose(3, 2, 0, 1)),
        ]
        if op.bias:
            inputs.append(emit.constant(f"{node.name}/bias", node.weights["bias"]))
        emit.node("Conv", inputs, product, kernel_shape=list(weight.shape[:2]))
        return
    result = emit.fresh(f"{node.name}/matmul") if op.bias else product
    emit.node("MatMul", [node.inputs[0], emit.constant(f"{node.name}/weight", weight)], result)
    if op.bias:
        emit.node(
            "Add", [result, emit.constant(f"{node.name}/bias", node.weights["bias"])], product
        )


def _batchnorm(emit: Emitter, node: Node, op: BatchNorm, shapes: tuple[Shape, ...]) -> None:
    w = {name: np.asarray(value) for name, value in node.weights.items()}
    if np.any(w["variance"] + np.float32(op.eps) < 1e-32):
        raise _refused(node, "has a variance at the floor of 1e-32, which ONNX does not have")
    ones, zeros = np.ones_like(w["mean"]), np.zeros_like(w["mean"])
    values = (w.get("scale", ones), w.get("bias", zeros), w["mean"], w["variance"])
    names = ("scale", "bias", "mean", "variance")
    constants = [
        emit.constant(f"{node.name}/{name}", value)
        for name, value in zip(names, values, strict=True)
    ]
    emit.node("BatchNormalization", [node.inputs[0], *constants], node.outputs[0], epsilon=op.eps)


def _scale(emit: Emitter, node: Node, op: Scale, shapes: tuple[Shape, ...]) -> None:
    rank = len(shapes[0])
    shape = (-1,) + (1,) * (rank - 2)
    x = node.inputs[0]
    if op.scale:
        factor = emit.constant(f"{node.name}/scale", np.reshape(node.weights["scale"], shape))
        y = emit.fresh(f"{node.name}/scaled") if op.bias else node.outputs[0]
        emit.node("Mul", [x, factor], y)
        x = y
    if op.bias:
        shift = emit.constant(f"{node.name}/bias", np.reshape(node.weights["bias"], shape))
        emit.node("Add", [x, shift], node.outputs[0])


def _elementwise(emit: Emitter, node: Node, op: Elementwise, shapes: tuple[Shape, ...]) -> None:
    inputs = list(node.inputs)
    for place, factor in enumerate(op.coefficients):
        if factor != 1:
            constant = emit.constant(f"{node.name}/coefficient{place}", np.float32(factor))
            scaled = emit.fresh(f"{node.name}/term{place}")
            emit.node("Mul", [inputs[place], constant], scaled)
            inputs[place] = scaled
    if op.kind != "product":
        emit.node("Sum" if op.kind == "sum" else "Max", inputs, node.outputs[0])
        return
    for place, factor_name in enumerate(inputs[1:], 1):
        last = place == len(inputs) - 1
        out = node.outputs[0] if last else emit.fresh(f"{node.name}/factor{place}")
        emit.node("Mul", [inputs[0], factor_name], out)
        inputs[0] = out


def _reshape(emit: Emitter, node: Node, op: Reshape, shapes: tuple[Shape, ...]) -> None:
    sizes = list(op.dims) if op.axis == 0 and op.num_axes == -1 else list(op.infer(*shapes)[0])
    target = emit.constant(f"{node.name}/shape", np.asarray(sizes, np.int64))
    emit.node("Reshape", [node.inputs[0], target], node.outputs[0], allowzero=int(op.allow_zero))


def _flatten(emit: Emitter, node: Node, op: Flatten, shapes: tuple[Shape, ...]) -> None:
    (x,), (y,) = node.inputs, node.outputs
    if op.form == "matrix":
        emit.node("Flatten", [x], y, axis=op.axis)
        return
    sizes = list(op.infer(*shapes)[0])
    if op.axis > 0:
        sizes[0] = 0
        if op.axis == 1 and op.end_axis in (-1, len(shapes[0]) - 1):
            sizes[1] = -1
    emit.node("Reshape", [x, emit.constant(f"{node.name}/shape", np.asarray(sizes, np.int64))], y)


def _plain(name: str, **fixed: Any) -> Write:
    def write(emit: Emitter, node: Node, op: Op, shapes: tuple[Shape, ...]) -> None:
        attributes = {key: getattr(op, field) for key, field in fixed.items()}
        attributes = {k: list(v) if isinstance(v, tuple) else v for k, v in attributes.items()}
        emit.node(name, list(node.inputs), node.outputs[0], **attributes)

    return write


def _alone(emit: Emitter, node: Node, op: Op, shapes: tuple[Shape, ...]) -> None:
    _activation(emit, node, op, node.inputs[0], node.outputs[0], len(shapes[0]))


WRITERS: Mapping[type[Op], Write] = {
    Activation: _alone,
    BatchNorm: _batchnorm,
    Concat: _plain("Concat", axis="axis"),
    Conv2D: _conv,
    Dense: _dense,
    Elementwise: _elementwise,
    Flatten: _flatten,
    Identity: _plain("Identity"),
    PReLU: _alone,
    Pool2D: _pool,
    Reshape: _reshape,
    Scale: _scale,
    Softmax: _plain("Softmax", axis="axis"),
    Transpose: _plain("Transpose", perm="perm"),
}
