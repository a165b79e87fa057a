"""Every op that ZQCNN's files can say comes back exactly; what they cannot is refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from zqcnn_xp import GraphError, Session, ShapeError
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
def test_convolutions(check, kernel, stride, dilation, pads, groups, out, bias, activation):
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
def test_deconvolutions(check, kernel, stride, pads, size, groups, bias):
    op = ConvTranspose2D(6, kernel, stride, pads=pads, size=size, groups=groups, bias=bias)
    try:
        graph = graph_of(op, (2, 4, 5, 6))
        graph.shapes({source.name: (2, 4, 5, 6) for source in graph.inputs})
    except ShapeError:
        reject()  # so much padding that nothing is left
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
def test_pooling_is_exact_or_refused(
    same_outputs, kind, kernel, stride, pads, ceil, clip_last, count, zero
):
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
def test_ops(check, op, shapes):
    check(graph_of(op, *shapes))


def test_every_op_that_is_written_is_tested():
    tested = {type(op) for op, _ in CASES} | {Conv2D, ConvTranspose2D, Pool2D}
    assert set(WRITERS) - tested == {DetectionOutput, DetectionOutputMxnet}


def attributes_come_back(check, op, *shapes):
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


def test_detections(check):
    op = DetectionOutput(3, True, 0, 0.4, 0.9, 50, 20, 0.01, "center_size", True)
    attributes_come_back(check, op, (1, 20, 1, 1), (1, 15, 1, 1), (1, 2, 20, 1))
    attributes_come_back(
        check,
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
