from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.pipelines.mtcnn.grids import Grids, scales_for
from zqcnn_xp.pipelines.mtcnn.options import Options

_OPTIONS = {"default": Options(), "compat": Options(compat="zqcnn")}


@pytest.mark.parametrize("options", list(_OPTIONS.values()), ids=list(_OPTIONS))
@given(st.integers(12, 400), st.integers(12, 400), st.booleans())
def test_grids_fit_their_image(options: Options, width: int, height: int, transposed: bool) -> None:
    found = Grids(options, transposed=transposed)(width, height)
    scales = scales_for(width, height, options)
    assert len(found) == len(scales) > 0
    for grid, scale in zip(found, scales, strict=True):
        sides = (grid.x, grid.y) if transposed else (grid.y, grid.x)
        for side, taps, ratio in zip((height, width), sides, grid.ratio[1::-1], strict=True):
            made = taps.share.size
            assert made in (math.ceil(side * scale - 1e-4), math.ceil(side * scale + 1e-4))
            assert ratio == pytest.approx(side / made, rel=1e-6)
            have = math.ceil(side / 2**grid.mip)
            assert 0 <= taps.first.min() <= taps.second.max() < have
        if options.exact:
            # What is left after halving shrinks by less than two.
            assert scale * 2**grid.mip > 0.5
        else:
            assert grid.mip == 0
            assert grid.ratio.dtype == np.float32


def test_too_small_an_image_has_none() -> None:
    for options in _OPTIONS.values():
        assert Grids(options, transposed=False)(500, 11) == ()


def test_sizes_are_remembered_up_to_a_number() -> None:
    grids = Grids(Options(), transposed=False)
    first = grids(100, 80)
    assert grids(100, 80) is first
    assert grids(80, 100) is not first
    for width in range(100, 140):
        grids(width, 40)
    assert grids(100, 80) is not first


def test_shared_between_threads() -> None:
    grids = Grids(Options(), transposed=False)
    sizes = [(100 + i % 30, 60 + i % 7) for i in range(300)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda size: grids(*size), sizes))
    for size, got in zip(sizes, found, strict=True):
        alone = Grids(Options(), transposed=False)(*size)
        assert [g.ratio.tolist() for g in got] == [g.ratio.tolist() for g in alone]
