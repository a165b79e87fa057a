"""LSTM against PyTorch, ONNX Runtime and a step at a time."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Lstm
from zqcnn_xp.testing.check_op import NAMESPACES, check_op

C, H, W = 3, 5, 6
X = np.random.default_rng(0).standard_normal((2, C, 1, W)).astype(np.float32)


def rows(order: str) -> np.ndarray:
    """Rows of the gates i, f, o, g in another order."""
    return np.concatenate([np.arange(H) + H * "ifog".index(gate) for gate in order])


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_onnx_runtime(run_onnx, direction: str) -> None:
    op = Lstm(H, direction, cell_clip=0.0)

    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        order = rows("iofg")
        stack = [
            [w[f"{name}_{what}"].T[order] for name in op.directions]
            for what in ("input", "recurrent", "bias")
        ]
        weight, recurrent, bias = (np.stack(arrays) for arrays in stack)
        bias = np.concatenate([bias, np.zeros_like(bias)], axis=1)
        names = {"forward": "forward", "backward": "reverse", "both": "bidirectional"}
        (y,) = run_onnx(
            "LSTM", x[:, :, 0].transpose(2, 0, 1).copy(), weight, recurrent, bias,
            hidden_size=H, direction=names[direction], opset=14,
        )  # fmt: skip
        # (W, directions, N, H) to (N, directions * H, 1, W)
        return y.transpose(2, 1, 3, 0).reshape(len(x), -1, 1, W)

    check_op(op, X, expect=expect)


def test_pytorch() -> None:
    torch = pytest.importorskip("torch")
    peer = torch.nn.LSTM(C, H, bidirectional=True, batch_first=True)

    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        order = rows("ifgo")
        with torch.no_grad():
            for end, name in (("", "forward"), ("_reverse", "backward")):
                for theirs, ours in (("weight_ih", "input"), ("weight_hh", "recurrent")):
                    value = torch.from_numpy(w[f"{name}_{ours}"].T[order])
                    getattr(peer, f"{theirs}_l0{end}").copy_(value)
                getattr(peer, f"bias_ih_l0{end}").copy_(torch.from_numpy(w[f"{name}_bias"][order]))
                getattr(peer, f"bias_hh_l0{end}").zero_()
            y, _ = peer(torch.from_numpy(x[:, :, 0].transpose(0, 2, 1).copy()))
        return y.numpy().transpose(0, 2, 1)[:, :, None]

    check_op(Lstm(H, "both"), X, expect=expect, namespaces=("numpy",))


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_forget_bias_and_clipped_cells(namespace: str) -> None:
    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        h, c, out = np.zeros((2, H)), np.zeros((2, H)), []
        for t in range(W):
            gates = x[:, :, 0, t] @ w["forward_input"] + h @ w["forward_recurrent"]
            i, f, o, g = np.split(gates + w["forward_bias"], 4, axis=1)
            i, f, o = (1 / (1 + np.exp(-v)) for v in (i, f + 1.5, o))
            c = np.clip(i * np.tanh(g) + f * c, -0.4, 0.4)
            h = o * np.tanh(c)
            out.append(h)
        return np.stack(out, axis=2)[:, :, None]

    op = Lstm(H, "forward", forget_bias=1.5, cell_clip=0.4)
    check_op(op, X, expect=expect, namespaces=(namespace,))


def test_no_sample_one_step_and_counts() -> None:
    check_op(Lstm(H, "both"), X[:0])
    check_op(Lstm(H, "both"), X[:, :, :, :1])
    assert Lstm(H, "both").muladds(X.shape) == 2 * 2 * W * (H + C) * H * 4


def test_what_is_refused() -> None:
    for broken in ({"hidden": 0}, {"direction": "up"}, {"cell_clip": -1.0}):
        with pytest.raises(InputError, match="Lstm: found hidden"):
            Lstm(**{"hidden": 4, **broken})
    for shape in ((2, 3, 2, 6), (2, 3, 1, 0)):
        with pytest.raises(ShapeError, match="a height of 1 and at least one step"):
            Lstm(4).infer(shape)
    with pytest.raises(ShapeError, match="expected 4 dimensions"):
        Lstm(4).infer((2, 3, 6))
