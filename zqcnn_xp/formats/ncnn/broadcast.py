"""ncnn's rule for operands of different ranks: the outer axes of the smaller one are aligned."""

from __future__ import annotations

from zqcnn_xp.formats.ncnn.call import Call
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.reshape import Reshape

__all__ = ["lifted", "widest"]


def widest(shapes: list[Shape]) -> Shape:
    """Return the shape of the highest rank.

    Examples
    --------
    >>> widest([(1, 8), (1, 8, 4, 4)])
    (1, 8, 4, 4)
    """
    return max(shapes, key=len)


def lifted(call: Call, value: str, target: Shape) -> str:
    """Give a value the rank of ``target``.

    A vector as long as the outermost axis lies along it (the channels of a map), as one as long
    as the innermost axis alone lies along that; a matrix lies along the two outermost axes.

    Returns
    -------
    str
        The value itself if it has the rank already.
    """
    shape = call.assembly.shapes[value]
    missing = len(target) - len(shape)
    if missing <= 0:
        return value
    inner = len(shape) == 2 and shape[1] not in (target[1], 1) and shape[1] == target[-1]
    call.assembly.sized |= inner
    ones = (1,) * missing
    op = Reshape(ones, 1, 0) if inner else Reshape(ones, len(shape), 0)
    return call.emit(op, value, part=f"lifted{len(call.assembly.nodes)}")
