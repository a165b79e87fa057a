"""The arena: values that live at the same time never share a byte, borders never change."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.planner.layout import Border, Geometry, Layout
from zqcnn_xp_llvm.planner.memory import SLACK, Slot, arrange
from zqcnn_xp_llvm.planner.storage import ALIGNMENT

borders = st.sampled_from([Border(), Border(), Border(1, 1, 1, 1), Border(0, 1, 0, 1, -1.0)])
layouts = st.builds(
    lambda kind, c, h, w, border: Layout(
        kind, Geometry(c, h, w), 8, Border() if kind == "plain" else border
    ),
    st.sampled_from(["blocks", "rows", "plain"]),
    st.integers(1, 20),
    st.integers(1, 9),
    st.integers(1, 9),
    borders,
)
slots = st.builds(
    lambda layout, first, more: Slot(layout, first, first + more),
    layouts,
    st.integers(0, 12),
    st.integers(0, 6),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(slots, max_size=14))
def test_no_two_live_values_overlap(made):
    arena = arrange(made)
    for k, one in enumerate(made):
        assert one.start % ALIGNMENT == 0
        assert one.start >= 0
        assert one.start + one.layout.bytes + SLACK <= arena.size
        for other in made[k + 1 :]:
            if one.first <= other.last and other.first <= one.last:
                apart = one.start + one.layout.bytes + SLACK <= other.start
                apart = apart or other.start + other.layout.bytes + SLACK <= one.start
                assert apart, (one, other)


@settings(max_examples=120, deadline=None)
@given(st.lists(slots, max_size=14))
def test_a_border_is_shared_with_its_like_alone(made):
    """Whatever lies where a bordered map lies, at any time, has the very same layout."""
    arena = arrange(made)
    bordered = [slot for slot in made if not slot.layout.border.empty]
    for one in bordered:
        for other in made:
            meets = other.start < one.start + one.layout.bytes
            meets = meets and one.start < other.start + other.layout.bytes
            assert not meets or (other.start, other.layout) == (one.start, one.layout)
    wanted = {
        (s.start, s.layout.bytes, s.layout.border.value) for s in bordered if s.layout.border.value
    }
    assert set(arena.filled) == wanted


def test_values_that_do_not_meet_share_their_place():
    layout = Layout("rows", Geometry(4, 8, 8), 8)
    made = [Slot(layout, k, k + 1) for k in range(0, 20, 2)]
    arena = arrange(made)
    assert {slot.start for slot in made} == {0}
    assert arena.size < 2 * (layout.bytes + SLACK + ALIGNMENT)
    chain = [Slot(layout, k, k + 1) for k in range(20)]
    assert arrange(chain).size <= 2 * (layout.bytes + SLACK + ALIGNMENT)


def test_an_arena_of_nothing():
    assert arrange([]).size == 0
