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
from zqcnn_xp.layout import storage_shape, to_logical
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.upsample import Upsample
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
    emit = Emitter(OPSET, fixed=shapes is not None)
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


def _window(pads: Pads) -> dict[str, Any]:
    if pads == "same_upper":
        return {"auto_pad": "SAME_UPPER"}
    top, bottom, left, right = pads
    return {"pads": [top, left, bottom, right]}


def _product(
    emit: Emitter, node: Node, kind: str, inputs: list[str], rank: int, **attributes: Any
) -> None:
    """Emit a product, then the activation of the node's op behind it where there is one."""
    (out,) = node.outputs
    activation: Op | None = getattr(node.op, "activation", None)
    between = out if activation is None else emit.fresh(f"{out}/product")
    emit.node(kind, inputs, between, **attributes)
    if activation is not None:
        _activation(emit, node, activation, between, out, rank)


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
    _product(
        emit,
        node,
        "Conv",
        inputs,
        4,
        kernel_shape=list(op.kernel),
        strides=list(op.stride),
        dilations=list(op.dilation),
        group=op.groups,
        **_window(op.pads),
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
    attributes |= _window(op.pads)
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
    name = f"{node.name}/weight"
    bias = [emit.constant(f"{node.name}/bias", node.weights["bias"])] if op.bias else []
    if rank == 4:
        # The whole map is one window: a convolution that gives (N, O, 1, 1), as the op does.
        inputs = [node.inputs[0], emit.constant(name, weight.transpose(3, 2, 0, 1)), *bias]
        _product(emit, node, "Conv", inputs, rank, kernel_shape=list(weight.shape[:2]))
        return
    inputs = [node.inputs[0], emit.constant(name, weight)]
    if not bias:
        _product(emit, node, "MatMul", inputs, rank)
        return
    result = emit.fresh(f"{node.name}/matmul")
    emit.node("MatMul", inputs, result)
    _product(emit, node, "Add", [result, *bias], rank)


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


def _l2_normalize(emit: Emitter, node: Node, op: L2Normalize, shapes: tuple[Shape, ...]) -> None:
    rank = len(shapes[0])
    (x,), (y,) = node.inputs, node.outputs
    axes = list(range(1, rank)) if op.across_spatial else [1]
    steps = [emit.fresh(f"{node.name}/{step}") for step in ("square", "sum", "eps", "norm", "unit")]
    square, total, floored, norm, unit = steps
    emit.node("Mul", [x, x], square)
    axes_name = emit.constant(f"{node.name}/axes", np.asarray(axes, np.int64))
    emit.node("ReduceSum", [square, axes_name], total, keepdims=1)
    emit.node("Add", [total, emit.constant(f"{node.name}/epsilon", np.float32(op.eps))], floored)
    emit.node("Sqrt", [floored], norm)
    emit.node("Div", [x, norm], unit)
    scale = np.reshape(node.weights["scale"], (-1,) + (1,) * (rank - 2))
    emit.node("Mul", [unit, emit.constant(f"{node.name}/scale", scale)], y)


def _prior_box(emit: Emitter, node: Node, op: PriorBox, shapes: tuple[Shape, ...]) -> None:
    if not emit.fixed:
        raise _refused(node, "depends on the input's size: write a model of fixed size (shapes=)")
    stored = [np.zeros(storage_shape(shape), np.float32) for shape in shapes]
    boxes = to_logical(np, op.forward(np, {}, *stored)[0])
    name = emit.constant(f"{node.name}/boxes", np.ascontiguousarray(boxes))
    emit.node("Identity", [name], node.outputs[0])


_COORDINATES = {"corner": "asymmetric", "center": "half_pixel", "ends": "align_corners"}
_NEAREST = {
    "half_up": "round_prefer_ceil",
    "half_down": "round_prefer_floor",
    "floor": "floor",
    "ceil": "ceil",
}


def _upsample(emit: Emitter, node: Node, op: Upsample, shapes: tuple[Shape, ...]) -> None:
    attributes: dict[str, Any] = {"mode": "nearest" if op.kind == "nearest" else "linear"}
    attributes["coordinate_transformation_mode"] = _COORDINATES[op.align]
    if op.kind == "nearest":
        attributes["nearest_mode"] = _NEAREST[op.rounding]
    if op.scale is not None and all(float(factor).is_integer() for factor in op.scale):
        scales = np.asarray([1.0, 1.0, *op.scale], np.float32)
        inputs = [node.inputs[0], "", emit.constant(f"{node.name}/scales", scales)]
    elif op.size is not None:
        n, c = shapes[0][:2]
        sizes = np.asarray([n, c, *op.size], np.int64)
        inputs = [node.inputs[0], "", "", emit.constant(f"{node.name}/sizes", sizes)]
    else:
        raise _refused(node, "rounds sizes of a fractional scale as ONNX does not")
    emit.node("Resize", inputs, node.outputs[0], **attributes)


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
    L2Normalize: _l2_normalize,
    PReLU: _alone,
    Pool2D: _pool,
    PriorBox: _prior_box,
    Reshape: _reshape,
    Scale: _scale,
    Softmax: _plain("Softmax", axis="axis"),
    Transpose: _plain("Transpose", perm="perm"),
    Upsample: _upsample,
}
