"""A small network with two outputs, and images for it."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D, Dense, Softmax

RNG = np.random.default_rng(2)


def floats(*shape, rng=RNG):
    return rng.standard_normal(shape).astype(np.float32)


def conv(name, source, cin, cout, k=1, rng=RNG, **attributes):
    weights = {"weight": floats(k, k, cin, cout, rng=rng), "bias": floats(cout, rng=rng)}
    return Node(name, Conv2D(cout, (k, k), **attributes), (source,), (name,), weights)


def small_net():
    """data -> conv1 -> relu1 -> (fc -> prob, side)."""
    return Graph(
        (GraphInput("data", (None, 3, 8, 8), (1, 3, 8, 8)),),
        (
            conv("conv1", "data", 3, 4, 3),
            Node("relu1", Activation("relu"), ("conv1",), ("relu1",)),
            Node(
                "fc",
                Dense(5),
                ("relu1",),
                ("fc",),
                {"weight": floats(6, 6, 4, 5), "bias": floats(5)},
            ),
            Node("prob", Softmax(axis=1), ("fc",), ("prob",)),
            conv("side", "relu1", 4, 2),
        ),
        ("prob", "side"),
        {"conv1": "relu1", "conv1@conv1": "conv1", "prob": "prob", "side": "side"},
        "small",
    )


@pytest.fixture(scope="module")
def net():
    return small_net()


@pytest.fixture(scope="module")
def x():
    return floats(2, 3, 8, 8)
