from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.pipelines.mtcnn.grids import Pyramids, scales_for
from zqcnn_xp.pipelines.mtcnn.options import Options

_OPTIONS = {"default": Options(), "compat": Options(compat="zqcnn")}


@pytest.mark.parametrize("options", list(_OPTIONS.values()), ids=list(_OPTIONS))
@given(st.integers(12, 400), st.integers(12, 400), st.booleans())
def test_grids_fit_their_image(options: Options, width: int, height: int, transposed: bool) -> None:
    pyramid = Pyramids(options, transposed=transposed)(width, height)
    found = pyramid.grids
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
    upright = [(g.x, g.y) if transposed else (g.y, g.x) for g in found]
    assert pyramid.heights.tolist() == [y.share.size for y, _ in upright]
    assert pyramid.widths.tolist() == [x.share.size for _, x in upright]
    np.testing.assert_array_equal(pyramid.ratios, [g.ratio for g in found])


def test_too_small_an_image_has_none() -> None:
    for options in _OPTIONS.values():
        assert Pyramids(options, transposed=False)(500, 11).grids == ()


def test_sizes_are_remembered_up_to_a_number() -> None:
    pyramids = Pyramids(Options(), transposed=False)
    first = pyramids(100, 80)
    assert pyramids(100, 80) is first
    assert pyramids(80, 100) is not first
    for width in range(100, 140):
        pyramids(width, 40)
    assert pyramids(100, 80) is not first


def test_shared_between_threads() -> None:
    pyramids = Pyramids(Options(), transposed=False)
    sizes = [(100 + i % 30, 60 + i % 7) for i in range(300)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda size: pyramids(*size), sizes))
    for size, got in zip(sizes, found, strict=True):
        alone = Pyramids(Options(), transposed=False)(*size)
        np.testing.assert_array_equal(got.ratios, alone.ratios)


@pytest.mark.parametrize("options", list(_OPTIONS.values()), ids=list(_OPTIONS))
@pytest.mark.parametrize("size", [(640, 480), (123, 457), (31, 50)])
def test_small_levels_are_all_in_one_batch_of_their_mip(
    options: Options, size: tuple[int, int]
) -> None:
    pyramid = Pyramids(options, transposed=False)(*size)
    assert len({small.mip for small in pyramid.together}) == len(pyramid.together)
    numbers = sorted(n for small in pyramid.together for n, _ in small.levels)
    areas = pyramid.heights * pyramid.widths
    assert numbers == np.flatnonzero(areas <= 1 << 15).tolist()
    for small in pyramid.together:
        ends = [pixels for _, pixels in small.levels]
        assert [p.stop - p.start for p in ends] == [int(areas[n]) for n, _ in small.levels]
        assert ends[-1].stop == small.places.size == small.x_share.size == small.y_share.size


def test_pixels_of_small_levels_are_bounded() -> None:
    # Hundreds of levels near the coarsest.
    pyramid = Pyramids(Options(big_faces=True, factor=0.97), transposed=False)(2000, 1900)
    assert sum(small.places.size for small in pyramid.together) <= 1 << 16
