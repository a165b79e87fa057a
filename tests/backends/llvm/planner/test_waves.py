"""Groups of steps that run band by band: the same results, within the rows that are held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import (
    Activation,
    Concat,
    Conv2D,
    Elementwise,
    MaxFeatureMap,
    Pool2D,
    PReLU,
    Reshape,
    Upsample,
)
from zqcnn_xp_llvm import LlvmBackend


def small_caches(width, **options):
    """A backend that takes this processor's caches for tiny ones, so that small maps are large."""
    made = LlvmBackend(width=width, **options)
    made.target = replace(made.target, l1=1 << 10, l2=4 << 10)
    return made


@st.composite
def chains(draw):
    """A chain of steps with branches that make rows from rows, and its input's shape."""
    c = draw(st.sampled_from((3, 8, 16, 24)))
    nodes = [("n0", Conv2D(c, (3, 3), pads=(1, 1, 1, 1)), ["x"])]
    last, before = "n0", None
    for k in range(1, draw(st.integers(2, 6))):
        kind = draw(
            st.sampled_from(
                ["conv", "depthwise", "down", "pool", "sum", "point", "pair", "up", "cat"]
            )
        )
        name, reads, step_down = f"n{k}", [last], False
        if kind == "conv":
            size = draw(st.sampled_from([(3, 3), (5, 5), (1, 3)]))
            pads = (size[0] // 2, size[0] // 2, size[1] // 2, size[1] // 2)
            op = Conv2D(c, size, pads=pads, activation=PReLU())
        elif kind == "depthwise":
            op = Conv2D(c, (3, 3), dilation=(2, 1), pads=(2, 2, 1, 1), groups=c)
        elif kind == "down":
            op, step_down = Conv2D(c, (3, 3), (2, 2), pads=(1, 1, 1, 1)), True
        elif kind == "pool":
            op, step_down = Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), ceil=True), True
        elif kind == "sum" and before is not None:
            op, reads = Elementwise("sum"), [last, before]
        elif kind == "cat" and before is not None:
            nodes.append((f"k{k}", Concat(1), [last, before]))
            op, reads = Conv2D(c, (1, 1)), [f"k{k}"]
        elif kind == "pair":
            nodes.append((f"k{k}", Conv2D(2 * c, (3, 3), pads=(1, 1, 1, 1)), [last]))
            op, reads = MaxFeatureMap(), [f"k{k}"]
        elif kind == "up":
            op, step_down = Upsample("nearest", scale=(2.0, 2.0), rounding="floor"), True
        else:
            op = Activation("relu")
        nodes.append((name, op, reads))
        last, before = name, None if step_down else last
    return nodes, (draw(st.integers(1, 2)), 3, draw(st.integers(40, 90)), draw(st.integers(17, 40)))


@settings(max_examples=3, deadline=None)
@given(case=chains(), exact=st.booleans(), threads=st.sampled_from((1, 1, 3)), fixed=st.booleans())
def test_bands_change_no_result(harness, width, checked, case, exact, threads, fixed):
    nodes, shape = case
    graph = harness.graph_of(nodes, {"x": shape}, [nodes[-1][0]], fixed=fixed)
    xs = harness.draw({"x": shape})
    made = small_caches(width, checked=checked, exact=exact, threads=threads)
    found = harness.run(made, graph, xs)
    harness.compare(found, harness.expected(graph, xs), harness.TRANSFORMED)


def test_bands_are_used_and_rows_are_few(harness):
    nodes = [
        (f"c{k}", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), [f"c{k - 1}" if k else "x"])
        for k in range(4)
    ]
    shape = (1, 8, 200, 40)
    graph = harness.graph_of(nodes, {"x": shape}, ["c3"])
    template = small_caches(None, checked=True).compile(graph, {"x": shape}).template
    assert any(group.bands > 1 for phase in template.groups for group in phase)
    assert template.rings
    whole = 200 * 40 * 8 * 4
    assert template.ring.size + template.arena.size < 2 * whole


def test_a_border_of_minus_infinity_in_a_few_rows(harness, width, checked):
    nodes = [
        ("a", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), ["x"]),
        ("p", Pool2D("max", (3, 3), (1, 1), (1, 1, 1, 1)), ["a"]),
        ("b", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), ["p"]),
        ("q", Pool2D("max", (5, 5), (2, 2), (2, 2, 2, 2)), ["b"]),
    ]
    shape = (2, 3, 80, 33)
    graph = harness.graph_of(nodes, {"x": shape}, ["q"])
    made = small_caches(width, checked=checked, exact=True)
    for seed in range(2):
        xs = {"x": -np.abs(harness.draw({"x": shape}, seed)["x"])}
        harness.compare(harness.run(made, graph, xs), harness.expected(graph, xs))


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_that_a_band_skips_and_others_read(harness, width, checked, threads):
    """The pooling drops the last row, and rows between its windows; the caller wants them all."""
    nodes = [
        ("a", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), ["x"]),
        ("r", Activation("relu"), ["a"]),
        ("p", Pool2D("max", (2, 2), (3, 3)), ["r"]),
        ("b", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), ["p"]),
        ("q", Pool2D("max", (2, 2), (2, 2)), ["b"]),
        ("s", Reshape((0, 8, -1, 8)), ["b"]),
        ("y", Activation("tanh"), ["s"]),
        ("z", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), ["r"]),
    ]
    shape = (1, 3, 71, 50)
    graph = harness.graph_of(nodes, {"x": shape}, ["r", "q", "y", "z", "b"])
    xs = harness.draw({"x": shape})
    made = small_caches(width, checked=checked, exact=True, threads=threads)
    harness.compare(harness.run(made, graph, xs), harness.expected(graph, xs))
