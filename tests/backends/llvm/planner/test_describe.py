"""Plans in words: every stage with its kernels, layouts, weights and calls."""

from __future__ import annotations

import pytest

from zqcnn_xp.ops import Activation, Conv2D, Dense, Pool2D, Softmax
from zqcnn_xp.ops.flatten import Flatten

pytest.importorskip("llvmlite")


def table_of(harness, nodes, shape, *, exact=True):
    graph = harness.graph_of(nodes, {"x": shape}, [nodes[-1][0]])
    return harness.backend(exact=exact).compile(graph, {"x": shape}).plan_table()


def test_rows_follow_the_plan(harness):
    table = table_of(
        harness,
        [
            ("c", Conv2D(32, (3, 3), pads=(1, 1, 1, 1)), ["x"]),
            ("r", Activation("relu"), ["c"]),
            ("p", Pool2D("max", (2, 2), (2, 2)), ["r"]),
            ("f", Flatten(), ["p"]),
            ("d", Dense(10), ["f"]),
            ("s", Softmax(1), ["d"]),
        ],
        (1, 32, 8, 8),
    )
    names = [row.name for row in table.rows if not row.conversions]
    assert names == ["c+r", "p", "d", "s"]
    rows = {row.name: row for row in table.rows}
    assert rows["c+r"].kernel.startswith("blocks ")
    assert rows["c+r"].writes == ("blocks",)
    assert all(layout.endswith("+1") for layout in rows["c+r"].reads)
    assert rows["p"].kernel.startswith("max blocks ")
    assert rows["s"].kernel == "softmax"
    assert [rows[name].kind for name in ("c+r", "d", "s")] == ["samples", "batch", "samples"]
    assert rows["c+r"].phase < rows["d"].phase < rows["s"].phase
    assert rows["c+r"].weight_bytes >= 4 * (9 * 32 * 32 + 32)
    assert rows["d"].weight_bytes >= 4 * (512 * 10 + 10)
    assert table.weight_bytes == sum(row.weight_bytes for row in table.rows)
    assert all(row.instructions > 0 for row in table.rows)
    assert table.conversions == sum(row.name.startswith("copy of") for row in table.rows) > 0
    assert table.arena_bytes >= 4 * 32 * 64


def test_transforms_are_named(harness):
    nodes = [("c", Conv2D(64, (3, 3), pads=(1, 1, 1, 1)), ["x"])]
    plain = table_of(harness, nodes, (1, 64, 24, 24))
    fast = table_of(harness, nodes, (1, 64, 24, 24), exact=False)
    assert not any("Winograd" in row.kernel for row in plain.rows)
    assert any(row.kernel.startswith("Winograd F(") for row in fast.rows)
    assert fast.scratch_bytes > plain.scratch_bytes


def test_the_hosts_nodes_are_rows(harness):
    from zqcnn_xp.ops import L2Normalize

    table = table_of(harness, [("n", L2Normalize(across_spatial=True), ["x"])], (1, 4, 5, 6))
    (row,) = (row for row in table.rows if row.name == "n")
    assert (row.kernel, row.kind, row.instructions) == ("host", "host", 0)
