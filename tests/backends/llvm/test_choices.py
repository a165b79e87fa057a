"""Choices as notes, and the digest that tells graphs apart."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D
from zqcnn_xp_llvm.choices import Choices, graph_digest


@pytest.mark.parametrize(
    "choices", [Choices(), Choices(256), Choices(None, {"a": 0, "b": 4}), Choices(128, {"a": 2})]
)
def test_a_note_gives_the_choices_back(choices):
    assert Choices.from_note(json.loads(json.dumps(choices.to_note()))) == choices


@pytest.mark.parametrize(
    "note",
    [
        None,
        [],
        {},
        {"width": 256},
        {"width": 257, "transforms": {}},
        {"width": "256", "transforms": {}},
        {"width": None, "transforms": []},
        {"width": None, "transforms": {"a": 3}},
        {"width": None, "transforms": {"a": 4.0}},
        {"width": None, "transforms": {"a": False}},
        {"width": None, "transforms": {}, "more": 1},
    ],
)
def test_other_notes_count_as_absent(note):
    assert Choices.from_note(note) is None


def test_remarks_name_what_was_chosen():
    assert Choices().remarks == ()
    width, transforms = Choices(256, {"a": 4, "b": 0}).remarks
    assert "256 bits" in width
    assert "a F(4x4), b plain" in transforms


def graph(value=1.0, *, channels=4, op=None, name="c"):
    weight = np.full((3, 3, 2, channels), value, np.float32)
    conv = Node(name, op or Conv2D(channels, (3, 3)), ("x",), ("c",), {"weight": weight})
    relu = Node("r", Activation("relu"), ("c",), ("r",))
    return Graph((GraphInput("x", (None, 2, None, None)),), (conv, relu), ("r",))


def test_a_digest_tells_apart_what_takes_another_time():
    shapes = {"x": (1, 2, 8, 8)}
    first = graph_digest(graph(), shapes)
    assert graph_digest(graph(), dict(shapes)) == first
    # The time of a graph does not depend on the values of its weights.
    assert graph_digest(graph(2.0), shapes) == first
    made = graph()
    others = [
        graph_digest(made, {"x": (1, 2, 8, 9)}),
        graph_digest(made, {"x": (2, 2, 8, 8)}),
        graph_digest(graph(channels=5), shapes),
        graph_digest(graph(op=Conv2D(4, (3, 3), pads=(1, 1, 1, 1))), shapes),
        graph_digest(graph(name="d"), shapes),
        graph_digest(replace(made, outputs=("c", "r")), shapes),
        graph_digest(made.subgraph(["c"]), shapes),
    ]
    assert len({first, *others}) == 1 + len(others)
