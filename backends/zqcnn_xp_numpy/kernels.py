"""Which ops have a kernel of their own on NumPy, and at which shapes."""

from __future__ import annotations

from zqcnn_xp.backend import Kernel
from zqcnn_xp.layout import storage_axis
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp_numpy.conv import conv_kernel
from zqcnn_xp_numpy.depthwise import depthwise_kernel
from zqcnn_xp_numpy.pool import pool_kernel
from zqcnn_xp_numpy.softmax import FEW, softmax_few

__all__ = ["kernel_for"]


def kernel_for(op: Op, *shapes: Shape) -> Kernel | None:
    """Return the kernel for an op at these shapes, or None for the reference."""
    if isinstance(op, Conv2D) and op.groups == 1:
        # At every shape, for `prepare` has flattened the weights.
        return conv_kernel(op, shapes[0])
    if any(0 in shape for shape in shapes):
        return None
    if isinstance(op, Conv2D):
        if op.groups == shapes[0][1] == op.out_channels:
            return depthwise_kernel(op, shapes[0])
    elif isinstance(op, Pool2D):
        return pool_kernel(op, shapes[0])
    elif isinstance(op, Softmax):
        shape = shapes[0]
        last = storage_axis(op.axis, len(shape)) == len(shape) - 1
        channels = shape[1] if len(shape) == 4 else shape[-1]
        return softmax_few if last and channels <= FEW else None
    return None
