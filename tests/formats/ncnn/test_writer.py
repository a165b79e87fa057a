import warnings

import numpy as np
import pytest

from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.ncnn import reader
from zqcnn_xp.formats.ncnn.writer import to_ncnn
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import (
    LRN,
    Activation,
    Concat,
    Conv2D,
    ConvTranspose2D,
    Crop,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    L2Normalize,
    MaxFeatureMap,
    Pad,
    Pool2D,
    PReLU,
    Reduce,
    Reorg,
    Reshape,
    Scalar,
    Scale,
    Slice,
    Softmax,
    Tile,
    Transpose,
    Unary,
    Upsample,
)

FILES = [
    "RFB-320",
    "det1-dw20-fast",
    "det2-dw24-fast",
    "det3-dw48-fast",
    "landmark106",
    "mobilefacenet",
    "yolo-fastest-1.1_body",
    "yoloface-500k",
]


def same(first, second):
    """The same graph: inputs, outputs, every op with its blobs, every weight to the bit."""
    assert first.inputs == second.inputs
    assert first.outputs == second.outputs
    assert len(first.nodes) == len(second.nodes)
    for one, other in zip(first.nodes, second.nodes, strict=True):
        assert (one.name, one.op, one.inputs, one.outputs) == (
            other.name,
            other.op,
            other.inputs,
            other.outputs,
        )
        assert list(one.weights) == list(other.weights)
        for name, weight in one.weights.items():
            assert weight.tobytes() == other.weights[name].tobytes(), (one.name, name)


@pytest.mark.parametrize("name", FILES)
def test_read_write_read(shared_data, name):
    first = reader.read(shared_data / "ncnn" / f"{name}.param")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        param, weights = to_ncnn(first)
        second = reader.read(param, weights)
    same(first, second)
    assert to_ncnn(second) == (param, weights)


def test_half_precision_is_exact_where_the_weights_are(shared_data):
    first = reader.read(shared_data / "ncnn" / "yoloface-500k.param")
    plain, half = to_ncnn(first), to_ncnn(first, fp16=True)
    assert len(half[1]) < 0.6 * len(plain[1])
    again = reader.read(*half)
    for one, other in zip(first.nodes, again.nodes, strict=True):
        for name, weight in one.weights.items():
            rounded = weight.astype(np.float16) if name == "weight" else weight
            np.testing.assert_array_equal(rounded.astype(np.float32), other.weights[name])


@pytest.mark.parametrize("name", ["det1-dw20-fast", "det2-dw24-fast", "det3-dw48-fast"])
def test_detectors_with_activations_up_to_1e11_agree_with_ncnn(shared_data, ncnn, name):
    """They are other networks than ZQCNN's of these names: ncnn alone can judge them."""
    files = [(shared_data / "ncnn" / f"{name}{end}").read_bytes() for end in (".param", ".bin")]
    graph = reader.read(*files)
    size = graph.inputs[0].shape[1:] if graph.inputs[0].nominal else (3, 30, 41)
    x = np.random.default_rng(0).uniform(-1, 1, size).astype(np.float32)
    for written in (files, to_ncnn(graph)):
        ncnn.compare(*written, {"data": x}, graph.outputs, tolerance=1e-4)


@pytest.mark.parametrize("name", ["landmark106", "yoloface-500k", "RFB-320"])
def test_written_files_run_in_ncnn(shared_data, ncnn, name):
    graph = reader.read(shared_data / "ncnn" / f"{name}.param")
    size = graph.inputs[0].nominal[1:] if graph.nominal_shapes else (3, 96, 128)
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    source = graph.inputs[0].name
    ncnn.compare(*to_ncnn(graph), {source: x}, graph.outputs, tolerance=1e-4)


def rand(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def one(op, shape=(3, 8, 8), weights=None, more=()):
    full = (None, *shape)
    inputs = tuple(GraphInput(name, full, (1, *shape)) for name in ("x", *more))
    node = Node("n", op, tuple(s.name for s in inputs), ("y",), weights or {})
    return Graph(inputs, (node,), ("y",)).validate()


CASES = {
    "conv": (
        Conv2D(4, (3, 2), (2, 1), (1, 2), (1, 0, 2, 1)),
        {"weight": (3, 2, 3, 4), "bias": (4,)},
    ),
    "same": (Conv2D(4, (3, 3), (2, 2), pads="same_upper", bias=False), {"weight": (3, 3, 3, 4)}),
    "depthwise": (Conv2D(3, (3, 3), groups=3, bias=False), {"weight": (3, 3, 1, 3)}),
    "swish": (
        Conv2D(4, (1, 1), bias=False, activation=Activation("swish")),
        {"weight": (1, 1, 3, 4)},
    ),
    "prelu": (
        Conv2D(4, (1, 1), bias=False, activation=PReLU()),
        {"weight": (1, 1, 3, 4), "slope": (4,)},
    ),
    "hard": (
        Conv2D(4, (1, 1), bias=False, activation=Activation("hard_swish", 1 / 6)),
        {"weight": (1, 1, 3, 4)},
    ),
    "deconv": (
        ConvTranspose2D(6, (4, 3), (2, 2), pads=(1, 0, 1, 0), output_padding=(1, 0), groups=3),
        {"weight": (4, 3, 1, 6), "bias": (6,)},
    ),
    "dense": (Dense(5), {"weight": (8, 8, 3, 5), "bias": (5,)}),
    "dense prelu": (
        Dense(5, activation=PReLU()),
        {"weight": (8, 8, 3, 5), "bias": (5,), "slope": (5,)},
    ),
    "max": (Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1)), {}),
    "ceil": (Pool2D("max", (3, 3), (2, 2), ceil=True, clip_last=True), {}),
    "mean": (Pool2D("average", (3, 3), (2, 2), (1, 1, 1, 1)), {}),
    "mean valid": (Pool2D("average", (3, 3), (2, 2), (1, 1, 1, 1), count="valid", ceil=True), {}),
    "mean same": (Pool2D("average", (3, 3), (2, 2), "same_upper", count="kernel"), {}),
    "whole": (Pool2D("average", None), {}),
    "bias": (Scale(scale=False), {"bias": (3,)}),
    "scale": (Scale(), {"scale": (3,), "bias": (3,)}),
    "softmax": (Softmax(1), {}),
    "elu": (Activation("elu", 0.5), {}),
    "clip": (Activation("clip", low=-0.5, high=float("inf")), {}),
    "softplus": (Activation("softplus"), {}),
    "lrn": (LRN(3, 0.5), {}),
    "l2": (L2Normalize(eps=0.01), {"scale": (3,)}),
    "scalar": (Scalar("reverse_subtract", 0.1), {}),
    "unary": (Unary("abs"), {}),
    "reduce": (Reduce("mean", (2, 3)), {}),
    "reduce drop": (Reduce("max", (1,), keepdims=False), {}),
    "identity": (Identity(), {}),
    "flatten": (Flatten(1), {}),
    "vector": (Flatten(1, form="drop"), {}),
    "reshape": (Reshape((0, 8, -1)), {}),
    "reshape part": (Reshape((4, 2), 2, 1), {}),
    "transpose": (Transpose((0, 2, 3, 1)), {}),
    "pad": (Pad(((0, 0), (0, 0), (1, 2), (0, 3)), 0.5), {}),
    "slice": (Slice(1, 1, 3), {}),
    "tail": (Slice(2, 3), {}),
    "reorg": (Reorg(2, "channel"), {}),
    "nearest": (Upsample("nearest", "corner", scale=(2.0, 2.0), rounding="floor"), {}),
    "nearest centre": (Upsample("nearest", "center", scale=(3.0, 3.0)), {}),
    "bilinear": (Upsample("bilinear", "center", size=(5, 13)), {}),
    "ends": (Upsample("bilinear", "ends", size=(5, 13)), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_op_means_the_same_in_ncnn_and_read_back(ncnn, case):
    op, shapes = CASES[case]
    weights = {name: rand(*s, seed=k) for k, (name, s) in enumerate(shapes.items())}
    graph = one(op, weights=weights)
    x = rand(3, 8, 8, seed=9)
    (want,) = run(graph, {"x": x})
    files = to_ncnn(graph, {"x": (1, 3, 8, 8)})
    (read,) = ncnn.ours(*files, {"x": x})
    np.testing.assert_allclose(read, want, rtol=1e-5, atol=1e-5)
    (theirs,) = ncnn.theirs(*files, {"x": x})
    assert theirs.shape == want.shape
    np.testing.assert_allclose(theirs, want, rtol=1e-4, atol=1e-4)


def run(graph, inputs):
    import array_api_compat.numpy as xp

    from zqcnn_xp.backend import Backend
    from zqcnn_xp.layout import to_logical, to_storage

    batch = {name: x[None] for name, x in inputs.items()}
    compiled = Backend(xp).compile(graph, {name: x.shape for name, x in batch.items()})
    found = compiled({name: to_storage(xp, x) for name, x in batch.items()})
    return [np.asarray(to_logical(xp, found[value]))[0] for value in graph.outputs]


@pytest.mark.parametrize(
    "op",
    [
        *(Elementwise(kind) for kind in ("sum", "product", "max")),
        Elementwise("sum", (1.0, -1.0)),
        Elementwise("sum", (0.5, 2.0)),
        Concat(1),
        Concat(-1),
        Crop(2, (0,)),
    ],
)
def test_two_inputs(ncnn, op):
    graph = one(op, more=("z",))
    inputs = {"x": rand(3, 8, 8), "z": rand(3, 8, 8, seed=1)}
    (want,) = run(graph, inputs)
    (theirs,) = ncnn.theirs(*to_ncnn(graph), inputs)
    np.testing.assert_allclose(theirs, want, rtol=1e-5, atol=1e-5)


def test_max_feature_map(ncnn):
    graph = one(MaxFeatureMap(), (6, 4, 4))
    x = rand(6, 4, 4)
    (theirs,) = ncnn.theirs(*to_ncnn(graph), {"x": x})
    np.testing.assert_array_equal(theirs, np.maximum(x[:3], x[3:]))


@pytest.mark.parametrize(
    ("op", "match"),
    [
        (Tile((1, 1, 2, 2)), "has no counterpart in ncnn"),
        (Concat(0), "the batch"),
        (Softmax(0), "the batch"),
        (Slice(1, 0, 3, 2), "leaves cells out"),
        (Transpose((1, 0, 2, 3)), "no order of"),
        (Reshape((-1, 8)), "samples apart"),
        (Reorg(2), "Darknet's order"),
        (Upsample("bilinear", "corner", scale=(2.0, 2.0)), "samples corners"),
        (Upsample("nearest", "corner", scale=(2.0, 2.0)), "nearest"),
        (Upsample("bilinear", "center", scale=(1.3, 1.0)), "rounds in another way"),
        (Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), pad_value="zero"), "compete as zero"),
        (Pool2D("max", (3, 3), dilation=(2, 2)), "dilated"),
        (Pool2D("average", (3, 3), (2, 2), "same_upper", count="valid"), "leaves SAME padding"),
        (Pool2D("max", (2, 2), (3, 3), (1, 1, 1, 1), ceil=True, clip_last=True), "drops a window"),
        (LRN(4), "larger half"),
        (Pad(((0, 0), (1, 0), (0, 0), (0, 0))), "other axes"),
        (Reduce("sum", (1, 2, 3), keepdims=False), "nothing but the batch"),
        (Crop(1, (0,), center=True), "cuts the middle"),
    ],
)
def test_what_ncnn_cannot_express_names_the_node(op, match):
    graph = one(op, (4, 8, 8), more=("z",) if isinstance(op, (Concat, Crop)) else ())
    with pytest.raises(GraphError, match=rf"'n'.*{match}"):
        to_ncnn(graph)


def test_names_with_blanks_and_values_read_twice():
    nodes = (
        Node("a b", Activation("relu"), ("in put",), ("a b",)),
        Node("c", Elementwise("sum"), ("a b", "a b"), ("c",)),
    )
    graph = Graph((GraphInput("in put", (None, 3, None, None)),), nodes, ("c",))
    param, weights = to_ncnn(graph)
    found = reader.read(param, weights)
    assert found.inputs[0].shape == (None, 3, None, None)
    assert b"Split" in param
    assert [node.op for node in found.nodes] == [Activation("relu"), Elementwise("sum")]
