"""Tiles: they fit the registers and cover every channel once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.planner.tiles import block_tiles, row_tiles, window_tile
from zqcnn_xp_llvm.target import NEON

TARGETS = [
    replace(NEON, lanes=lanes, registers=registers, name=name)
    for lanes, registers, name in (
        (16, 32, "AVX-512"),
        (8, 16, "AVX2"),
        (4, 16, "SSE"),
        (4, 32, "N"),
    )
]
targets = st.sampled_from(TARGETS)


def covered(tiles, each):
    """Blocks or channels of tiles, in order."""
    return [tile.first + k for tile in tiles for k in range(tile.groups * each(tile))]


@settings(max_examples=150, deadline=None)
@given(
    target=targets,
    blocks=st.integers(1, 40),
    h=st.integers(1, 20),
    w=st.integers(1, 70),
    pair=st.booleans(),
)
def test_blocks_are_covered_once_and_fit(target, blocks, h, w, pair):
    cost, tiles = block_tiles(target, blocks, h, w, pair=pair)
    assert 0 < cost < float("inf")
    factor = 2 if pair else 1
    assert covered(tiles, lambda t: t.vectors // factor) == list(range(blocks))
    for tile in tiles:
        assert tile.vectors % factor == 0
        assert 1 <= tile.rows <= h
        assert 1 <= tile.pixels <= w
        assert tile.rows * tile.pixels * tile.vectors < target.registers


@settings(max_examples=150, deadline=None)
@given(
    target=targets,
    outputs=st.integers(1, 70),
    h=st.integers(1, 20),
    w=st.integers(16, 200),
    step_y=st.integers(1, 3),
)
def test_channels_are_covered_once_and_fit(target, outputs, h, w, step_y):
    cost, tiles = row_tiles(target, outputs, h, w, step_y=step_y)
    assert 0 < cost < float("inf")
    assert covered(tiles, lambda t: t.outputs) == list(range(outputs))
    for tile in tiles:
        assert 1 <= tile.rows <= h
        assert tile.vectors * target.lanes <= w
        assert tile.outputs * tile.rows * tile.vectors < target.registers


@settings(max_examples=150, deadline=None)
@given(
    target=targets,
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    h=st.integers(1, 40),
    w=st.integers(16, 300),
    blocks=st.booleans(),
)
def test_windows_fold_no_more_than_registers_hold(target, kernel, stride, h, w, blocks):
    rows, across = window_tile(target, kernel, stride, h, w, blocks=blocks)
    assert 1 <= rows <= min(h, 4)
    assert 1 <= across * (1 if blocks else target.lanes) <= w
    assert rows * across == 1 or rows * across < target.registers
    assert rows == 1 or stride[0] < kernel[0]
