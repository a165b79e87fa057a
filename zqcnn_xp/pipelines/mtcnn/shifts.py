"""Whether a network computes each cell from its window alone, wherever the window lies.

Then an image may be cut into tiles or padded at its end, and the cells in common stay the same.
"""

from __future__ import annotations

from typing import NamedTuple

from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.transpose import Transpose

__all__ = ["Window", "window"]

# Cell by cell: neither a place nor a neighbour matters.
_LOCAL = (Activation, BatchNorm, Elementwise, Identity, PReLU, Scale)


class Window(NamedTuple):
    """Side of the square that a cell sees, and the step from cell to cell, in input pixels."""

    side: int
    step: int


def window(graph: Graph) -> Window | None:
    r"""Return what a cell of the graph's outputs sees, or None where cells are not alike.

    Cells are not alike if something is padded before its first row or column, or if an op mixes
    places. Padding at the end is no harm: it changes only cells whose window reaches the end.

    Examples
    --------
    >>> from zqcnn_xp import load
    >>> text = b"Input name=x C=1\nPooling name=p bottom=x top=y kernel_size=2 stride=2 pool=MAX"
    >>> window(load(text, b"", backend="numpy").graph)
    Window(side=2, step=2)
    """
    known = {source.name: _Seen(1, 1, "NCHW") for source in graph.inputs}
    for node in graph.nodes:
        before = [known[value] for value in node.inputs]
        after = _through(node.op, before[0]) if _meet(before) else None
        if after is None:
            return None
        side = max(after.side, *(w.side for w in before))
        known.update(dict.fromkeys(node.outputs, after._replace(side=side)))
    found = [known[value] for value in graph.outputs]
    if len({w.step for w in found}) != 1:
        return None
    return Window(max(w.side for w in found), found[0].step)


class _Seen(NamedTuple):
    side: int
    step: int
    order: str  # of the axes, NCHW at first


def _meet(before: list[_Seen]) -> bool:
    """Whether cells of these values lie on each other: equal strides, equal order of axes."""
    return len({(w.step, w.order) for w in before}) == 1


def _through(op: Op, seen: _Seen) -> _Seen | None:
    if isinstance(op, Transpose) and len(op.perm) == 4:
        return seen._replace(order="".join(seen.order[axis] for axis in op.perm))
    if isinstance(op, Softmax | Concat):
        return seen if seen.order[op.axis] == "C" else None
    if isinstance(op, _LOCAL):
        return seen
    if not isinstance(op, Conv2D | Pool2D) or op.kernel is None or seen.order != "NCHW":
        return None
    dilation = op.dilation if isinstance(op, Conv2D) else (1, 1)
    extents = [(k - 1) * d + 1 for k, d in zip(op.kernel, dilation, strict=True)]
    if extents[0] != extents[1] or op.stride[0] != op.stride[1]:
        return None
    if op.pads == "same_upper":
        if extents[0] > 2:  # at most one row of padding goes to the end, more also to the start
            return None
    elif op.pads[0] or op.pads[2]:
        return None
    side = seen.side + (extents[0] - 1) * seen.step
    return _Seen(side, seen.step * op.stride[0], seen.order)
