"""Every op, as AArch64 code: the table of cases that every backend has to compute right."""

from __future__ import annotations

from collections import defaultdict

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


@pytest.mark.parametrize("threads", [1, 3])
def test_every_op(arm, harness, threads):
    work = [graph_of(case) for case in CASES]
    results = arm.run_all(work, threads=threads, exact=threads == 1)
    wrong = []
    for case, found in zip(CASES, results, strict=True):
        wanted = {f"y{k}": to_logical(np, y) for k, y in enumerate(case.expected())}
        try:
            harness.compare(found, wanted, harness.PLAIN if threads == 1 else harness.TRANSFORMED)
        except AssertionError as error:
            wrong.append((case.op, case.shapes, str(error)))
    assert not wrong


def test_every_kernel_has_run(arm):
    """Whoever adds a kernel adds a case, or a network, that needs it."""
    seen = defaultdict(int)
    for number in arm.kernels:
        seen[type(number).__name__] += 1
    # The planner makes nothing of it so far.
    unused = {"FillRuns"}
    assert set(kernels.__all__) - {"Kernel"} - unused <= set(seen)
