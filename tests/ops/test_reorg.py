"""Blocks of pixels into channels, in three orders."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Reorg
from zqcnn_xp.testing.check_op import check_op


def by_index(x: np.ndarray, s: int) -> np.ndarray:
    """Darknet's own walk over flat memory, as its ``reorg`` layer calls it."""
    n, c, h, w = x.shape
    flat, out = x.reshape(-1), np.empty(x.size, x.dtype)
    few = c // (s * s)
    for b in range(n):
        for k in range(c):
            for j in range(h):
                for i in range(w):
                    place = i + w * (j + h * (k + c * b))
                    block = k // few
                    column, row = i * s + block % s, j * s + block // s
                    out[place] = flat[column + w * s * (row + h * s * (k % few + few * b))]
    return out.reshape(n, c * s * s, h // s, w // s)


@pytest.mark.parametrize(("shape", "s"), [((2, 4, 4, 6), 2), ((1, 9, 3, 6), 3), ((1, 8, 2, 2), 2)])
def test_darknet(shape: tuple[int, ...], s: int) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    check_op(Reorg(s), x, expect=lambda w, x: by_index(x, s))


@pytest.mark.parametrize("s", [1, 2, 3])
def test_onnx_and_pytorch(run_onnx, s: int) -> None:
    torch = pytest.importorskip("torch")
    x = np.arange(2 * 5 * 6 * 12, dtype=np.float32).reshape(2, 5, 6, 12)
    check_op(Reorg(s, "block"), x, expect=lambda w, x: run_onnx("SpaceToDepth", x, blocksize=s)[0])
    unshuffled = torch.nn.functional.pixel_unshuffle(torch.from_numpy(x), s).numpy()
    check_op(Reorg(s, "channel"), x, expect=[unshuffled])
    check_op(Reorg(s, "channel"), x[:0])


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="Reorg: found stride 0"):
        Reorg(0)
    with pytest.raises(InputError, match="order 'zigzag'"):
        Reorg(2, "zigzag")
    with pytest.raises(ShapeError, match="divisible by 2 and channels by 4"):
        Reorg(2).infer((1, 6, 4, 4))
    with pytest.raises(ShapeError, match=r"divisible by 2$"):
        Reorg(2, "block").infer((1, 6, 5, 4))
