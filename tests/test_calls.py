"""Calls like an earlier one take a short way, to the same results and the same errors."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import calls as calls_module
from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D, Elementwise
from zqcnn_xp.session import Session


class Spy(Backend):
    """Notes the shapes it compiles."""

    name = "spy"

    def __init__(self):
        super().__init__(np)
        self.compiled = []

    def compile(self, graph, shapes, weights=None):
        self.compiled.append(dict(shapes))
        return super().compile(graph, shapes, weights)


def _net():
    rng = np.random.default_rng(0)
    weight = {"weight": rng.standard_normal((3, 3, 2, 4)).astype(np.float32)}
    nodes = (
        Node("conv", Conv2D(4, (3, 3), bias=False), ("x",), ("conv",), weight),
        Node("act", Activation("relu"), ("conv",), ("out",)),
    )
    return Graph((GraphInput("x", (None, 2, None, None)),), nodes, ("out",), blobs={})


def _x(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


@pytest.fixture
def ways(monkeypatch):
    """Note which calls went the short way."""
    taken = []
    find = calls_module.Calls.find

    def noted(self, x, outputs):
        found = find(self, x, outputs)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(calls_module.Calls, "find", noted)
    return taken


@pytest.mark.parametrize("outputs", [None, ("out",), ("conv", "out")])
def test_the_second_call_is_short_and_equal(ways, outputs):
    spy = Spy()
    session = Session(_net(), spy)
    first, other = _x(1, 2, 6, 7), _x(1, 2, 6, 7) + 1
    want = [session(x, outputs) for x in (first, other, first)]
    assert ways == [False, True, True]
    assert len(spy.compiled) == 1
    fresh = Session(_net(), "numpy")
    for x, found in zip((first, other, first), want, strict=True):
        expected = fresh(x, outputs)
        assert list(found) == list(expected)
        for name, y in found.items():
            np.testing.assert_allclose(y, expected[name], rtol=1e-5, atol=1e-6)
            assert y.shape[2:] == (4, 5)


def test_another_shape_or_set_of_outputs_is_another_call(ways):
    session = Session(_net(), "numpy")
    session(_x(1, 2, 6, 7), ("out",))
    assert session(_x(2, 2, 6, 7), ("out",))["out"].shape == (2, 4, 4, 5)
    assert list(session(_x(1, 2, 6, 7), ("conv",))) == ["conv"]
    assert not any(ways)


def test_transposed_arrays_go_the_short_way_too(ways):
    session = Session(_net(), "numpy")
    stored = _x(1, 6, 7, 2)
    want = session(np.ascontiguousarray(stored.transpose(0, 3, 1, 2)), ("out",))["out"]
    got = session(stored.transpose(0, 3, 1, 2), ("out",))["out"]
    assert ways == [False, True]
    np.testing.assert_array_equal(got, want)


def test_errors_stay(ways):
    session = Session(_net(), "numpy")
    x = _x(1, 2, 6, 7)
    session(x, ("out",))
    with pytest.raises(InputError, match="float64"):
        session(x.astype(np.float64), ("out",))
    with pytest.raises(InputError, match="float32"):
        session(x.astype(">f4"), ("out",))
    with pytest.raises(ShapeError):
        session(_x(1, 3, 6, 7), ("out",))
    assert list(session({"x": x}, ["out"])) == ["out"]
    assert not any(ways)


def test_several_inputs_are_never_short(ways):
    inputs = (GraphInput("a", (None, 2)), GraphInput("b", (None, 2)))
    graph = Graph(inputs, (Node("sum", Elementwise("sum"), ("a", "b"), ("y",)),), ("y",))
    session = Session(graph, "numpy")
    for _ in range(2):
        np.testing.assert_allclose(session({"a": _x(1, 2), "b": _x(1, 2)})["y"], 2 * _x(1, 2))
    assert not any(ways)


def test_calls_are_bounded():
    session = Session(_net(), "numpy")
    for side in range(4, 4 + 3 * calls_module._MOST):
        session(_x(1, 2, 3, side), ("out",))
        assert len(session._calls._known) <= calls_module._MOST
    assert session._calls.find(_x(1, 2, 3, side), ("out",)) is not None
