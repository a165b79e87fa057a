"""Long short-term memory over one axis of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops.activation import sigmoid
from zqcnn_xp.ops.base import Array, Op, Shape, Weights, check_rank

__all__ = ["Lstm"]


@dataclass(frozen=True)
class Lstm(Op):
    """An LSTM without peepholes along W (Hochreiter and Schmidhuber 1997; TensorFlow's cell).

    The input is (N, C, 1, W): W steps of C features. The output is (N, H, 1, W), or
    (N, 2 H, 1, W) for both directions, the forward one first; a step's result lies at its own
    place. At each step ``i, f, o = sigmoid(x Wx + h Wh + b)``, f with ``forget_bias`` added
    before, ``g = tanh(...)``, ``c = clip(i g + f c)``, ``h = o tanh(c)``, from zeros.

    Parameters
    ----------
    hidden
        Size ``H`` of the state.
    direction
        ``"forward"``, ``"backward"`` or ``"both"``.
    forget_bias
        Added to the forget gate.
    cell_clip
        Bound of the cell's magnitude; 0 is none.

    Raises
    ------
    InputError
        If an attribute is out of range.

    Notes
    -----
    Weights of each direction, ``forward_`` or ``backward_`` before the name: ``input`` (C, 4 H),
    ``recurrent`` (H, 4 H), ``bias`` (4 H,), the gates side by side in the order i, f, o, g.

    Examples
    --------
    >>> Lstm(64, "both").infer((2, 512, 1, 26))
    ((2, 128, 1, 26),)
    """

    hidden: int
    direction: Literal["forward", "backward", "both"] = "forward"
    forget_bias: float = 0.0
    cell_clip: float = 0.0

    def __post_init__(self) -> None:
        known = ("forward", "backward", "both")
        if self.hidden < 1 or self.direction not in known or not self.cell_clip >= 0:
            msg = (
                f"Lstm: found hidden {self.hidden}, direction {self.direction!r}, cell_clip "
                f"{self.cell_clip}, expected a size from 1 up, one of {', '.join(known)}, and a "
                "bound from 0 up"
            )
            raise InputError(msg)

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the directions, in the order of the output."""
        return ("forward", "backward") if self.direction == "both" else (self.direction,)

    def weights(self, *shapes: Shape) -> dict[str, Shape]:
        """Return ``input``, ``recurrent`` and ``bias`` of each direction."""
        (shape,) = shapes
        found: dict[str, Shape] = {}
        for name in self.directions:
            found[f"{name}_input"] = (shape[1], 4 * self.hidden)
            found[f"{name}_recurrent"] = (self.hidden, 4 * self.hidden)
            found[f"{name}_bias"] = (4 * self.hidden,)
        return found

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return (N, H or 2 H, 1, W)."""
        (shape,) = shapes
        check_rank("Lstm", shape)
        if shape[2] != 1 or not shape[3]:
            msg = f"Lstm: found shape {shape}, expected a height of 1 and at least one step"
            raise ShapeError(msg)
        return ((shape[0], self.hidden * len(self.directions), 1, shape[3]),)

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """One product for all inputs, then one for each step's state."""
        (x,) = xs
        n, _, steps, c = x.shape
        rows = xp.reshape(x, (n * steps, c))
        outputs = [self._run(xp, w, name, rows, n, steps) for name in self.directions]
        y = outputs[0] if len(outputs) == 1 else xp.concat(outputs, axis=2)
        return (xp.reshape(y, (n, 1, steps, y.shape[2])),)

    def _run(self, xp: Any, w: Weights, name: str, rows: Array, n: int, steps: int) -> Array:
        """Return one direction's states (N, W, H)."""
        size = self.hidden
        seen = xp.matmul(rows, w[f"{name}_input"]) + w[f"{name}_bias"]
        seen = xp.reshape(seen, (n, steps, 4 * size))
        recurrent = w[f"{name}_recurrent"]
        state: Array = None
        cell: Array = None
        states: list[Array] = []
        order = range(steps) if name == "forward" else range(steps - 1, -1, -1)
        for step in order:
            gates = seen[:, step, :]
            if state is not None:
                gates = gates + xp.matmul(state, recurrent)
            i = sigmoid(xp, gates[:, :size])
            f = sigmoid(xp, gates[:, size : 2 * size] + self.forget_bias)
            o = sigmoid(xp, gates[:, 2 * size : 3 * size])
            new = i * xp.tanh(gates[:, 3 * size :])
            cell = new if cell is None else new + f * cell
            if self.cell_clip:
                cell = xp.clip(cell, -self.cell_clip, self.cell_clip)
            state = o * xp.tanh(cell)
            states.append(state)
        if name == "backward":
            states.reverse()
        return xp.stack(states, axis=1)

    def muladds(self, *shapes: Shape) -> int:
        """``W * (H + C) * H * 4`` of each direction, as ZQCNN counts."""
        n, c, _, steps = shapes[0]
        return n * steps * (self.hidden + c) * self.hidden * 4 * len(self.directions)
