"""The ONNX nodes of an LSTM: the steps become the first axis, and return."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zqcnn_xp.formats.onnx.emit import Emitter
from zqcnn_xp.formats.onnx.write_common import Write, refused
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.lstm import Lstm

__all__ = ["WRITERS"]

_DIRECTIONS = {"forward": "forward", "backward": "reverse", "both": "bidirectional"}


def _lstm(emit: Emitter, node: Node, op: Lstm, shapes: tuple[Shape, ...]) -> None:
    if op.cell_clip:
        raise refused(node, "clips its cells, where ONNX clips the gates")
    gates = op.hidden * np.asarray([0, 2, 1, 3])[:, None] + np.arange(op.hidden)  # i, o, f, g
    rows = gates.reshape(-1)
    stacks: dict[str, list[np.ndarray]] = {"input": [], "recurrent": [], "bias": []}
    for name in op.directions:
        for kind, stack in stacks.items():
            value = np.asarray(node.weights[f"{name}_{kind}"], np.float32).T[rows]
            if kind == "bias":
                value[2 * op.hidden : 3 * op.hidden] += np.float32(op.forget_bias)
                value = np.concatenate([value, np.zeros_like(value)])
            stack.append(value)
    names = [emit.constant(f"{node.name}/{kind}", np.stack(s)) for kind, s in stacks.items()]
    words = ("row", "steps", "states", "samples", "flat")
    row, sequence, states, samples, flat = (emit.fresh(f"{node.name}/{word}") for word in words)
    axes = emit.constant(f"{node.name}/axes", np.asarray([2], np.int64))
    emit.node("Squeeze", [node.inputs[0], axes], row)
    emit.node("Transpose", [row], sequence, perm=[2, 0, 1])
    direction = _DIRECTIONS[op.direction]
    emit.node("LSTM", [sequence, *names], states, hidden_size=op.hidden, direction=direction)
    # (W, directions, N, H) to (N, directions * H, 1, W)
    emit.node("Transpose", [states], samples, perm=[2, 1, 3, 0])
    merged = np.asarray([0, op.hidden * len(op.directions), -1], np.int64)
    emit.node("Reshape", [samples, emit.constant(f"{node.name}/merged", merged)], flat)
    emit.node("Unsqueeze", [flat, axes], node.outputs[0])


WRITERS: Mapping[type[Op], Write] = {Lstm: _lstm}
