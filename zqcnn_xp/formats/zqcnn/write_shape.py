"""Lines that move or fold elements: Concat, Permute, Flatten, Reshape, Tile, UpSampling, LSTM_TF.

Axes are those of the value; the sizes of 1 that fill it up to four axes come behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zqcnn_xp.formats.zqcnn.emit import Emitter, four, number, refused
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.lstm import Lstm
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.tile import Tile
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.upsample import Upsample

__all__ = ["concat", "flatten", "lstm", "permute", "reduction", "reshape", "tile", "upsampling"]


def concat(emit: Emitter, node: Node, op: Concat, shapes: tuple[Shape, ...]) -> None:
    """``Concat`` of at least two bottoms."""
    if len(shapes) == 1:
        emit.line("Copy", node)
    else:
        emit.line("Concat", node, f"axis={op.axis % len(shapes[0])}")


def permute(emit: Emitter, node: Node, op: Transpose, shapes: tuple[Shape, ...]) -> None:
    """``Permute`` of four axes."""
    order = (*op.perm, *range(len(op.perm), 4))
    emit.line("Permute", node, *(f"order={axis}" for axis in order))


def flatten(emit: Emitter, node: Node, op: Flatten, shapes: tuple[Shape, ...]) -> None:
    """``Flatten`` a range of axes."""
    rank = len(shapes[0])
    axis, last = op.axis, op.end_axis
    if op.form == "matrix":
        axis, last = (axis + rank if axis < 0 else axis), rank - 1
        if axis != 1:
            _to_sizes(emit, node, op.infer(*shapes)[0], shapes[0])
            return
    if rank < 4:
        # Counted from the end, axes would be those of the four that the blob has.
        axis, last = axis % rank, last % rank
    emit.line("Flatten", node, f"axis={axis}", f"end_axis={last}")


def reshape(emit: Emitter, node: Node, op: Reshape, shapes: tuple[Shape, ...]) -> None:
    """``Reshape`` to four sizes, of which 0 is a copied one and -1 what is left."""
    rank = len(shapes[0])
    first = op.axis + rank if op.axis < 0 else op.axis
    replaced = rank - first if op.num_axes == -1 else op.num_axes
    if (op.allow_zero and 0 in op.dims) or (len(op.dims) != replaced and first + replaced < rank):
        _to_sizes(emit, node, op.infer(*shapes)[0], shapes[0])
        return
    sizes = [*(0,) * first, *op.dims, *(0,) * (rank - first - replaced)]
    if len(sizes) > 4:
        raise refused(node, "has more than the four axes of a .zqparams file")
    emit.line("Reshape", node, *(f"dim={n}" for n in four(sizes)))


def _to_sizes(emit: Emitter, node: Node, sizes: Sequence[int], shape: Shape) -> None:
    """Write a reshape to sizes that are known at this input size alone."""
    if not emit.fixed:
        raise refused(
            node, "can be written for one size of the input alone (shapes=, --input-size)"
        )
    # The batch stays the batch, whatever size of it the shapes were found at.
    copied = [0 if k == 0 and n == shape[0] else n for k, n in enumerate(four(sizes))]
    emit.line("Reshape", node, *(f"dim={n}" for n in copied))


def reduction(emit: Emitter, node: Node, op: Reduce, shapes: tuple[Shape, ...]) -> None:
    """``Reduction``, one line an axis; a maximum over the whole map is a pooling."""
    rank = len(shapes[0])
    axes = tuple(range(rank)) if op.axes is None else tuple(sorted(op.axes))
    if not op.keepdims and axes != tuple(range(rank - len(axes), rank)):
        raise refused(node, "drops axes that others follow, which blobs of four axes keep")
    if op.kind == "max" and axes == (2, 3):
        emit.line("Pooling", node, "pool=MAX", "global_pool")
        return
    if op.kind not in ("sum", "mean"):
        raise refused(node, f"takes a {op.kind} along axes {axes}, which Reduction cannot")
    if not axes:
        emit.line("Copy", node)
        return
    word = "operation=SUM" if op.kind == "sum" else "operation=MEAN"
    x = emit.blobs[node.inputs[0]]
    for place, axis in enumerate(axes, 1):
        last = place == len(axes)
        y = emit.blobs[node.outputs[0]] if last else emit.fresh(node, f"axis{axis}")
        part = "" if last else f"axis{axis}"
        fields = [word, f"axis={axis}", "keepdims=1"]
        emit.line("Reduction", node, *fields, part=part, bottoms=[x], top=y)
        x = y


def tile(emit: Emitter, node: Node, op: Tile, shapes: tuple[Shape, ...]) -> None:
    """``Tile``."""
    if 0 in op.repeats:
        raise refused(node, "repeats an axis 0 times")
    emit.line("Tile", node, *(f"{k}={n}" for k, n in zip("nchw", four(op.repeats), strict=True)))


def upsampling(emit: Emitter, node: Node, op: Upsample, shapes: tuple[Shape, ...]) -> None:
    """``UpSampling``: nearest (rounding halves up) or bilinear, from the corner or the centre."""
    align = op.align
    if op.kind == "nearest" and op.rounding != "half_up":
        # Whole factors repeat each cell; from the centre, rounding has no halves to decide.
        whole = op.scale is not None and all(float(s).is_integer() for s in op.scale)
        if not whole or (align, op.rounding) not in (("corner", "floor"), ("center", "half_down")):
            raise refused(node, f"takes cells by {op.rounding!r}, expected 'half_up'")
        align = "center"
    if align == "ends":
        raise refused(node, "aligns the ends of the maps, expected their corners or centres")
    fields = [f"sample_type={op.kind}", f"align_type={align}"]
    if op.size is not None:
        fields += [f"dst_h={op.size[0]}", f"dst_w={op.size[1]}"]
    else:
        high, wide = op.scale or (1.0, 1.0)
        fields += [f"scale_h={number(node, high)}", f"scale_w={number(node, wide)}"]
    emit.line("UpSampling", node, *fields)


def lstm(emit: Emitter, node: Node, op: Lstm, shapes: tuple[Shape, ...]) -> None:
    """``LSTM_TF``: all input matrices, then all biases, then all recurrent matrices."""
    weights: list[Any] = []
    for name in ("input", "bias", "recurrent"):
        for direction in op.directions:
            gates = np.asarray(node.weights[f"{direction}_{name}"]).T
            weights += np.split(gates, 4)
    fields = [
        f"hidden_dim={op.hidden}",
        f"type={('forward', 'backward', 'both').index(op.direction)}",
        f"forget_bias={number(node, op.forget_bias)}",
        f"cell_clip={number(node, op.cell_clip)}",
    ]
    emit.line("LSTM_TF", node, *fields, weights=weights)
