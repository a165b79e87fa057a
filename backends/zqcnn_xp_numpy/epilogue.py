"""Bias and activation of a block of results, while it is still in the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Weights
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp_numpy.tape import Rows, Tape

__all__ = ["cut", "finish"]

# A step of an epilogue: adds the calls that compute ``out`` from ``source``, which may be the same.
Step: TypeAlias = Callable[[Tape, Rows, Rows], None]

# Floats over which vectors of channels are repeated: NumPy's inner loops are then long, and the
# vector stays in the first-level cache. Measured.
LONG = 1 << 12
# Floats of a block for which vectors are repeated over the whole of it.
SMALL = 1 << 13


def finish(
    tape: Tape, bias: Any, activation: Op | None, w: Weights, block: Rows, target: Rows
) -> None:
    """Add a bias (O,) or None, and an activation, to a block and write it to ``target``.

    Parameters
    ----------
    block
        (samples, rows, W' * O): what was computed, overwritten; W' may exceed W.
    target
        (samples, rows, W * O), each row without gaps; may be ``block`` itself.
    """
    if block.shape != target.shape:
        block = block[:, :, : target.shape[2]]
    channels = _channels(bias, activation, w, target.shape[2])
    steps: list[Step] = []
    if bias is not None:
        steps.append(_binary(np.add, bias))
    if activation is not None:
        steps.extend(_activation(activation, w, channels))
    if not steps:
        if block is not target:
            tape.add(np.copyto, target, block)
        return
    if block.size <= SMALL and block.flags.c_contiguous and target.flags.c_contiguous:
        # One loop without an iterator around it.
        source, out = block.reshape(-1), target.reshape(-1)
    else:
        source, out = cut(block, channels), cut(target, channels)
    for step in steps[:-1]:
        step(tape, source, source)
    steps[-1](tape, source, out)


def _channels(bias: Any, activation: Op | None, w: Weights, row: int) -> int:
    """Return the length of the vectors that meet the block, or that of its rows."""
    if bias is not None:
        return int(bias.shape[0])
    if isinstance(activation, PReLU) and not activation.shared:
        return int(w["slope"].shape[0])
    return row


def cut(rows: Rows, channels: int) -> Rows:
    """Cut rows into pieces of some pixels each, equal pieces of about `LONG` floats."""
    n, h, row = rows.shape
    pixels = row // max(channels, 1)
    fitting = [p for p in range(1, pixels + 1) if pixels % p == 0 and p * channels <= LONG]
    piece = channels * (fitting[-1] if fitting else 1)
    return rows.reshape(n, h, row // max(piece, 1), piece)


def _binary(function: Callable[..., object], vector: Any) -> Step:
    def step(tape: Tape, source: Rows, out: Rows) -> None:
        tape.add(function, source, tape.tiled(vector, source.shape[-1]), out=out)

    return step


def _activation(activation: Op, w: Weights, channels: int) -> list[Step]:
    if isinstance(activation, PReLU):
        slope = w["slope"]
        if slope.size and slope.max() <= 1:
            return [_leaky(slope)]
        return [_any_slope(slope)]
    if isinstance(activation, Activation):
        if activation.kind == "relu":
            return [_bounds(0.0, np.inf)]
        if activation.kind == "clip":
            return [_bounds(activation.low, activation.high)]
        if activation.kind == "leaky_relu" and activation.alpha <= 1:
            return [_leaky(np.full(1, activation.alpha, np.float32))]

    def step(tape: Tape, source: Rows, out: Rows) -> None:
        tape.add(_reference, activation, w, source, out)

    return [step]


def _bounds(low: float, high: float) -> Step:
    """Clip with rows of bounds, which are quicker than scalars."""

    def step(tape: Tape, source: Rows, out: Rows) -> None:
        tape.add(np.maximum, source, tape.row(low, source.shape[-1]), out=out)
        if high != np.inf:
            tape.add(np.minimum, out, tape.row(high, source.shape[-1]), out=out)

    return step


def _leaky(slope: Rows) -> Step:
    """Slopes up to 1, negative ones too: the larger of value and scaled value."""

    def step(tape: Tape, source: Rows, out: Rows) -> None:
        scaled = tape.scratch("scaled", source.shape)
        tape.add(np.multiply, source, _scalar_or_row(tape, slope, source.shape[-1]), out=scaled)
        tape.add(np.maximum, source, scaled, out=out)

    return step


def _any_slope(slope: Rows) -> Step:
    """Any slopes: the value, and what is negative of it times the slope less 1."""
    less = slope - np.float32(1.0)

    def step(tape: Tape, source: Rows, out: Rows) -> None:
        below = tape.scratch("scaled", source.shape)
        tape.add(np.minimum, source, tape.row(0.0, source.shape[-1]), out=below)
        tape.add(np.multiply, below, _scalar_or_row(tape, less, source.shape[-1]), out=below)
        tape.add(np.add, source, below, out=out)

    return step


def _scalar_or_row(tape: Tape, slope: Rows, length: int) -> Any:
    return np.float32(slope[0]) if slope.size == 1 else tape.tiled(slope, length)


def _reference(activation: Op, w: Weights, source: Rows, out: Rows) -> None:
    np.copyto(out, activation.forward(np, w, source)[0])
