"""ONNX files written here mean to ONNX Runtime, and to our own reader, what the graph means."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zqcnn_xp
from zqcnn_xp.formats.onnx.writer import to_onnx
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import LRN
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.crop import Crop
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lstm import Lstm
from zqcnn_xp.ops.matmul import MatMul
from zqcnn_xp.ops.max_feature_map import MaxFeatureMap
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.prior_box_mxnet import PriorBoxMxnet
from zqcnn_xp.ops.prior_box_text import PriorBoxText
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.scalar import Scalar, ScalarOf
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.tile import Tile
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.unary import Unary
from zqcnn_xp.ops.upsample import Upsample

NETS = [
    "det1",
    "det1-dw20-plus",
    "det2",
    "det3-dw48-fast",
    "det5-112-gray",
    "mobilefacenet-v1",
    "model-face",
]


def graph_of(op, *shapes, seed=0):
    """A graph of one op, with weights that keep a batch norm's variance positive."""
    rng = np.random.default_rng(seed)
    weights = {
        name: (rng.uniform(0.1, 1, size) if name == "variance" else rng.normal(size=size)).astype(
            np.float32
        )
        for name, size in op.weights(*shapes).items()
    }
    names = [f"x{place}" for place in range(len(shapes))]
    inputs = tuple(
        GraphInput(name, (None, *shape[1:])) for name, shape in zip(names, shapes, strict=True)
    )
    node = Node("layer", op, tuple(names), ("y",), weights, "test:1")
    return Graph(inputs, (node,), ("y",)).validate()


def check(graph, *shapes, seed=1, fixed=False, reread=True):
    rng = np.random.default_rng(seed)
    given_shapes = dict(zip([s.name for s in graph.inputs], shapes, strict=True))
    feed = {name: rng.normal(size=s).astype(np.float32) for name, s in given_shapes.items()}
    data = to_onnx(graph, given_shapes if fixed else None)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    peer = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    wanted = {i.name: feed[i.name] for i in peer.get_inputs()}
    expected = dict(zip(graph.outputs, peer.run(None, wanted), strict=True))
    ours = zqcnn_xp.Session(graph, "numpy", fold=False)(feed)
    again = zqcnn_xp.load(data, backend="numpy")(wanted) if reread else ours
    for name, value in expected.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(again[name], value, rtol=1e-4, atol=1e-5)


ACTIVATIONS = [
    None,
    PReLU(),
    PReLU(shared=True),
    Activation("relu"),
    Activation("leaky_relu", alpha=0.1),
    Activation("clip"),
    Activation("sigmoid"),
    Activation("tanh"),
    Activation("elu", alpha=0.7),
    Activation("hard_sigmoid", alpha=0.3, beta=0.4),
    Activation("hard_swish", alpha=1 / 6),
    Activation("mish"),
    Activation("softplus"),
    Activation("swish"),
]


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    groups=st.sampled_from([1, 2, 4]),
    bias=st.booleans(),
    activation=st.sampled_from(ACTIVATIONS),
)
def test_convolution(kernel, stride, dilation, pads, groups, bias, activation):
    op = Conv2D(8, kernel, stride, dilation, pads, groups, bias, activation)
    check(graph_of(op, (2, 4, 9, 11)), (2, 4, 9, 11))


MAP = (2, 4, 7, 9)
CASES = [
    (Conv2D(3, (3, 2), (2, 2), pads="same_upper"), [MAP]),
    (Pool2D("max", (2, 2), (2, 2), ceil=True), [MAP]),
    (Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), ceil=True, clip_last=True), [MAP]),
    (Pool2D("average", (2, 3), (2, 2), ceil=True), [MAP]),
    (Pool2D("average", (3, 3), (1, 1), (1, 1, 1, 1), count="valid"), [MAP]),
    (Pool2D("average", (3, 3), (1, 1), (1, 1, 1, 1), count="kernel"), [MAP]),
    (Pool2D("average", None), [MAP]),
    (Pool2D("max", None), [MAP]),
    (BatchNorm(eps=1e-3), [MAP]),
    (BatchNorm(scale=False, bias=False), [(2, 5)]),
    (Scale(), [MAP]),
    (Scale(bias=False), [MAP]),
    (Scale(scale=False), [(3, 6)]),
    (Dense(5, activation=PReLU()), [MAP]),
    (Dense(5, bias=False, activation=Activation("relu")), [(3, 6)]),
    (Dense(5), [(3, 6)]),
    (Softmax(1), [MAP]),
    (Softmax(-1), [MAP]),
    (Elementwise("sum"), [MAP] * 3),
    (Elementwise("sum", (0.5, -2.0)), [MAP] * 2),
    (Elementwise("product"), [MAP] * 3),
    (Elementwise("max"), [MAP] * 2),
    (Concat(1), [MAP, (2, 3, 7, 9)]),
    (Transpose((0, 2, 3, 1)), [MAP]),
    (Flatten(), [MAP]),
    (Flatten(2, form="drop"), [MAP]),
    (Flatten(form="matrix"), [MAP]),
    (Reshape((0, -1, 6, 1)), [MAP]),
    (Reshape((2, -1), axis=1, num_axes=1), [MAP]),
    (L2Normalize(), [MAP]),
    (L2Normalize(across_spatial=True, shared=True), [MAP]),
    (Upsample("nearest", scale=(2, 3)), [MAP]),
    (Upsample("bilinear", "center", size=(10, 13)), [MAP]),
    (Upsample("bilinear", "corner", scale=(2, 2)), [MAP]),
    (Upsample("bilinear", "ends", size=(10, 13)), [MAP]),
    (Identity(), [MAP]),
    (ConvTranspose2D(6, (4, 4), (2, 2), pads=(1, 1, 1, 1)), [MAP]),
    (ConvTranspose2D(6, (3, 2), (2, 1), (1, 2), (1, 0, 0, 2), (1, 0), 2), [MAP]),
    (ConvTranspose2D(4, (3, 3), (2, 2), groups=4, bias=False, activation=PReLU()), [MAP]),
    (ConvTranspose2D(6, (3, 4), (2, 2), pads="same_upper"), [MAP]),
    (Pool2D("max", (3, 2), (2, 2), (1, 1, 0, 0), dilation=(2, 3)), [MAP]),
    (LRN(3, 0.5, 0.7, 2.0), [MAP]),
    *[(Scalar(kind, 0.5), [MAP]) for kind in ("multiply", "divide", "add", "subtract")],
    *[(Scalar(kind, 0.5), [MAP]) for kind in ("max", "min", "reverse_divide", "reverse_subtract")],
    (Scalar("power", 3.0), [MAP]),
    *[(Reduce(kind, (1,)), [MAP]) for kind in ("sum", "mean", "max", "min")],
    *[(Reduce(kind, (2, 3), keepdims=False), [MAP]) for kind in ("sum", "mean", "max", "min")],
    (Reduce("sum", ()), [MAP]),
    (MaxFeatureMap(), [MAP]),
    *[(Unary(kind), [MAP]) for kind in ("abs", "exp", "reciprocal")],
    (Slice(1, 1, 3), [MAP]),
    (Slice(-1, 1, None, 2), [MAP]),
    (Pad(((0, 0), (1, 2), (0, 1), (2, 0)), 0.5), [MAP]),
    (Tile((1, 2, 3, 1)), [MAP]),
    (MatMul(), [(2, 4, 6, 7), (2, 4, 7, 3)]),
]
# Written for a reader that knows all of ONNX; ours does not take these nodes.
WRITTEN = [
    (ConvTranspose2D(6, (3, 3), (2, 2), size=(13, 18)), [MAP], True),
    (ScalarOf("divide"), [(2, 3), MAP], False),
    (ScalarOf("reverse_subtract"), [(2, 3), MAP], False),
    (Reduce("mean"), [MAP], False),
    (Lstm(5, "both", 1.0), [(2, 4, 1, 7)], False),
    (Lstm(5, "backward"), [(2, 4, 1, 7)], True),
    (Lstm(5), [(1, 4, 1, 1)], False),
    (Reorg(2, "block"), [(2, 4, 6, 8)], False),
    (Reorg(2, "channel"), [(2, 4, 6, 8)], True),
    (Reorg(2), [(2, 4, 6, 8)], True),
    (Crop(2, (1, 3)), [MAP, (1, 3, 4, 5)], True),
    (Crop(1, center=True), [MAP, (1, 3, 4, 5)], True),
]


@pytest.mark.parametrize(("op", "shapes", "fixed"), WRITTEN, ids=lambda v: str(v)[:40])
def test_ops_that_are_only_written(op, shapes, fixed):
    check(graph_of(op, *shapes), *shapes, fixed=fixed, reread=False)
    if fixed and not isinstance(op, Lstm):
        with pytest.raises(zqcnn_xp.GraphError, match=r"'layer', test:1.*fixed size"):
            to_onnx(graph_of(op, *shapes))


@pytest.mark.parametrize(("op", "shapes"), CASES, ids=lambda v: str(v)[:40])
def test_ops(op, shapes):
    fixed = isinstance(op, Upsample | Reshape)
    check(graph_of(op, *shapes), *shapes, fixed=fixed)


@pytest.mark.parametrize(
    "op",
    [
        PriorBox((10.0, 16.0), offset=0.5, step=(8.0, 8.0)),
        PriorBoxText((10.0, 16.0), aspect_ratios=(2.0,)),
        PriorBoxMxnet((0.1, 0.2), (1.0, 2.0)),
    ],
    ids=lambda op: type(op).__name__,
)
def test_prior_boxes_need_a_fixed_size(op):
    shapes = [(1, 8, 5, 6), (1, 3, 40, 48)][: 1 if isinstance(op, PriorBoxMxnet) else 2]
    given = {f"x{place}": shape for place, shape in enumerate(shapes)}
    data = to_onnx(graph_of(op, *shapes), given)
    peer = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    feed = {i.name: np.zeros(shapes[int(i.name[1])], np.float32) for i in peer.get_inputs()}
    expected = op.forward(np, {}, *(np.zeros((s[0], *s[2:], s[1]), np.float32) for s in shapes))
    np.testing.assert_array_equal(peer.run(None, feed)[0], expected[0].transpose(0, 3, 1, 2))
    with pytest.raises(zqcnn_xp.GraphError, match=r"'layer', test:1.*fixed size"):
        to_onnx(graph_of(op, *shapes))


@pytest.mark.parametrize(
    "op",
    [
        Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), pad_value="zero"),
        Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), ceil=True),
        Pool2D("average", (3, 3), (2, 2), ceil=True, count="kernel"),
        Upsample("nearest", scale=(1.5, 2.0)),
        Pool2D("average", (3, 3), (2, 2), dilation=(2, 1)),
        LRN(4),
        LRN(3, before=0),
        LRN(3, region="within"),
        ConvTranspose2D(4, (3, 3), pads=(-1, 0, 0, 0)),
        ConvTranspose2D(4, (3, 3), output_padding=(1, 0)),
    ],
    ids=str,
)
def test_what_onnx_cannot_say_is_refused_by_name(op):
    with pytest.raises(zqcnn_xp.GraphError, match="'layer', test:1"):
        to_onnx(graph_of(op, MAP))


def test_clipped_cells_are_refused():
    with pytest.raises(zqcnn_xp.GraphError, match="clips its cells"):
        to_onnx(graph_of(Lstm(4, cell_clip=3.0), (1, 3, 1, 5)))


@pytest.mark.filterwarnings("ignore::zqcnn_xp.errors.TrailingWeightsWarning")
@pytest.mark.parametrize("net", NETS)
def test_real_networks(net, shared_data):
    folder = shared_data / "zqcnn"
    weights = folder / f"{net}.nchwbin"
    weights = weights if weights.exists() else folder / f"{net}_bgr.nchwbin"
    session = zqcnn_xp.load(folder / f"{net}.zqparams", weights, backend="numpy")
    source = session.graph.inputs[0]
    nominal = source.nominal or (1, None, None, None)
    shape = (2, *(size or default for size, default in zip(nominal[1:], (3, 61, 83), strict=True)))
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    peer = onnxruntime.InferenceSession(to_onnx(session.graph), providers=["CPUExecutionProvider"])
    found = session(x)
    for name, value in zip(session.graph.outputs, peer.run(None, {source.name: x}), strict=True):
        np.testing.assert_allclose(
            found[name], value, rtol=0, atol=1e-5 * max(1.0, float(np.abs(value).max()))
        )
