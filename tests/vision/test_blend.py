from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.vision.blend import blend, scratch_for
from zqcnn_xp.vision.packed import pack
from zqcnn_xp.vision.workspace import Workspace


def _floats(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - np.float32(127.5)) * np.float32(0.0078125)


def _plain(
    four: np.ndarray, x: np.ndarray, y: np.ndarray, beyond: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """The definition, operation by operation in float32."""
    left, right = _floats(four)
    rows, columns = right.shape[1:3]
    right[:, :, columns - beyond[0] :] = 0
    along = left + (right - left) * x[..., None]
    upper, lower = along
    lower = lower.copy()
    lower[rows - beyond[1] :] = 0
    return upper + (lower - upper) * y[..., None]


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 2**31), st.booleans())
def test_equals_the_definition_to_the_bit(rows: int, columns: int, seed: int, beyond: bool) -> None:
    rng = np.random.default_rng(seed)
    four = rng.integers(0, 256, (2, 2, rows, columns, 3), np.uint8)
    x, y = rng.random((2, rows, columns), np.float32)
    words = pack(four.reshape(1, -1, 3)).reshape(2, 2, rows, columns)
    out = np.empty((3, rows, columns), np.float32)
    edge = (min(2, columns), 1) if beyond else (0, 0)
    blend(words, x, y, out, scratch_for(words, Workspace()), x_beyond=edge[0], y_beyond=edge[1])
    np.testing.assert_array_equal(out.transpose(1, 2, 0), _plain(four, x, y, edge))


def test_every_byte_is_exact() -> None:
    every = np.arange(256, dtype=np.uint8)
    pixels = np.stack([every, every[::-1], np.roll(every, 77)], axis=1)[None]
    words = np.broadcast_to(pack(pixels), (2, 2, 1, 256)).copy()
    out = np.empty((3, 1, 256), np.float32)
    share = np.float32(0.3)
    blend(words, share, share, out, scratch_for(words, Workspace()))
    np.testing.assert_array_equal(out.transpose(1, 2, 0), _floats(pixels))


def test_more_axes_and_any_strides_of_the_result() -> None:
    rng = np.random.default_rng(0)
    four = rng.integers(0, 256, (2, 2, 3, 4, 4, 3), np.uint8)
    share = rng.random((3, 4, 4), np.float32)
    out = np.empty((3, 4, 4, 3), np.float32)
    words = pack(four.reshape(1, -1, 3)).reshape(2, 2, 3, 4, 4)
    blend(words, share, share, out.transpose(3, 0, 1, 2), scratch_for(words, Workspace()))
    for i in range(3):
        np.testing.assert_array_equal(out[i], _plain(four[:, :, i], share[i], share[i]))
