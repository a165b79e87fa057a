from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.pipelines.mtcnn.proposals import Cells, _blocks, boxes_of, keep_cells
from zqcnn_xp.pipelines.mtcnn.source import Source
from zqcnn_xp.vision.io import read_image
from zqcnn_xp.vision.nms import nms, suppress


@pytest.mark.parametrize("variant", ["author5m60", "fast106v3s64", "plus106v2s96"])
@pytest.mark.parametrize("image", ["4", "face0"])
def test_maps_equal_the_originals(shared_data: Path, build: Any, variant: str, image: str) -> None:
    file = shared_data / "golden" / "mtcnn" / f"mtcnn_{variant}_{image}.json"
    maps = json.loads(file.read_text())["pnet_maps"]
    detector = build(variant)
    options = detector.options
    pixels = read_image(shared_data / "images" / f"{image}.jpg")
    source = Source(pixels, options, bgr=True, transposed=False)
    for scale, want in zip(source.scales(), maps, strict=True):
        level = source.level(scale)
        assert (level.height, level.width) == (want["resized_H"], want["resized_W"])
        x = np.empty((1, level.height, level.width, 3), np.float32)
        level.piece(0, 0, level.height, level.width, x[0])
        prob = detector.networks.p(x).prob[0, : want["H"], : want["W"], 1]
        assert prob.shape == (want["H"], want["W"])
        assert prob.max() == pytest.approx(want["max"], abs=1e-5)
        assert prob.sum(dtype=np.float64) == pytest.approx(want["sum"], rel=1e-4, abs=1e-4)


def _cells(rows: int, columns: int, seed: int, share: float) -> Cells:
    rng = np.random.default_rng(seed)
    row, column = np.nonzero(rng.random((rows, columns)) < share)
    score = (rng.integers(600, 999, row.size) / 1000).astype(np.float32)
    return Cells(row, column, score, None)


@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 2**31), st.booleans())
def test_whole_maps_are_searched(rows: int, columns: int, seed: int, count: bool) -> None:
    options = Options(overlap_count=0)
    cells = _cells(rows, columns, seed, 0.1)
    size = ((rows - 1) * 2 + 12, (columns - 1) * 2 + 12)
    kept = keep_cells(cells, *size, options)
    want = nms(boxes_of(cells, options), cells.score, 0.5)
    np.testing.assert_array_equal(kept, want)
    if count:
        some = keep_cells(cells, *size, Options(overlap_count=2))
        assert set(some) <= set(kept)


def test_original_loses_what_its_blocks_leave_over() -> None:
    # 67 x 67 cells: two blocks of 33 each way; row and column 66 fall to the last block alone
    # by index 3, which neither the second row nor the second column has.
    cells = Cells(np.array([66, 0]), np.array([0, 0]), np.float32([0.9, 0.8]), None)
    cells = cells.pick(np.array([1, 0]))
    size = (66 * 2 + 12, 66 * 2 + 12)
    right = keep_cells(cells, *size, Options())
    original = keep_cells(cells, *size, Options(compat="zqcnn"))
    assert sorted(right.tolist()) == [0, 1]
    assert original.tolist() == [0]


def test_lonely_winners_fall_unless_at_the_edge() -> None:
    cells = Cells(np.array([0, 20]), np.array([0, 20]), np.float32([0.9, 0.8]), None)
    kept = keep_cells(cells, 90, 90, Options(overlap_count=1))
    assert kept.tolist() == [0]


def test_turned_keeps_scan_order() -> None:
    cells = _cells(9, 7, 3, 0.4)
    turned = cells.turned()
    assert (np.diff(turned.row * 9 + turned.column) > 0).all()
    np.testing.assert_array_equal(turned.turned().score, cells.score)


def _original_blocks(cells: Cells, rows: int, columns: int, border: int) -> list[tuple[int, int]]:
    """Pairs of block and cell as the original forms them, block by block."""
    down, across = max(1, rows // 32), max(1, columns // 32)
    tall, wide = rows // down, columns // across
    last = down * across - 1
    pairs = []
    for i in range(down):
        for j in range(across):
            bottom = rows if i == last else (i + 1) * tall
            right = columns if j == last else (j + 1) * wide
            for k, (row, column) in enumerate(zip(cells.row, cells.column, strict=True)):
                inside = i * tall - border <= row < bottom and j * wide - border <= column < right
                pairs += [(i * across + j, k)] if inside else []
    return pairs


@given(st.integers(1, 140), st.integers(1, 140), st.integers(1, 50), st.integers(0, 2**31))
def test_blocks_are_the_originals(rows: int, columns: int, border: int, seed: int) -> None:
    cells = _cells(rows, columns, seed, 0.02)
    index, block = _blocks(cells, np.array([rows]), np.array([columns]), border)
    assert list(zip(block, index, strict=True)) == _original_blocks(cells, rows, columns, border)


@pytest.mark.parametrize("shape", [(20, 33), (70, 20), (75, 110)])
def test_the_originals_blocks_are_searched_one_by_one(shape: tuple[int, int]) -> None:
    options = Options(compat="zqcnn", overlap_count=2)
    rows, columns = shape
    cells = _cells(rows, columns, 7, 0.2)
    kept = keep_cells(cells, (rows - 1) * 2 + 12, (columns - 1) * 2 + 12, options)
    inner = (cells.row >= 6) & (cells.row < rows - 6)
    inner &= (cells.column >= 6) & (cells.column < columns - 6)
    want: list[int] = []
    pairs = np.array(_original_blocks(cells, rows, columns, 6))
    for number in np.unique(pairs[:, 0]):
        index = pairs[pairs[:, 0] == number, 1]
        boxes, scores = boxes_of(cells, options)[index], cells.score[index]
        winners, counts = suppress(boxes, scores, 0.495, compat="zqcnn")
        winners = winners[(counts >= 2) | ~inner[index[winners]]]
        want += index[np.sort(winners)].tolist()
    assert kept.tolist() == want


@pytest.mark.parametrize("compat", [None, "zqcnn"])
@pytest.mark.parametrize("count", [0, 2])
def test_levels_do_not_see_each_other(compat: Literal["zqcnn"] | None, count: int) -> None:
    options = Options(compat=compat, overlap_count=count)
    maps = [(75, 110), (20, 33), (1, 1), (31, 32), (70, 20)]
    parts = [_cells(*sides, seed=i, share=0.2) for i, sides in enumerate(maps)]
    parts.insert(2, _cells(5, 5, seed=0, share=0.0))
    maps.insert(2, (5, 5))
    height, width = ((np.array(maps) - 1) * 2 + 12).T
    kept = keep_cells(Cells.join(parts), height, width, options)
    want, begin = [], 0
    for part, tall, wide in zip(parts, height, width, strict=True):
        want.append(begin + keep_cells(part, int(tall), int(wide), options))
        begin += part.row.size
    np.testing.assert_array_equal(kept, np.concatenate(want))


def test_joined_levels_turn_one_by_one() -> None:
    parts = [_cells(9, 7, 3, 0.4), _cells(4, 30, 5, 0.4)]
    turned = Cells.join(parts).turned()
    want = Cells.join([part.turned() for part in parts])
    for got, expected in zip(turned, want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_no_levels() -> None:
    cells = Cells.join([])
    none = np.empty(0, np.intp)
    assert keep_cells(cells, none, none, Options()).size == 0
    assert boxes_of(cells, Options()).shape == (0, 4)
