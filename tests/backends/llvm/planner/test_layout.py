"""Layouts: every element has a place of its own, within the memory of a sample."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.planner.layout import Border, Geometry, Layout, geometry
from zqcnn_xp_llvm.planner.storage import Buffer, Storage

sides = st.integers(0, 3)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["blocks", "rows", "plain"]),
    size=st.tuples(st.integers(1, 19), st.integers(1, 7), st.integers(1, 19)),
    lanes=st.sampled_from([4, 8, 16]),
    border=st.builds(Border, sides, sides, sides, sides, st.sampled_from([0.0, -1.0])),
)
def test_places_differ_and_lie_within(kind, size, lanes, border):
    c, h, w = size
    border = Border() if kind == "plain" else border
    layout = Layout(kind, Geometry(*size), lanes, border)
    held = Storage(layout, Buffer("arena"), start=128)
    seen = set()
    for channel in range(c):
        plane, lane = divmod(channel, lanes) if kind == "blocks" else (channel, 0)
        for y in range(-border.top, h + border.bottom):
            for x in range(-border.left, w + border.right):
                _, place = held.at(y, plane, x)
                place += 4 * lane
                assert 128 <= place <= 128 + layout.bytes - 4
                seen.add(place)
    assert len(seen) == c * (h + border.top + border.bottom) * (w + border.left + border.right)
    assert layout.row > 0
    assert layout.bytes % 4 == 0
    if kind == "rows":
        assert layout.row % (4 * lanes) == 0
    if kind == "plain":
        assert layout.bytes == 4 * c * h * w


def test_borders_are_joined_and_cover():
    a, b = Border(1, 2, 0, 3), Border(2, 0, 1, 1)
    both = a.joined(b)
    assert both == Border(2, 2, 1, 3)
    assert both.covers(a)
    assert both.covers(b)
    assert not a.covers(b)
    assert Border().joined(a) == a.joined(Border()) == a
    assert a.joined(Border(1, 1, 1, 1, -1.0)) is None
    assert a.covers(Border(0, 0, 0, 0, -1.0))  # nothing is needed
    assert not both.covers(Border(1, 1, 1, 1, -1.0))


@pytest.mark.parametrize(
    ("shape", "want"),
    [
        ((5, 3, 8, 9), Geometry(3, 8, 9)),
        ((5, 3), Geometry(3, 1, 1)),
        ((5, 3, 4), Geometry(1, 1, 12)),
        ((5, 2, 3, 4, 5), Geometry(1, 1, 120)),
    ],
)
def test_values_of_any_rank_are_maps(shape, want):
    assert geometry(shape) == want
    assert geometry(shape).size * 5 == __import__("math").prod(shape)
