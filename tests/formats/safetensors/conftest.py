"""A small bundle with most kinds of attributes, and how to take one apart."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from zqcnn_xp.formats.safetensors import to_safetensors
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, BatchNorm, Concat, Conv2D, Dense, Flatten, Pool2D, PReLU

RNG = np.random.default_rng(7)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def small():
    """A graph of seven layers: windows, rules by name, a fused op, free batch, meta."""
    conv = Conv2D(4, (3, 3), (2, 2), pads="same_upper", activation=PReLU())
    pool = Pool2D("max", (2, 2), (2, 2), ceil=True)
    return Graph(
        inputs=(GraphInput("x", (None, 3, 8, 8), (1, 3, 8, 8)),),
        nodes=(
            Node(
                "conv",
                conv,
                ("x",),
                ("conv",),
                {"weight": floats(3, 3, 3, 4), "bias": floats(4), "slope": floats(4)},
                "net.txt:3",
            ),
            Node(
                "bn",
                BatchNorm(1e-5, bias=False),
                ("conv",),
                ("bn",),
                {"mean": floats(4), "variance": floats(4) ** 2, "scale": floats(4)},
            ),
            Node("clip", Activation("clip", low=float("-inf"), high=0.1), ("bn",), ("clip",)),
            Node("cat", Concat(1), ("clip", "bn"), ("cat",)),
            Node("pool", pool, ("cat",), ("pool",)),
            Node("flat", Flatten(form="drop"), ("pool",), ("flat",)),
            Node("fc", Dense(5, bias=False), ("flat",), ("fc",), {"weight": floats(32, 5)}),
        ),
        outputs=("fc",),
        blobs={"conv@conv": "conv", "conv": "bn"},
        name="small",
        meta={"heads": ({"mask": (0, 1), "name": "é"},), "scale": 0.5},
    )


def pack(graph, **options):
    stream = io.BytesIO()
    to_safetensors(graph, stream, **options)
    return stream.getvalue()


def split(data):
    """Header as an object, and the tensors' bytes."""
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def join(header, rest):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


def assert_same(a, b):
    """Same graphs, weights bit for bit."""
    for part in ("inputs", "outputs", "name"):
        assert getattr(a, part) == getattr(b, part)
    assert dict(a.blobs) == dict(b.blobs)
    assert dict(a.meta) == dict(b.meta)
    assert len(a.nodes) == len(b.nodes)
    for one, two in zip(a.nodes, b.nodes, strict=True):
        for part in ("name", "op", "inputs", "outputs", "where"):
            assert getattr(one, part) == getattr(two, part), one.label
        assert list(one.weights) == list(two.weights)
        for name, weight in one.weights.items():
            other = two.weights[name]
            assert other.dtype == np.float32
            assert other.shape == weight.shape
            assert other.tobytes() == np.asarray(weight).tobytes()


@pytest.fixture(scope="session")
def bundle():
    return SimpleNamespace(small=small, pack=pack, split=split, join=join, assert_same=assert_same)
