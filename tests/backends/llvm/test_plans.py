"""Plans of one graph: shared, told apart by what they depend on, made once by many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.ops import Activation, Conv2D, Dense, Elementwise, Transpose
from zqcnn_xp_llvm import LlvmBackend


def test_a_graph_that_mixes_samples_has_a_plan_for_each_number(harness):
    nodes = [("t", Transpose((1, 0)), ["x"]), ("y", Activation("relu"), ["t"])]
    graph = harness.graph_of(nodes, {"x": (3, 5)}, ["y"])
    made = LlvmBackend()
    one, two = (made.compile(graph, {"x": (n, 5)}) for n in (3, 4))
    assert one.template is not two.template


def test_inputs_with_other_batches_have_plans_of_their_own(harness):
    shapes = {"a": (1, 4, 5, 6), "b": (1, 4, 5, 6)}
    graph = harness.graph_of([("y", Elementwise("sum"), ["a", "b"])], shapes, ["y"])
    made = LlvmBackend()

    def template(first, second):
        return made.compile(graph, {"a": (first, 4, 5, 6), "b": (second, 4, 5, 6)}).template

    assert template(1, 1) is template(3, 3)
    assert template(3, 1) is not template(1, 1)
    assert template(3, 1) is template(3, 1)


def test_many_threads_make_one_plan(harness):
    nodes = [("c", Conv2D(16, (3, 3)), ["x"]), ("y", Dense(9), ["c"])]
    graph = harness.graph_of(nodes, {"x": (1, 3, 9, 9)}, ["y"])
    made = LlvmBackend(threads=2)
    shapes = [(n, 3, 9, 9) for n in (1, 2, 3, 4)] * 4
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda shape: made.compile(graph, {"x": shape}), shapes))
    assert len({id(executable.template) for executable in found}) == 1
    x = np.ones((4, 9, 9, 3), np.float32)
    results = [e({"x": x[: shape[0]]})["y"] for e, shape in zip(found, shapes, strict=True)]
    for y in results:
        np.testing.assert_allclose(y, results[0][:1].repeat(len(y), 0), rtol=1e-5, atol=1e-6)
