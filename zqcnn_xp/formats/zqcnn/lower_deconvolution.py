"""DeConvolution: padding of the spread input in the file, cropping of the output in the op."""

from __future__ import annotations

from typing import Literal

import numpy as np

from zqcnn_xp.formats.zqcnn.layer import Lowered, Take
from zqcnn_xp.formats.zqcnn.lower_window import explicit_pads, pad_type, pair
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.window import extent

__all__ = ["deconvolution"]


def deconvolution(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``DeConvolution``: turned weights [O][C][kH][kW], then the bias.

    The file's pads are cells around the input once zeros are between its cells, so that
    ``k - 1 - pad`` cells of the full result are cropped. ``pad_type=SAME`` gives size * stride
    cells, or ``output_H`` and ``output_W`` where they are not 0; ``VALID`` has no effect. Under
    ``compat`` the crop is that of the declared size, for any size that follows.
    """
    (shape,) = shapes
    kernel = pair(record, "kernel_size", "kernel_h", "kernel_w")
    dilation = pair(record, "dilate", "dilate_h", "dilate_w", 1)
    pads: tuple[int, int, int, int] | Literal["same_upper"] = "same_upper"
    same = pad_type(record) == "SAME"
    size = (record.integer("output_h", 0), record.integer("output_w", 0))
    if any(size) and not same:
        found = f"output_H={size[0]} output_W={size[1]} without pad_type=SAME"
        raise record.error(found, "pad_type=SAME, under which alone they count")
    if not same:
        reach = [extent(k, d) - 1 for k, d in zip(kernel, dilation, strict=True)]
        top, bottom, left, right = explicit_pads(record)
        pads = (reach[0] - top, reach[0] - bottom, reach[1] - left, reach[1] - right)
    op = ConvTranspose2D(
        record.integer("num_output", low=1),
        kernel,
        pair(record, "stride", "stride_h", "stride_w", 1),
        dilation,
        pads,
        bias=record.switch("bias"),
        size=size if any(size) else None,
    )
    if compat and same:
        op = ConvTranspose2D(
            op.out_channels, kernel, op.stride, dilation, op.crop(*shape[2:]), bias=op.bias
        )
    weight = take("weight", (op.out_channels, shape[1], *kernel))
    turned = weight.transpose(2, 3, 1, 0)[::-1, ::-1]
    found_weights = {"weight": np.ascontiguousarray(turned)}
    if op.bias:
        found_weights["bias"] = take("bias", (op.out_channels,))
    return op, found_weights
