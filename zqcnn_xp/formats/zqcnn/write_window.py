"""Lines with a sliding window: convolutions, pooling; and InnerProduct."""

from __future__ import annotations

from typing import Any

import numpy as np

from zqcnn_xp.formats.zqcnn.emit import Emitter, four, refused, sides
from zqcnn_xp.formats.zqcnn.write_pointwise import activate
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.window import extent

__all__ = ["convolution", "deconvolution", "inner_product", "pooling"]


def convolution(emit: Emitter, node: Node, op: Conv2D, shapes: tuple[Shape, ...]) -> None:
    """``Convolution``, or ``DepthwiseConvolution`` where each channel has one kernel of its own."""
    channels = shapes[0][1]
    fields = [f"num_output={op.out_channels}", *_window(op)]
    if op.pads == "same_upper":
        fields.append("pad_type=SAME")
    else:
        fields += _pads(op.pads)
    weight = np.asarray(node.weights["weight"])
    if op.groups > 1 and op.groups == channels == op.out_channels:
        kind, weight = "DepthwiseConvolution", weight[:, :, 0, :].transpose(2, 0, 1)
    else:
        kind, weight = "Convolution", _whole(weight, op.groups).transpose(3, 2, 0, 1)
    _product(emit, node, op, kind, fields, weight, shapes)


def deconvolution(
    emit: Emitter, node: Node, op: ConvTranspose2D, shapes: tuple[Shape, ...]
) -> None:
    """``DeConvolution``: pads of the spread input, and the kernel turned by half a turn."""
    fields = [f"num_output={op.out_channels}", *_window(op)]
    if op.size is not None or op.pads == "same_upper":
        fields.append("pad_type=SAME")
        if op.size is not None and any(op.size):
            fields += [f"output_H={op.size[0]}", f"output_W={op.size[1]}"]
    else:
        reach = [extent(k, d) - 1 for k, d in zip(op.kernel, op.dilation, strict=True)]
        top, bottom, left, right = op.crop(*shapes[0][2:])
        pads = (reach[0] - top, reach[0] - bottom, reach[1] - left, reach[1] - right)
        if min(pads) < 0:
            raise refused(node, f"crops {op.pads}, more than the kernel's reach of {reach}")
        fields += _pads(pads)
    weight = _whole(np.asarray(node.weights["weight"]), op.groups)
    turned = weight[::-1, ::-1].transpose(3, 2, 0, 1)
    _product(emit, node, op, "DeConvolution", fields, turned, shapes)


def inner_product(emit: Emitter, node: Node, op: Dense, shapes: tuple[Shape, ...]) -> None:
    """``InnerProduct`` over a whole map, or over a vector."""
    if len(shapes[0]) not in (2, 4):
        raise refused(node, "multiplies the last of three axes, expected a map or a vector")
    if not emit.sized:
        raise refused(
            node,
            "is an InnerProduct, for which the Input line must name a height and a width: give "
            "the input's size (shapes=, --input-size)",
        )
    weight = np.asarray(node.weights["weight"])
    if weight.ndim == 2:
        weight = weight[None, None]
    fields = [f"num_output={op.out_features}"]
    _product(emit, node, op, "InnerProduct", fields, weight.transpose(3, 2, 0, 1), shapes)


def pooling(emit: Emitter, node: Node, op: Pool2D, shapes: tuple[Shape, ...]) -> None:
    """``Pooling``: explicit pads round the number of windows up, ``pad_type`` does not."""
    pool = "pool=MAX" if op.kind == "max" else "pool=AVG"
    if op.kernel is None:
        emit.line("Pooling", node, pool, "global_pool")
        return
    if op.dilation != (1, 1):
        raise refused(node, "spreads the cells of a window, which ZQCNN's pooling cannot")
    padded = op.pads == "same_upper" or any(op.pads)
    if padded and op.kind == "max" and op.pad_value == "zero":
        raise refused(
            node,
            "lets padding compete as zero; that is how compat='zqcnn' reads a file, which "
            "has no words of its own for it",
        )
    fields = [*_window(op), pool]
    if op.pads == "same_upper":
        if op.kind == "average" and op.count != "valid":
            raise refused(node, "counts the padding that 'same_upper' adds")
        if op.ceil and any(s > k for s, k in zip(op.stride, op.kernel, strict=True)):
            raise refused(node, "rounds the number of windows up with 'same_upper'")
        emit.line("Pooling", node, *fields, "pad_type=SAME")
        return
    if padded and op.kind == "average" and op.count == "valid":
        raise refused(node, "leaves explicit padding out of the mean, which ZQCNN counts")
    if not op.ceil and not padded:
        emit.line("Pooling", node, *fields, "pad_type=VALID")
        return
    pads = _rounded_up(emit, node, op, op.pads, shapes[0])
    emit.line("Pooling", node, *fields, *_pads(pads))


def _rounded_up(
    emit: Emitter, node: Node, op: Pool2D, pads: tuple[int, int, int, int], shape: Shape
) -> tuple[int, int, int, int]:
    """Return the pads with which the format, which rounds up, has the op's windows.

    Padding that no whole window reaches is taken away where the op rounds down.
    """
    kernel = op.kernel or (1, 1)
    found = list(pads)
    if op.ceil:
        reaching = any(s > k for s, k in zip(op.stride, kernel, strict=True))
        sure = op.clip_last or not (any(pads) or reaching)
        sure = sure and not (op.kind == "average" and op.count == "kernel")
    else:
        sure = True
        for axis, (k, stride) in enumerate(zip(kernel, op.stride, strict=True)):
            before, after = pads[2 * axis : 2 * axis + 2]
            if op.kind == "max" and after == stride - 1 and k >= stride:
                # This padding is there to round up by: the partial window has the same maximum.
                found[2 * axis + 1] = 0
            elif stride > 1 or after >= k:
                rest = (shape[2 + axis] + before + after - k) % stride
                found[2 * axis + 1] = after - min(rest, after)
                sure = False
    top, bottom, left, right = found
    if sure:
        return top, bottom, left, right
    if not emit.fixed:
        raise refused(
            node,
            "has windows at the edge that are ZQCNN's for some sizes of the input alone "
            "(shapes=, --input-size)",
        )
    sides = (top, bottom, left, right)
    written = Pool2D(op.kind, kernel, op.stride, sides, ceil=True, clip_last=True)
    same = op.infer(shape) == written.infer(shape)
    if same and op.kind == "average":
        same = op.counts(*shape[2:]) == written.counts(*shape[2:])
    if not same:
        raise refused(node, f"has windows at the edge of {shape} that ZQCNN's pooling has not")
    return sides


def _product(
    emit: Emitter,
    node: Node,
    op: Any,
    kind: str,
    fields: list[str],
    weight: Any,
    shapes: tuple[Shape, ...],
) -> None:
    """Write a product and the activation behind it, which works in place."""
    weights = [weight]
    if op.bias:
        fields.append("bias")
        weights.append(node.weights["bias"])
    top = emit.line(kind, node, *fields, weights=weights)
    if op.activation is not None:
        channels = four(op.infer(*shapes)[0])[1]
        activate(emit, node, op.activation, top, top, channels, own=False)


def _window(op: Conv2D | ConvTranspose2D | Pool2D) -> list[str]:
    fields = sides("kernel_size", "kernel_H", "kernel_W", op.kernel or ())
    fields += sides("stride", "stride_H", "stride_W", op.stride)
    if op.dilation != (1, 1):
        fields += sides("dilate", "dilate_H", "dilate_W", op.dilation)
    return fields


def _pads(pads: tuple[int, int, int, int]) -> list[str]:
    top, bottom, left, right = pads
    if not any(pads):
        return []
    if top == bottom and left == right:
        return sides("pad", "pad_H", "pad_W", (top, left))
    keys = ("pad_H_top", "pad_H_bottom", "pad_W_left", "pad_W_right")
    return [f"{key}={pad}" for key, pad in zip(keys, pads, strict=True)]


def _whole(weight: Any, groups: int) -> Any:
    """Return the kernels (kH, kW, C, O) of an ungrouped convolution that gives the same."""
    if groups == 1:
        return weight
    kh, kw, inner, out = weight.shape
    found = np.zeros((kh, kw, inner * groups, out), np.float32)
    step = out // groups
    for group in range(groups):
        rows = slice(group * inner, (group + 1) * inner)
        columns = slice(group * step, (group + 1) * step)
        found[:, :, rows, columns] = weight[:, :, :, columns]
    return found
