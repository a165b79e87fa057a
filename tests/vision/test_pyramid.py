from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.packed import halve, pack
from zqcnn_xp.vision.pyramid import Mipmaps, scales, scales_zqcnn


def test_golden_scales(shared_data: Path) -> None:
    files = sorted((shared_data / "golden" / "mtcnn").glob("*.json"))
    assert len(files) > 40
    for file in files:
        data = json.loads(file.read_text())
        given_ = data["params"]
        got = scales_zqcnn(
            data["width"],
            data["height"],
            given_["min_face_size"],
            given_["pnet_size"],
            big=bool(given_["special_handle_very_big_face"]),
        )
        np.testing.assert_array_equal(got, np.array(data["scales"], np.float32), err_msg=file.name)


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.integers(1, 300),
    st.sampled_from([12, 20]),
    st.floats(0.3, 0.95),
    st.booleans(),
)
def test_scales(
    width: int, height: int, smallest: int, window: int, factor: float, big: bool
) -> None:
    out = scales(width, height, smallest, window, factor, big=big)
    assert out[-1] == window / min(width, height)
    assert (np.diff(out) < 0).all()
    if len(out) > 1:
        assert out[0] == window / max(smallest, window)
        # No object between the smallest and the short side is further than a step from a scale.
        assert (out[1:] / out[:-1] >= factor - 1e-9).all()


def test_big_adds_scales_near_the_coarsest() -> None:
    plain = scales(200, 100, 20, 12, 0.5)
    more = scales(200, 100, 20, 12, 0.5, big=True)
    added = set(more.round(6)) - set(plain.round(6))
    assert added
    assert all(12 / 100 < scale < plain[-2] for scale in added)


@pytest.mark.parametrize(
    ("width", "height", "factor"), [(0, 9, 0.5), (9, 9, 1.0), (9, 9, 0.0), (9, 9, float("nan"))]
)
def test_scales_refuses(width: int, height: int, factor: float) -> None:
    with pytest.raises(InputError, match="found sizes"):
        scales(width, height, 20, 12, factor)


def test_mipmaps() -> None:
    base = pack(np.random.default_rng(0).integers(0, 256, (9, 5, 3), np.uint8))
    maps = Mipmaps(base)
    np.testing.assert_array_equal(maps[2], halve(halve(base)))
    assert maps[2] is maps[2]
    assert maps[maps.top].shape == (1, 1)
    assert [maps.level_for(r) for r in (0.1, 1, 1.99, 2, 4.5)] == [0, 0, 0, 1, 2]
