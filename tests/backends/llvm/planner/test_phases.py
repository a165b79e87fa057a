"""The order of steps: every step once, after what it reads, with few changes of kind."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.planner.phases import make_phases
from zqcnn_xp_llvm.planner.steps import DenseStep, HostStep, MapStep

KINDS = {"samples": MapStep, "batch": DenseStep, "host": HostStep}


@st.composite
def steps(draw):
    """Steps in an order in which they can run, each reading some of those before."""
    made = []
    for k in range(draw(st.integers(0, 14))):
        known = ["x", *(step.writes for step in made)]
        reads = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3))
        kind = draw(st.sampled_from(sorted(KINDS)))
        made.append(KINDS[kind]((), tuple(reads), f"v{k}", (1, 8)))
    return made


@settings(max_examples=150, deadline=None)
@given(steps())
def test_each_step_runs_once_and_after_what_it_reads(made):
    phases = make_phases(made)
    done = {"x"}
    for phase in phases:
        assert phase.steps
        for step in phase.steps:
            assert isinstance(step, KINDS[phase.kind])
            assert done.issuperset(step.reads)
            done.add(step.writes)
    assert sorted(s.writes for p in phases for s in p.steps) == sorted(s.writes for s in made)
    for one, two in pairwise(phases):
        assert one.kind != two.kind or one.kind == "host"


def test_branches_that_need_no_host_do_not_wait_for_it():
    made = [
        HostStep((), ("x",), "h", (1, 8)),
        MapStep((), ("h",), "a", (1, 8)),
        MapStep((), ("x",), "b", (1, 8)),
        MapStep((), ("b",), "c", (1, 8)),
        DenseStep((), ("c",), "d", (1, 8)),
    ]
    phases = make_phases(made)
    assert [p.kind for p in phases] == ["samples", "batch", "host", "samples"]
    assert [s.writes for s in phases[0].steps] == ["b", "c"]
