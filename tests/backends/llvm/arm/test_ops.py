"""Every op, as AArch64 code: the table of cases that every backend has to compute right."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.layout import to_logical
from zqcnn_xp.testing.cases import op_cases
from zqcnn_xp_llvm import kernels


def graph_of(case):
    names = tuple(f"x{k}" for k in range(len(case.shapes)))
    outputs = tuple(f"y{k}" for k in range(len(case.op.infer(*case.shapes))))
    node = Node("op", case.op, names, outputs, case.weights())
    inputs = tuple(GraphInput(*pair) for pair in zip(names, case.shapes, strict=True))
    arrays = {n: to_logical(np, x) for n, x in zip(names, case.inputs(), strict=True)}
    return Graph(inputs, (node,), outputs), arrays


# Neither empty arrays nor constants reach a plan.
CASES = [case for case in op_cases() if case.shapes and not any(0 in s for s in case.shapes)]


# The planner makes nothing of it so far.
UNUSED = {"Kernel", "FillRuns"}


@pytest.mark.parametrize(("threads", "exact"), [(1, True), (3, False)])
def test_every_op(arm, harness, threads, exact):
    work = [graph_of(case) for case in CASES]
    results = arm.run_all(work, threads=threads, exact=exact)
    wrong = []
    for case, found in zip(CASES, results, strict=True):
        wanted = {f"y{k}": to_logical(np, y) for k, y in enumerate(case.expected())}
        try:
            harness.compare(found, wanted, harness.PLAIN if exact else harness.TRANSFORMED)
        except AssertionError as error:
            wrong.append((case.op, case.shapes, str(error)))
    assert not wrong
    if not exact:
        # Whoever adds a kernel adds a case that needs it.
        seen = {type(kernel).__name__ for kernel in arm.kernels}
        assert set(kernels.__all__) - UNUSED <= seen
