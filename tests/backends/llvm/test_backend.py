"""The backend: its options, conformance in checked mode, plans that are shared and let go."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.errors import BackendUnavailable
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import Conv2D
from zqcnn_xp.registry import get_backend
from zqcnn_xp.testing import check_backend
from zqcnn_xp_llvm import LlvmBackend
from zqcnn_xp_llvm.checked import CheckedExecutable
from zqcnn_xp_llvm.executable import LlvmExecutable


def test_checked_mode_conforms(harness):
    report = check_backend(LlvmBackend(checked=True, exact=True), rtol=harness.PLAIN)
    assert report.counts["compiled op"] > 1000
    assert report.skipped == ()


@pytest.mark.parametrize("device", ["gpu", "cuda:0", 0])
def test_other_devices_are_refused(device):
    with pytest.raises(BackendUnavailable, match="'cpu' alone"):
        LlvmBackend(device)


def test_options_reach_the_plans(harness):
    graph = harness.single(Conv2D(8, (3, 3)), (1, 3, 9, 9))
    made = get_backend("llvm", checked=True, exact=True, width=128, threads=3)
    assert (made.target.lanes, made.threads, made.exact) == (4, 3, True)
    assert isinstance(made.compile(graph, {"x0": (1, 3, 9, 9)}), CheckedExecutable)
    plain = get_backend("llvm")
    assert isinstance(plain.compile(graph, {"x0": (1, 3, 9, 9)}), LlvmExecutable)
    assert plain.plans(graph).pool.target.lanes == plain.target.lanes


def test_sizes_share_weights_and_batches_share_plans(harness):
    graph = harness.single(Conv2D(8, (3, 3)), (1, 3, 9, 9))
    made = LlvmBackend()
    one = made.compile(graph, {"x0": (1, 3, 9, 9)})
    packed = made.plans(graph).pool.bytes
    assert packed
    other = made.compile(graph, {"x0": (4, 3, 9, 9)})
    assert other.template is one.template
    wide = made.compile(graph, {"x0": (1, 3, 9, 10)})
    assert wide.template is not one.template
    assert wide.template.pool is one.template.pool


def test_plans_of_many_sizes_are_bounded(harness):
    from zqcnn_xp_llvm import plans

    graph = harness.single(Conv2D(4, (1, 1)), (1, 3, 4, 4))
    made = LlvmBackend()
    for size in range(4, 4 + 2 * plans.MOST_TEMPLATES):
        made.compile(graph, {"x0": (1, 3, 4, size)})
    assert len(made.plans(graph)._templates) == plans.MOST_TEMPLATES


def test_plans_go_with_their_graph(harness):
    made = LlvmBackend()
    graph = harness.single(Conv2D(8, (3, 3)), (1, 3, 9, 9))
    made.compile(graph, {"x0": (1, 3, 9, 9)})
    twin = Graph(graph.inputs, graph.nodes, graph.outputs)
    held = weakref.ref(made.plans(graph))
    assert made.plans(twin) is not held()
    del graph
    gc.collect()
    assert held() is None


def test_arrays_go_in_and_out_without_a_copy():
    made = LlvmBackend()
    x = np.ones((2, 3), np.float32)
    assert made.from_numpy(x) is x
    assert made.to_numpy(x) is x
