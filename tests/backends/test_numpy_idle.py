"""Bindings between calls: bounded in bytes, the longest unused go first."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation
from zqcnn_xp_numpy import NumpyBackend
from zqcnn_xp_numpy.idle import Idle


def binding(nbytes):
    return SimpleNamespace(nbytes=nbytes)


def test_what_was_given_is_taken_once():
    idle = Idle(100)
    kept = binding(10)
    idle.give("a", kept)
    assert idle.take("b") is None
    assert idle.take("a") is kept
    assert idle.take("a") is None
    assert idle.nbytes == 0


def test_the_longest_unused_go_first():
    idle = Idle(100)
    for owner in "abc":
        idle.give(owner, binding(40))
    assert idle.take("a") is None
    assert idle.nbytes == 80
    idle.give("b", idle.take("b"))
    idle.give("d", binding(40))
    assert idle.take("c") is None
    assert idle.take("b") is not None


def test_what_is_too_large_is_not_kept():
    idle = Idle(100)
    idle.give("a", binding(101))
    assert idle.take("a") is None
    assert idle.nbytes == 0


def test_a_program_that_is_gone_keeps_nothing():
    backend = NumpyBackend()
    graph = Graph(
        (GraphInput("x", (None, 2)),), (Node("r", Activation("relu"), ("x",), ("y",)),), ("y",)
    )
    run = backend.compile(graph, {"x": (1, 2)})
    run({"x": np.zeros((1, 2), np.float32)})
    held = backend._idle
    assert len(held._held) == 1
    del run
    assert not held._held
    assert held.nbytes == 0
