"""Products and windows, as ncnn's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zqcnn_xp.formats.ncnn.write import Writing
from zqcnn_xp.formats.ncnn.write_pointwise import activation
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.upsample import Upsample
from zqcnn_xp.ops.window import extent, output_size

__all__ = ["WRITERS"]

_FUSED = {"relu": 1, "leaky_relu": 2, "clip": 3, "sigmoid": 4, "mish": 5, "hard_swish": 6}


def _convolution(writing: Writing) -> None:
    op: Conv2D = writing.op
    keys = _window(op, 4)
    if op.pads == "same_upper":
        keys |= {4: -233, 14: -233, 15: -233, 16: -233}
    kind = "Convolution"
    if op.groups > 1:
        kind, keys[7] = "ConvolutionDepthWise", op.groups
    _product(writing, kind, keys, writing.weight("weight").transpose(3, 2, 0, 1))


def _deconvolution(writing: Writing) -> None:
    op: ConvTranspose2D = writing.op
    keys = _window(op, 4)
    size = op.size
    if op.pads == "same_upper":
        if writing.found != writing.other:
            raise writing.refused("crops to a size that is free; pass shapes=")
        size = (writing.result[2], writing.result[3])
    if size is not None:
        keys |= {4: -233, 14: -233, 15: -233, 16: -233, 20: size[1], 21: size[0]}
    elif op.pads != "same_upper" and min(op.pads) < 0:
        raise writing.refused("adds cells around the result")
    if any(op.output_padding):
        keys |= {18: op.output_padding[1], 19: op.output_padding[0]}
    kind = "Deconvolution"
    if op.groups > 1:
        kind, keys[7] = "DeconvolutionDepthWise", op.groups
    _product(writing, kind, keys, writing.weight("weight").transpose(3, 2, 0, 1))


def _window(op: Any, pad: int) -> dict[int, Any]:
    """Return the keys of kernel, dilation, stride and, where they are numbers, pads."""
    keys: dict[int, Any] = {0: op.out_channels, 1: op.kernel[1], 11: op.kernel[0]}
    keys |= {2: op.dilation[1], 12: op.dilation[0], 3: op.stride[1], 13: op.stride[0]}
    if op.pads != "same_upper":
        top, bottom, left, right = op.pads
        keys |= {pad: left, 14: top, 15: right, 16: bottom}
    return keys


def _product(writing: Writing, kind: str, keys: dict[int, Any], weight: Any) -> None:
    """Write weights and bias, then the layer, with its activation fused or behind it."""
    bias = "bias" in writing.node.weights
    terms = (1, 2) if kind == "InnerProduct" else (5, 6)
    keys |= {terms[0]: int(bias), terms[1]: weight.size}
    writing.emit.main(weight)
    if bias:
        writing.emit.raw(writing.weight("bias"))
    behind = writing.op.activation
    if isinstance(behind, Activation) and behind.kind in _FUSED:
        keys[9] = _FUSED[behind.kind]
        values = {
            "leaky_relu": (float(behind.alpha),),
            "clip": (float(behind.low), float(behind.high)),
            "hard_swish": (float(behind.alpha), float(behind.beta)),
        }.get(behind.kind)
        if values:
            keys[10] = values
        behind = None
    steps = [] if behind is None else ["product"]
    vector = kind == "InnerProduct" and len(writing.result) == 4
    if vector:
        # ncnn gives a vector where the graph has a map of one cell.
        steps.insert(0, "vector")
    _chain(writing, kind, keys, steps, behind)


def _chain(
    writing: Writing, kind: str, keys: dict[int, Any], steps: list[str], behind: Op | None
) -> None:
    emit, node = writing.emit, writing.node
    out = node.outputs[0]
    follow: list[tuple[str, dict[int, Any]]] = []
    if "vector" in steps:
        follow.append(("Reshape", {0: 1, 1: 1, 2: writing.result[1]}))
    if behind is not None:
        follow.append(activation(writing, behind))
    names = [f"{out}/{step}" for step in steps]
    inputs = node.inputs
    for place, (layer, values) in enumerate([(kind, keys), *follow]):
        last = place == len(follow)
        output = out if last else names[place]
        name = node.name if last else f"{node.name}/{steps[place]}"
        emit.layer(layer, name, inputs, (output,), values)
        inputs = (output,)


def _dense(writing: Writing) -> None:
    op: Dense = writing.op
    weight = writing.weight("weight")
    # A vector flattened just before is read as the map itself, in the same order.
    if weight.ndim == 4:
        weight = weight.transpose(3, 2, 0, 1)
    else:
        weight = weight.T
        if len(writing.shape) == 3 and len(writing.result) == 2:
            raise writing.refused("flattens a matrix, whose rows ncnn would take one by one")
    _product(writing, "InnerProduct", {0: op.out_features}, weight)


def _pool(writing: Writing) -> None:
    op: Pool2D = writing.op
    kind = int(op.kind == "average")
    if op.kernel is None:
        vector = len(writing.result) == 2
        writing.layer("Pooling", {0: kind, 4: 1} if vector else {0: kind, 7: 1, 8: 1, 18: 1})
        return
    if op.dilation != (1, 1):
        raise writing.refused("has a dilated window")
    padded = op.pads == "same_upper" or any(op.pads)
    if op.kind == "max" and padded and op.pad_value == "zero":
        raise writing.refused("lets padding compete as zero, which ncnn does not")
    keys: dict[int, Any] = {0: kind, 1: op.kernel[1], 11: op.kernel[0]}
    keys |= {2: op.stride[1], 12: op.stride[0]}
    if op.pads == "same_upper":
        if op.kind == "average" and op.count == "valid":
            raise writing.refused("leaves SAME padding out of its mean, ncnn does not")
        writing.layer("Pooling", {**keys, 5: 2, 6: kind})
        return
    if op.ceil and op.clip_last and _clips(writing, op):
        raise writing.refused("drops a window that ncnn keeps")
    top, bottom, left, right = op.pads
    keys |= {3: left, 13: top, 14: right, 15: bottom, 5: int(not op.ceil)}
    if op.kind == "average":
        if op.count == "padded" and padded and op.ceil:
            raise writing.refused("counts some of the padding in its mean")
        keys[6] = int(op.count == "kernel" or (op.count == "padded" and padded))
    writing.layer("Pooling", keys)


def _clips(writing: Writing, op: Pool2D) -> bool:
    """Say whether a last window is dropped, at the sizes at hand or, if unknown, at any."""
    if not any(op.pads) and all(s <= k for s, k in zip(op.stride, op.kernel or (), strict=True)):
        return False
    if writing.found != writing.other or op.pads == "same_upper" or op.kernel is None:
        return True
    for axis, (k, s) in enumerate(zip(op.kernel, op.stride, strict=True)):
        before, after = op.pads[2 * axis : 2 * axis + 2]
        cells = writing.shape[2 + axis]
        span = extent(k, 1)
        kept = output_size("Pool2D", cells, before, after, span, s, ceil=True)
        if kept != output_size("Pool2D", cells, before, after, span, s, ceil=True, clip_last=True):
            return True
    return False


def _upsample(writing: Writing) -> None:
    op: Upsample = writing.op
    whole = op.scale is not None and all(s % 1 == 0 for s in op.scale)
    keys: dict[int, Any] = {0: 2, 6: int(op.align == "ends")}
    if op.kind == "nearest":
        centred = op.align == "center" and whole and op.rounding.startswith("half")
        if not centred and (op.align, op.rounding) != ("corner", "floor"):
            raise writing.refused("takes other cells than ncnn's nearest")
        keys = {0: 1}
    elif op.align == "corner":
        raise writing.refused("samples corners, ncnn centres or ends")
    if op.scale is not None:
        if not all(s % 1 == 0 or (1 / s) % 1 == 0 for s in op.scale):
            raise writing.refused("has a scale that ncnn rounds in another way; use a size")
        keys |= {1: float(op.scale[0]), 2: float(op.scale[1])}
    elif op.size is not None:
        keys |= {3: op.size[0], 4: op.size[1]}
    writing.layer("Interp", keys)


WRITERS: Mapping[type[Op], Callable[[Writing], None]] = {
    Conv2D: _convolution,
    ConvTranspose2D: _deconvolution,
    Dense: _dense,
    Pool2D: _pool,
    Upsample: _upsample,
}
