"""Steps that only move elements, as copies between strided views of logical axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.crop import Crop
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.upsample import Upsample

__all__ = ["Move", "can_move", "is_reshape", "moves_of", "repeats_of"]


@dataclass(frozen=True)
class Move:
    """Elements of a plain input that go to a plain output.

    Parameters
    ----------
    read
        Number of the input.
    sizes
        Loop counts, over logical axes behind the batch.
    source, target
        Floats from one element to the next along each of them.
    source_start, target_start
        First element.
    """

    read: int
    sizes: tuple[int, ...]
    source: tuple[int, ...]
    target: tuple[int, ...]
    source_start: int = 0
    target_start: int = 0


def is_reshape(op: Op) -> bool:
    """Whether elements keep their logical order."""
    return isinstance(op, Reshape | Flatten | Identity)


def repeats_of(op: Op, shape: Shape) -> tuple[int, int] | None:
    """Return how often an upsampling repeats rows and columns, or None if it does another thing."""
    if not isinstance(op, Upsample) or op.kind != "nearest" or len(shape) != 4:
        return None
    out = op.infer(shape)[0]
    (h, w), (ho, wo) = shape[2:], out[2:]
    if ho % h or wo % w:
        return None
    up = (ho // h, wo // w)
    wanted = [[i // u for i in range(u * n)] for u, n in zip(up, (h, w), strict=True)]
    return up if _sampled(op, (h, w), (ho, wo)) == wanted else None


def _sampled(op: Upsample, cells: tuple[int, int], out: tuple[int, int]) -> list[list[int]]:
    import numpy as np

    found = []
    for axis, (size, count) in enumerate(zip(cells, out, strict=True)):
        # The op itself says which cell each position takes.
        line = np.arange(size, dtype=np.float32).reshape(
            (1, size, 1, 1) if axis == 0 else (1, 1, size, 1)
        )
        made = Upsample(
            "nearest",
            op.align,
            size=(count, 1) if axis == 0 else (1, count),
            rounding=op.rounding,
        )
        (y,) = made.forward(np, {}, line)
        found.append([int(v) for v in y.reshape(-1)])
    return found


def can_move(op: Op, shapes: list[Shape]) -> bool:
    """Whether an op only moves elements, in a way that is known here."""
    if is_reshape(op):
        return True
    if isinstance(op, Upsample):
        return repeats_of(op, shapes[0]) is not None
    if isinstance(op, Concat | Slice | Transpose | Reorg):
        return len(shapes[0]) <= 5
    return isinstance(op, Crop) and len(shapes[0]) == 4


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a plain value behind its batch axis."""
    return tuple(prod(shape[k + 1 :]) for k in range(1, len(shape)))


def moves_of(op: Op, shapes: list[Shape], shape: Shape) -> list[Move]:
    """Return the copies of an op between plain values, for one sample.

    Parameters
    ----------
    op
        One that `can_move` admits and that is no reshape.
    shapes
        Logical shapes of the inputs.
    shape
        Of the result.
    """
    out = _strides(shape)
    first = _strides(shapes[0])
    if isinstance(op, Concat):
        axis = op.axis % len(shape)
        moves, at = [], 0
        for k, found in enumerate(shapes):
            start = at * out[axis - 1]
            moves.append(Move(k, found[1:], _strides(found), out, target_start=start))
            at += found[axis]
        return moves
    if isinstance(op, Slice):
        axis = op.axis % len(shape)
        begin, _, step = slice(op.start, op.stop, op.step).indices(shapes[0][axis])
        source = tuple(s * (step if k == axis - 1 else 1) for k, s in enumerate(first))
        return [Move(0, shape[1:], source, out, source_start=begin * first[axis - 1])]
    if isinstance(op, Transpose):
        source = tuple(first[axis - 1] for axis in op.perm[1:])
        return [Move(0, shape[1:], source, out)]
    if isinstance(op, Crop):
        starts = op.starts(shapes[0], shapes[1])
        begin = sum(s * first[op.axis + k - 1] for k, s in enumerate(starts))
        return [Move(0, shape[1:], first, out, source_start=begin)]
    if isinstance(op, Upsample):
        up = repeats_of(op, shapes[0])
        if up is None:
            raise TypeError(f"{op} moves no elements")
        c, h, w = shapes[0][1:]
        sizes = (c, h, up[0], w, up[1])
        source = (first[0], first[1], 0, first[2], 0)
        target = (out[0], out[1] * up[0], out[1], up[1], 1)
        return [Move(0, sizes, source, target)]
    if isinstance(op, Reorg):
        return [_reorg(op, shapes[0])]
    raise TypeError(f"{op} moves no elements")


def _reorg(op: Reorg, shape: Shape) -> Move:
    _, c, h, w = shape
    s = op.stride
    if op.order == "darknet":
        c, h, w = c // (s * s), h * s, w * s
    inner = (c, h // s, s, w // s, s)
    # Axes of the input (channel, row, row in the block, column, column in the block) in the
    # result's order.
    order = (0, 2, 4, 1, 3) if op.order == "channel" else (2, 4, 0, 1, 3)
    source = _strides((1, *inner))
    sizes = tuple(inner[k] for k in order)
    return Move(0, sizes, tuple(source[k] for k in order), _strides((1, *sizes)))
