"""Plans of executables that have one: totals, host ops, what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation
from zqcnn_xp.ops.base import Op
from zqcnn_xp.planned import PlanRow, PlanTable, plan_table
from zqcnn_xp.session import Session

ROWS = (
    PlanRow("copy of x", "turn", ("plain",), ("blocks",), 1, 0, 2, 0, "samples"),
    PlanRow("r", "pointwise", ("blocks",), ("plain",), 0, 64, 3, 0, "samples"),
    PlanRow("d", "blocks 1x1x1", ("plain",), ("plain",), 0, 128, 1, 1, "batch"),
)
TABLE = PlanTable("planner", "a processor", ROWS, 1000, 10, 192)


class Planner(Backend):
    name = "planner"

    def compile(self, graph, shapes, weights=None):
        run = super().compile(graph, shapes, weights)
        self.shapes = dict(shapes)
        run.plan_table = lambda: TABLE
        return run


@dataclass(frozen=True)
class OnHost(Op):
    host: ClassVar[bool] = True

    def infer(self, *shapes):
        return shapes

    def forward(self, xp, w, *xs):
        return xs


def net(*more, nominal=None):
    relu = Node("r", Activation("relu"), ("x",), ("r",))
    outputs = (more[-1].outputs[0] if more else "r",)
    return Graph((GraphInput("x", (None, 3, None, None), nominal),), (relu, *more), outputs)


def test_totals():
    assert (TABLE.conversions, TABLE.instructions, TABLE.phases) == (1, 6, 2)
    assert PlanTable("b", "t", (), 0, 0, 0).phases == 0
    data = json.loads(json.dumps(TABLE.to_dict()))
    assert data["rows"][1]["weight_bytes"] == 64
    assert (data["conversions"], data["instructions"], data["phases"]) == (1, 6, 2)


def test_shapes_come_from_the_file_or_are_given():
    backend = Planner(np)
    session = Session(net(nominal=(1, 3, 4, 5)), backend)
    assert plan_table(session) == TABLE
    assert backend.shapes == {"x": (1, 3, 4, 5)}
    plan_table(session, {"x": (2, 3, 7, 6)})
    assert backend.shapes == {"x": (2, 3, 7, 6)}


def test_what_the_host_does_is_a_phase_of_its_own():
    graph = net(Node("h", OnHost(), ("r",), ("h",)))
    table = plan_table(Session(graph, Planner(np)), {"x": (1, 3, 4, 5)})
    assert table.rows[:-1] == ROWS
    assert (table.rows[-1].name, table.rows[-1].kernel, table.rows[-1].phase) == ("h", "host", 2)


def test_refusals():
    with pytest.raises(InputError, match="'numpy' runs layer by layer"):
        plan_table(Session(net(), "numpy"), {"x": (1, 3, 4, 5)})
    with pytest.raises(ShapeError, match="found no shape of x"):
        plan_table(Session(net(), Planner(np)))
    with pytest.raises(ShapeError, match="4"):
        plan_table(Session(net(), Planner(np)), {"x": (1, 4, 4, 5)})
