"""Modules written here give the graph back, bit by bit, without anything but their own text."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp import GraphError, Session
from zqcnn_xp.formats import read_graph
from zqcnn_xp.formats.code import to_code
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D, Identity, PReLU, Scale
from zqcnn_xp.ops.base import Op
from zqcnn_xp.passes import optimize

NETS = ["det2", "det3-dw48-fast", "mobilefacenet-v1", "model-face", "libfacedetection"]


def module_of(text, folder):
    path = folder / "network.py"
    path.write_text(text, encoding="ascii")
    spec = importlib.util.spec_from_file_location("network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def same(a, b):
    assert (b.inputs, b.outputs, dict(b.blobs)) == (a.inputs, a.outputs, dict(a.blobs))
    assert (b.name, dict(b.meta)) == (a.name, dict(a.meta))
    for x, y in zip(a.nodes, b.nodes, strict=True):
        assert (y.name, y.op, y.inputs, y.outputs, y.where) == (
            x.name, x.op, x.inputs, x.outputs, x.where,
        )  # fmt: skip
        assert list(y.weights) == list(x.weights)
        for name, array in x.weights.items():
            assert y.weights[name].shape == array.shape
            assert y.weights[name].tobytes() == array.tobytes()


@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("fold", [False, True])
def test_real_networks(net, fold, shared_data, tmp_path):
    folder = shared_data / "zqcnn"
    weights = folder / f"{net}.nchwbin"
    weights = weights if weights.exists() else folder / f"{net}_bgr.nchwbin"
    graph = read_graph(folder / f"{net}.zqparams", weights)
    if fold:
        graph = optimize(graph)
    same(graph, module_of(to_code(graph), tmp_path).graph())


def strange():
    """A graph of all that could break source code."""
    name = '"""\'\\\n\u2028é\U0001f600{x}%s'
    inf = float("inf")
    nodes = (
        Node(name, Activation("clip", low=-inf, high=np.float64(0.1)), ("x",), (name,), {}, name),
        Node("s", Scale(), (name,), ("y",), {"scale": np.float32([-0.0, np.nan, 1e-45]),
             "bias": np.float32([inf, 1, 2])}),
    )  # fmt: skip
    meta = {"heads": ({"anchors": [1, 2.5], "x": None, "on": True},), name: (np.float32(0.1),)}
    blobs = {"b": "y", name: name}
    return Graph((GraphInput("x", (None, 3, None, 4)),), nodes, ("y",), blobs, name, meta)


def test_strange_names_and_numbers(tmp_path):
    graph = strange()
    text = to_code(graph)
    assert text.isascii()
    same(graph, module_of(text, tmp_path).graph())


def test_the_module_stands_alone(tmp_path):
    text = to_code(read_graph(b"Input name=x C=2\nPReLU name=r bottom=x top=y", "random"))
    tree = ast.parse(text)
    roots = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots |= {name.name.partition(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            roots.add(node.module.partition(".")[0])
        if isinstance(node, ast.Name):
            assert node.id not in ("exec", "eval", "compile", "__import__", "open")
    assert roots <= {"__future__", "typing", "zqcnn_xp", "numpy"}
    (tmp_path / "mine.py").write_text(text)
    code = "import numpy as np, mine\n"
    code += "print(mine.load('numpy')(-np.ones((1, 2, 1, 1), np.float32))['y'].ravel())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[-0.25 -0.25]\n", "")


def test_load_and_graph(tmp_path):
    module = module_of(to_code(strange()), tmp_path)
    assert isinstance(module.load("numpy"), Session)
    assert module.load("numpy").backend.name == "numpy"
    first, second = module.graph(), module.graph()
    first.nodes[1].weights["bias"][:] = 0
    assert second.nodes[1].weights["bias"][1] == 1


def test_fp16_rounds_kernels_alone(tmp_path):
    rng = np.random.default_rng(0)
    weights = {
        "weight": rng.normal(size=(3, 3, 1, 3)).astype(np.float32),
        "bias": rng.normal(size=3).astype(np.float32),
        "slope": rng.normal(size=3).astype(np.float32),
    }
    node = Node("c", Conv2D(3, (3, 3), activation=PReLU()), ("x",), ("y",), weights)
    graph = Graph((GraphInput("x", (None, 1, 4, 4)),), (node,), ("y",))
    found = module_of(to_code(graph, fp16=True), tmp_path).graph().nodes[0]
    half = weights["weight"].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(found.weights["weight"], half)
    np.testing.assert_array_equal(found.weights["slope"], weights["slope"])
    weights["weight"][0, 0, 0, 0] = 1e6
    with pytest.raises(GraphError, match="Conv2D 'c': found weight beyond 65504"):
        to_code(graph, fp16=True)


class Foreign(Op):
    pass


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"op": Foreign()}, "Foreign 'n', f:1: found an op of type Foreign"),
        ({"weights": {"w": np.zeros(2)}}, "found w of float64, expected float32"),
        ({"inputs": ("z",)}, "input 'z', which no earlier node writes"),
    ],
)
def test_refusals_name_the_node(change, match):
    node = replace(Node("n", Identity(), ("x",), ("y",), {}, "f:1"), **change)
    with pytest.raises(GraphError, match=match):
        to_code(Graph((GraphInput("x", (None, 3)),), (node,), ("y",)))


def test_meta_that_has_no_source_is_refused():
    node = Node("n", Identity(), ("x",), ("y",))
    graph = Graph((GraphInput("x", (None, 3)),), (node,), ("y",), meta={"a": object()})
    with pytest.raises(GraphError, match="value of type object"):
        to_code(graph)
