"""Whole networks as AArch64 code, against the references in float64."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import (
    Activation,
    Concat,
    Conv2D,
    Dense,
    Elementwise,
    MaxFeatureMap,
    Pool2D,
    PReLU,
    Softmax,
    Upsample,
)
from zqcnn_xp.session import load
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.target import NEON
from zqcnn_xp_models import mtcnn

SMALL = [
    ("a", Conv2D(10, (3, 3), pads=(1, 1, 1, 1), activation=PReLU()), ["x"]),
    ("b", Pool2D("max", (3, 3), (2, 2), pads=(1, 1, 1, 1)), ["a"]),
    ("c", Conv2D(16, (1, 1), activation=Activation("relu")), ["b"]),
    ("d", Conv2D(16, (3, 3), pads=(1, 1, 1, 1), groups=16), ["c"]),
    ("e", Elementwise("sum"), ["c", "d"]),
    ("f", Conv2D(24, (3, 3), (2, 2), pads=(1, 1, 1, 1)), ["e"]),
    ("g", MaxFeatureMap(), ["f"]),
    ("h", Upsample("nearest", scale=(2.0, 2.0)), ["g"]),
    ("i", Pool2D("average", (3, 3), (2, 2)), ["e"]),
    ("j", Conv2D(12, (5, 5), pads=(2, 2, 2, 2), dilation=(1, 1)), ["i"]),
    ("k", Concat(1), ["g", "g"]),
    ("l", Conv2D(6, (1, 1), activation=Activation("mish")), ["k"]),
    ("m", Softmax(1), ["l"]),
    ("n", Dense(7, activation=Activation("sigmoid")), ["j"]),
]


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("count", "threads"), [(1, 1), (1, 2), (3, 1), (3, 2)])
def test_small_network(arm, harness, count, threads, exact):
    shapes = {"x": (count, 3, 21, 30)}
    graph = harness.graph_of(SMALL, shapes, ["h", "k", "m", "n"])
    xs = harness.draw(shapes)
    found = arm.run(graph, xs, threads=threads, exact=exact)
    bound = harness.PLAIN if exact else harness.TRANSFORMED
    harness.compare(found, harness.expected(graph, xs), bound)


SHAPES = {"P": (37, 52), "R": (24, 24), "O": (48, 48), "P-dw20": (41, 60), "L16": (48, 48)}


@pytest.mark.parametrize("variant", SHAPES)
def test_mtcnn_networks(arm, harness, variant):
    graph = mtcnn.build(variant)
    xs = harness.draw({graph.inputs[0].name: (2, 3, *SHAPES[variant])})
    harness.compare(arm.run(graph, xs), harness.expected(graph, xs))


@pytest.mark.parametrize(("blocks", "width"), [(True, 3), (False, 40)])
def test_both_layouts(arm, harness, blocks, width):
    """Rows shorter than a vector lie in blocks of channels, long ones of few channels in planes."""
    channels = 32 if blocks else 3
    same = {"kernel": (3, 3), "pads": (1, 1, 1, 1)}
    nodes = [
        ("a", Conv2D(channels, **same), ["x"]),
        ("b", Conv2D(channels, **same, groups=channels), ["a"]),
        ("c", Pool2D("max", (2, 2), (1, 1), pads=(0, 1, 0, 1)), ["b"]),
        ("d", Conv2D(channels, **same, activation=Activation("relu")), ["c"]),
    ]
    shapes = {"x": (1, channels, 20, width)}
    graph = harness.graph_of(nodes, shapes, ["d"])
    template = Template(graph, graph.shapes(shapes), Pool(NEON, exact=True))
    assert {template.kinds[v] for v in "abc"} == {blocks}
    xs = harness.draw(shapes)
    harness.compare(arm.run(graph, xs), harness.expected(graph, xs))


def zqcnn(folder, name, weights=None) -> Graph:
    files = (folder / f"{name}.zqparams", folder / f"{weights or name}.nchwbin")
    with warnings.catch_warnings():
        # The files have a rest that the original does not read either.
        warnings.simplefilter("ignore", TrailingWeightsWarning)
        return load(*files, backend="numpy", compat="zqcnn").graph


@pytest.mark.parametrize(
    ("name", "weights", "size"),
    [("det1", "det1_bgr", (33, 47)), ("det1-dw20-fast", None, (64, 81))],
)
def test_trained_detector(arm, harness, shared_data, name, weights, size):
    graph = zqcnn(shared_data / "zqcnn", name, weights)
    xs = harness.draw({graph.inputs[0].name: (1, 3, *size)})
    harness.compare(arm.run(graph, xs), harness.expected(graph, xs), harness.TRANSFORMED)


def test_mobilefacenet(arm, harness, shared_data):
    folder = shared_data / "mxnet" / "mobilefacenet"
    files = (folder / "model-symbol.json", folder / "model-0000.params")
    graph = load(*files, backend="numpy").graph
    x = np.random.default_rng(0).uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
    xs = {graph.inputs[0].name: x}
    found = arm.run(graph, xs, threads=2, runs=1)
    harness.compare(found, harness.expected(graph, xs), harness.TRANSFORMED)
