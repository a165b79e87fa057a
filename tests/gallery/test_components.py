"""Components through a union-find are those of a walk through the graph."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.gallery import components as module
from zqcnn_xp.gallery.components import Components

EDGES = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40)


def walk(count, edges):
    near = {node: set() for node in range(count)}
    for one, other in edges:
        near[one].add(other)
        near[other].add(one)
    roots = [-1] * count
    for start in range(count):
        ahead = [start] if roots[start] < 0 else []
        while ahead:
            node = ahead.pop()
            if roots[node] < 0:
                roots[node] = start
                ahead += near[node]
    return roots


@settings(deadline=None)
@given(EDGES, st.integers(1, 10), st.sampled_from([2, 1 << 18]))
def test_as_a_walk(edges, step, pairs):
    parts = Components(30)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PAIRS", pairs)
        for start in range(0, len(edges), step):
            some = np.array(edges[start : start + step])
            parts.join(some[:, 0], some[:, 1])
    assert parts.roots().tolist() == walk(30, edges)


def test_a_long_chain():
    count = 20_000
    order = np.random.default_rng(0).permutation(count)
    parts = Components(count)
    for some in np.array_split(np.stack([order[:-1], order[1:]]), 7, axis=1):
        parts.join(*some)
    assert not parts.roots().any()
