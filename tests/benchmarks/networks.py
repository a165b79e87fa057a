"""The networks of the table, and runners for our backends and for their peers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import zqcnn_xp
from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats.onnx.writer import to_onnx
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.passes import optimize

# name, network file, weight file, input shape
NETS = [
    ("MobileFaceNet 112x112", "mobilefacenet-v1", "mobilefacenet-v1", (1, 3, 112, 112)),
    ("PNet det1 240x320", "det1", "det1_bgr", (1, 3, 240, 320)),
    ("PNet det1-dw20-fast 240x320", "det1-dw20-fast", "det1-dw20-fast", (1, 3, 240, 320)),
    ("RNet det2, batch 16", "det2", "det2_bgr", (16, 3, 24, 24)),
    ("ONet det3, batch 16", "det3", "det3_bgr", (16, 3, 48, 48)),
]
ARCFACE = ("ArcFace r34 112x112, random weights", (1, 3, 112, 112))


def load_graph(folder: Path, model: str, weights: str) -> Graph:
    """Read one of ZQCNN's networks, merged as its own MTCNN loads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrailingWeightsWarning)
        session = zqcnn_xp.load(
            folder / f"{model}.zqparams",
            folder / f"{weights}.nchwbin",
            backend="numpy",
            compat="zqcnn",
        )
    return optimize(session.graph)


def arcface_r34(seed: int = 0) -> Graph:
    """LResNet34E-IR with seeded weights of unit gain: the time does not depend on their values."""
    rng = np.random.default_rng(seed)
    nodes: list[Node] = []

    def add(op, value, shape, *others):
        weights = {}
        for name, size in op.weights(shape).items():
            gain = np.sqrt(2.0 / max(np.prod(size[:-1]), 1)) if name == "weight" else 0.0
            drawn = rng.normal(size=size) * gain
            fixed = {"variance": 1.0, "scale": 1.0, "slope": 0.25}.get(name)
            weights[name] = (drawn if fixed is None else np.full(size, fixed)).astype(np.float32)
        name = f"v{len(nodes)}"
        nodes.append(Node(name, op, (value, *others), (name,), weights))
        return name, op.infer(*[shape] * (1 + len(others)))[0]

    pad = (1, 1, 1, 1)
    value, shape = add(Conv2D(64, (3, 3), pads=pad, bias=False), "data", (1, 3, 112, 112))
    value, shape = add(BatchNorm(2e-5), value, shape)
    value, shape = add(PReLU(), value, shape)
    for channels, units in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for unit in range(units):
            stride = (2, 2) if unit == 0 else (1, 1)
            short, into = value, shape
            if unit == 0:
                short, _ = add(Conv2D(channels, (1, 1), stride, bias=False), value, shape)
                short, _ = add(BatchNorm(2e-5), short, (1, channels, shape[2] // 2, shape[3] // 2))
            value, shape = add(BatchNorm(2e-5), value, into)
            value, shape = add(Conv2D(channels, (3, 3), pads=pad, bias=False), value, shape)
            value, shape = add(BatchNorm(2e-5), value, shape)
            value, shape = add(PReLU(), value, shape)
            value, shape = add(Conv2D(channels, (3, 3), stride, pads=pad, bias=False), value, shape)
            value, shape = add(BatchNorm(2e-5), value, shape)
            value, shape = add(Elementwise("sum"), value, shape, short)
    value, shape = add(BatchNorm(2e-5), value, shape)
    value, shape = add(Dense(512), value, shape)
    value, _ = add(BatchNorm(2e-5), value, shape)
    graph = Graph((GraphInput("data", (None, 3, 112, 112)),), tuple(nodes), (value,))
    return optimize(graph.validate())


def peer_runners(
    graph: Graph, x: np.ndarray, threads: int
) -> dict[str, Callable[[], list[np.ndarray]]]:
    """Run the same network, as ONNX, in the runtimes that are installed."""
    data = to_onnx(graph, {graph.inputs[0].name: x.shape})
    runners: dict[str, Callable[[], list[np.ndarray]]] = {}
    try:
        import onnxruntime as ort
    except ImportError:
        pass
    else:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        peer = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        runners["onnxruntime"] = lambda: peer.run(None, {graph.inputs[0].name: x})
    import cv2

    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    names = list(graph.outputs)

    def forward() -> list[np.ndarray]:
        net.setInput(x)
        return list(net.forward(names))

    runners["opencv"] = forward
    return runners


def our_runner(graph: Graph, backend: str, x: np.ndarray) -> Callable[[], list[np.ndarray]]:
    """Run a network on one of our backends, NumPy in and NumPy out."""
    session = zqcnn_xp.Session(graph, backend)
    return lambda: list(session(x).values())


def largest_difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """Return the largest difference over all outputs, relative to each output's largest value."""
    return max(
        float(np.abs(a.reshape(b.shape) - b).max() / max(1.0, np.abs(b).max()))
        for a, b in zip(ours, theirs, strict=True)
    )
