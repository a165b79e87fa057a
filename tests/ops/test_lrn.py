"""Local response normalisation against PyTorch, ONNX Runtime and its definition."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import LRN
from zqcnn_xp.testing.check_op import check_op

X = np.random.default_rng(0).standard_normal((2, 6, 5, 4)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 13])
def test_across_channels_as_onnx_and_pytorch(run_onnx, size: int) -> None:
    torch = pytest.importorskip("torch")
    attributes = {"alpha": 0.3, "beta": 0.7, "bias": 1.5, "size": size}

    def onnx(_: dict, x: np.ndarray) -> np.ndarray:
        return run_onnx("LRN", x, **attributes)[0]

    def peer(_: dict, x: np.ndarray) -> np.ndarray:
        y = torch.nn.functional.local_response_norm(torch.from_numpy(x), size, 0.3, 0.7, 1.5)
        return y.numpy()

    if size % 2:  # ONNX Runtime takes odd sizes alone
        check_op(LRN(size, 0.3, 0.7, 1.5), X, expect=onnx)
    check_op(LRN(size, 0.3, 0.7, 1.5, before=size // 2), X, expect=peer)
    check_op(LRN(size, 0.3, 0.7, 1.5, before=size // 2), X[:, :, 0], expect=peer)


@pytest.mark.parametrize(("size", "before"), [(2, None), (2, 1), (4, None), (3, 0)])
def test_the_window_of_an_even_size(size: int, before: int | None) -> None:
    start = (size - 1) // 2 if before is None else before

    def expect(_: dict, x: np.ndarray) -> np.ndarray:
        y = np.empty(x.shape)
        for c in range(x.shape[1]):
            window = x[:, max(c - start, 0) : c - start + size].astype(np.float64)
            y[:, c] = x[:, c] * (1 + 0.3 / size * (window**2).sum(1)) ** -0.7
        return y

    check_op(LRN(size, 0.3, 0.7, before=before), X, expect=expect)
    check_op(LRN(size, 0.3, 0.7, before=before), X[:, :, 0, 0], expect=expect)


@pytest.mark.parametrize("size", [1, 3, 4, 11, 2**31 - 1])
def test_within_a_channel(size: int) -> None:
    start = (size - 1) // 2

    def expect(_: dict, x: np.ndarray) -> np.ndarray:
        y = np.empty(x.shape)
        for r in range(5):
            for q in range(4):
                rows = slice(max(r - start, 0), r - start + size)
                columns = slice(max(q - start, 0), q - start + size)
                total = (x[:, :, rows, columns].astype(np.float64) ** 2).sum((2, 3))
                y[:, :, r, q] = x[:, :, r, q] * (1 + 0.3 / size**2 * total) ** -0.7
        return y

    check_op(LRN(size, 0.3, 0.7, region="within"), X, expect=expect)


def test_no_sample_and_no_multiply_adds() -> None:
    check_op(LRN(3), X[:0])
    check_op(LRN(3, region="within"), X[:0])
    assert LRN(3).muladds(X.shape) == 0


def test_what_is_refused() -> None:
    for broken in ({"size": 0}, {"size": 3, "before": 3}, {"size": 3, "region": "around"}):
        with pytest.raises(InputError, match="LRN: found size"):
            LRN(**broken)
    with pytest.raises(ShapeError, match="expected 4 dimensions"):
        LRN(3, region="within").infer((2, 6))
    with pytest.raises(ShapeError, match="expected a channel axis 1"):
        LRN(3).infer((6,))
