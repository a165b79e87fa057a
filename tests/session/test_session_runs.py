"""What a session runs: only what is asked for, prepared once, and folded without a difference."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp import session as session_module
from zqcnn_xp.backend import Backend
from zqcnn_xp.config import using
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    PReLU,
    Scale,
)
from zqcnn_xp.session import Session


def floats(*shape, rng):
    return rng.standard_normal(shape).astype(np.float32)


# What runs -----------------------------------------------------------------------------------


class Spy(Backend):
    """Counts kernels called and weights prepared."""

    name = "spy"

    def __init__(self, xp=np):
        super().__init__(xp)
        self.called = Counter()
        self.prepared = []

    def kernel(self, op, *shapes):
        def run(w, *xs):
            self.called[type(op).__name__] += 1
            return op.forward(self.xp, w, *xs)

        return run

    def prepare(self, op, weights):
        self.prepared.append(op)
        return super().prepare(op, weights)


@pytest.mark.parametrize("fold", [False, True])
def test_a_partial_run_computes_only_what_it_needs(net, x, fold):
    spy = Spy()
    session = Session(net, spy, fold=fold)
    session(x, "conv1@conv1")
    assert spy.called == {"Conv2D": 1}
    spy.called.clear()
    session(x, "conv1")
    assert spy.called == ({"Conv2D": 1} if fold else {"Conv2D": 1, "Activation": 1})
    spy.called.clear()
    session(x, "side")
    assert spy.called["Dense"] == spy.called["Softmax"] == 0


def test_folding_runs_fewer_kernels(net, x):
    plain, folded = Spy(), Spy()
    Session(net, plain, fold=False)(x)
    Session(net, folded)(x)
    assert plain.called == {"Conv2D": 2, "Activation": 1, "Dense": 1, "Softmax": 1}
    assert folded.called == {"Conv2D": 2, "Dense": 1, "Softmax": 1}


@pytest.mark.parametrize("fold", [False, True])
def test_weights_are_prepared_once(net, x, fold):
    spy = Spy()
    session = Session(net, spy, fold=fold)
    for outputs in ("side", "prob", None, "side", ["prob", "conv1"]):
        session(x, outputs)
    # What folding leaves alone is shared by all plans.
    assert sum(isinstance(op, Dense) for op in spy.prepared) == 1
    assert sum(isinstance(op, Conv2D) and op.kernel == (1, 1) for op in spy.prepared) == 1


def test_the_number_of_plans_is_bounded(net, x, monkeypatch):
    monkeypatch.setattr(session_module, "MOST_PLANS", 2)
    session = Session(net, "numpy")
    want = {name: session(x, name)[name] for name in session.blobs}
    assert len(session._plans) == 2
    for name, y in want.items():
        np.testing.assert_array_equal(session(x, name)[name], y)


class Whole(Backend):
    """Takes the whole graph, as a code generator would."""

    name = "whole"

    def __init__(self):
        super().__init__(np)
        self.seen = []

    def kernel(self, op, *shapes):
        raise AssertionError("a backend that takes the graph is not asked for kernels")

    def compile(self, graph, shapes, weights=None):
        self.seen.append((graph, shapes, weights))
        c = weights["conv1"]["bias"].shape[0]

        def run(inputs):
            (stored,) = inputs.values()
            assert stored.shape == (2, 8, 8, 3)
            return {name: np.full((2, 5, 6, c), 7, np.float32) for name in graph.outputs}

        return run


def test_the_compile_hook_takes_the_whole_graph(net, x):
    backend = Whole()
    found = Session(net, backend)(x, ["side", "conv1"])
    ((graph, shapes, weights),) = backend.seen
    assert shapes == {"data": (2, 3, 8, 8)}
    assert graph.outputs == ("side", "relu1")
    assert set(weights) == {node.name for node in graph.nodes} == {"conv1", "side"}
    assert not any(node.op.host for node in graph.nodes)
    assert found["side"].shape == (2, 4, 5, 6)  # logical again


def test_a_session_keeps_its_backend(net, x):
    with using(backend="numpy"):
        session = Session(net)
    held = session.backend
    with using(backend=Whole()):
        assert session.backend is held
        session(x)
        assert Session(net).backend.name == "whole"


# Folding -------------------------------------------------------------------------------------


@st.composite
def nets(draw):
    """A chain of small layers with side branches, and blobs to ask for."""
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    channels, nodes, value, flat = 3, [], "x", False
    like = {value: channels}  # values of the same map size, with their channels
    kinds = ["conv", "conv", "dw", "bn", "scale", "addbias", "prelu", "shared", "relu", "id", "fc"]
    kinds += ["join"] * 4  # a second reader forbids folding
    for i, kind in enumerate(draw(st.lists(st.sampled_from(kinds), min_size=3, max_size=12))):
        name = f"v{i}"
        source, second, weights = value, (), {}

        def vector(n=channels):
            return floats(n, rng=rng)

        if kind == "conv" and not flat:
            bias, width = bool(rng.integers(2)), int(rng.integers(1, 5))
            op = Conv2D(width, (3, 3), pads=(1, 1, 1, 1), bias=bias)
            weights = {"weight": floats(3, 3, channels, width, rng=rng) / 5}
            channels = width
            weights |= {"bias": vector(width)} if bias else {}
        elif kind == "dw" and not flat:
            op = Conv2D(channels, (3, 3), pads="same_upper", groups=channels)
            weights = {"weight": floats(3, 3, 1, channels, rng=rng), "bias": vector()}
        elif kind == "bn":
            op = BatchNorm(1e-3, scale=bool(rng.integers(2)), bias=bool(rng.integers(2)))
            weights = {"mean": vector(), "variance": np.abs(vector()) + np.float32(0.5)}
            weights |= {"scale": vector()} if op.scale else {}
            weights |= {"bias": vector()} if op.bias else {}
        elif kind == "scale":
            op, weights = Scale(), {"scale": vector(), "bias": vector()}
        elif kind == "addbias":
            op, weights = Scale(scale=False), {"bias": vector()}
        elif kind == "prelu":
            op, weights = PReLU(), {"slope": vector()}
        elif kind == "shared":
            op, weights = PReLU(shared=True), {"slope": vector(1)}
        elif kind == "relu":
            op = Activation("relu")
        elif kind == "fc" and not flat:
            flat = bool(rng.integers(2))
            if flat:
                source = f"flat{i}"
                nodes.append(Node(source, Flatten(form="drop"), (value,), (source,)))
            shape = (channels * 20,) if flat else (4, 5, channels)
            channels = 4
            op = Dense(channels)
            weights = {"weight": floats(*shape, channels, rng=rng) / 8, "bias": vector(channels)}
            # Nothing after this layer has a map, so layers of windows are left out.
            flat = True
        elif kind == "join":
            same = [other for other in like if like[other] == like[value]]
            op, second = Elementwise("sum"), (draw(st.sampled_from(same)),)
        else:
            op = Identity()
        nodes.append(Node(name, op, (source, *second), (name,), weights))
        if isinstance(op, Dense):
            like.clear()
        like[name] = channels
        value = name
    graph = Graph((GraphInput("x", (None, 3, 4, 5)),), tuple(nodes), (value,)).validate()
    asked = draw(st.lists(st.sampled_from(graph.values), min_size=1, max_size=4, unique=True))
    asked += [value] if value not in asked and draw(st.booleans()) else []
    return graph, asked, floats(2, 3, 4, 5, rng=rng)


@given(nets())
@settings(deadline=None, max_examples=150)
def test_folding_keeps_every_blob_that_is_asked_for(case):
    graph, asked, x = case
    want = Session(graph, Backend(np), fold=False)(x, asked)
    for backend in (Backend(np), "numpy"):
        found = Session(graph, backend, fold=True)(x, asked)
        assert list(found) == asked
        for name, y in want.items():
            assert found[name].shape == y.shape
            scale = max(1.0, float(np.abs(y).max()))
            assert np.abs(found[name] - y).max() <= 1e-5 * scale, name
