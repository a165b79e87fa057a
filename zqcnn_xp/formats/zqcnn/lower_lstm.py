"""LSTM_TF: TensorFlow's cell over the columns of a map of one row."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from zqcnn_xp.formats.zqcnn.layer import Lowered, Take
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.lstm import Lstm

__all__ = ["lstm"]

_DIRECTIONS: tuple[Literal["forward", "backward", "both"], ...] = ("forward", "backward", "both")
_GATES = "ifog"


def lstm(record: Record, shapes: tuple[Shape, ...], take: Take, compat: bool) -> Lowered:
    """``LSTM_TF``: all input matrices, then all biases, then all recurrent matrices.

    Each kind is stored by direction (forward first) and gate (i, f, o, g), matrices as
    [hidden][features].
    """
    (shape,) = shapes
    kind = record.integer("type")
    if kind >= len(_DIRECTIONS):
        raise record.error(f"type={kind}", "type=0 (forward), 1 (backward) or 2 (both)")
    op = Lstm(
        record.integer("hidden_dim", low=1),
        _DIRECTIONS[kind],
        forget_bias=record.number("forget_bias", 1.0),
        cell_clip=record.number("cell_clip", 3.0),
    )
    op.infer(shape)  # refuses what is no sequence before weights are read
    found: dict[str, Any] = {}
    for name, width in (("input", (shape[1],)), ("bias", ()), ("recurrent", (op.hidden,))):
        for direction in op.directions:
            word = "bias" if name == "bias" else "weight"
            gates = [
                take(f"{direction}_{name}_{gate}_{word}", (op.hidden, *width)) for gate in _GATES
            ]
            found[f"{direction}_{name}"] = np.ascontiguousarray(np.concatenate(gates).T)
    return op, found
