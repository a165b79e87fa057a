from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.packed import pack
from zqcnn_xp.vision.resize import bilinear, normalised, positions, resize, taps
from zqcnn_xp.vision.workspace import Workspace

_GOLDEN = [
    "full_384x288", "full_137x103", "full_639x479", "full_48x48", "full_800x600", "full_320x240",
    "full_24x24", "full_12x12", "corner_200x150", "nearest_200x150",
]  # fmt: skip


@pytest.mark.parametrize("name", _GOLDEN)
def test_golden_bit_exact(shared_data: Path, name: str) -> None:
    with np.load(shared_data / "golden" / "zqcnn" / "resize.npz") as data:
        image = data["resize_input"][0].transpose(1, 2, 0)
        want = data[f"resize_{name}"][0].transpose(1, 2, 0)
    kind, size = name.split("_")
    width, height = map(int, size.split("x"))
    got = resize(
        image,
        height,
        width,
        method="nearest" if kind == "nearest" else "bilinear",
        align="corner" if kind == "corner" else "center",
        compat="zqcnn",
    )
    np.testing.assert_array_equal(got, want)


def _plain(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixel by pixel in float64, from the definition."""
    rows, columns, channels = image.shape
    out = np.empty((height, width, channels))
    for i in range(height):
        for j in range(width):
            y = (i + 0.5) * rows / height - 0.5
            x = (j + 0.5) * columns / width - 0.5
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            value = 0.0
            for yy, wy in ((y0, 1 - (y - y0)), (y0 + 1, y - y0)):
                for xx, wx in ((x0, 1 - (x - x0)), (x0 + 1, x - x0)):
                    clipped = image[min(max(yy, 0), rows - 1), min(max(xx, 0), columns - 1)]
                    value = value + wy * wx * clipped
            out[i, j] = value
    return out


_side = st.integers(1, 12)


@given(_side, _side, _side, _side, st.integers(0, 2**31))
def test_against_the_definition(h: int, w: int, height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).random((h, w, 2), np.float32)
    np.testing.assert_allclose(
        resize(image, height, width), _plain(image, height, width), atol=2e-6
    )


@given(_side, _side, _side, _side, st.integers(0, 2**31))
def test_packed_equals_float(h: int, w: int, height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)
    y, x = taps(positions(height, h), h), taps(positions(width, w), w)
    floats = (image.astype(np.float32) - 127.5) / 128
    got = bilinear(pack(image), y, x)
    np.testing.assert_array_equal(got, bilinear(floats, y, x))
    assert got.dtype == np.float32


@pytest.mark.parametrize("rows", [3, 400])
def test_packed_equals_float_at_a_border_of_zeros(rows: int) -> None:
    image = np.random.default_rng(rows).integers(0, 256, (rows, 300, 3), np.uint8)
    y = taps(np.linspace(-0.4, rows - 0.7, rows).astype(np.float32), rows, "zero")
    x = taps(np.linspace(-0.4, 299.3, 210).astype(np.float32), 300, "zero")
    assert y.outside is not None
    assert x.outside is not None
    floats = (image.astype(np.float32) - 127.5) / 128
    out = np.empty((3, rows, 210), np.float32).transpose(1, 2, 0)
    work = Workspace()
    for _ in range(2):
        got = bilinear(pack(image), y, x, out, work)
        np.testing.assert_array_equal(got, bilinear(floats, y, x))


def test_strips_do_not_show() -> None:
    image = np.random.default_rng(3).random((700, 90, 3), np.float32)
    whole = resize(image, 650, 80)
    y, x = taps(positions(650, 700), 700), taps(positions(80, 90), 90)
    for begin in (0, 137, 649):
        np.testing.assert_array_equal(bilinear(image, y.part(begin, 650), x), whole[begin:])


def test_strips_of_packed_pixels_do_not_show() -> None:
    image = np.random.default_rng(4).integers(0, 256, (700, 190, 3), np.uint8)
    y, x = taps(positions(650, 700), 700), taps(positions(180, 190), 190)
    want = bilinear((image.astype(np.float32) - 127.5) / 128, y, x)
    for begin in (0, 137, 649):
        got = bilinear(pack(image), y.part(begin, 650), x)
        np.testing.assert_array_equal(got, want[begin:])


def test_positions_of_many_intervals_equal_single_ones() -> None:
    extent, start = np.array([3.0, 7.0]), np.array([-1.0, 0.5])
    for accumulate in (False, True):
        many = positions(5, extent, start, accumulate=accumulate)
        for i in range(2):
            one = positions(5, extent[i], start[i], accumulate=accumulate)
            np.testing.assert_array_equal(many[i], one)


def test_taps_far_outside_repeat_the_edge() -> None:
    found = taps(np.array([-1e12, 1e12]), 5)
    assert found.first.tolist() == [0, 4]
    assert found.second.tolist() == [0, 4]


def test_normalised_is_exact() -> None:
    got = normalised(pack(np.uint8([[[0, 128, 255]]])))[0, 0, :3]
    assert got.tolist() == [-0.99609375, 0.00390625, 0.99609375]


def test_refuses() -> None:
    with pytest.raises(InputError, match="at least one pixel"):
        resize(np.zeros((0, 4, 3), np.float32), 2, 2)
    with pytest.raises(InputError, match="0 output samples"):
        resize(np.zeros((4, 4, 3), np.float32), 0, 2)
