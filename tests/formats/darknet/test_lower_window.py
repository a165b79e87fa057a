"""Convolution, pooling and [connected] against plain loops."""

import numpy as np
import pytest

from zqcnn_xp.ops.conv2d import Conv2D


def conv(x, w, b, stride=(1, 1), pad=0, dilation=1, groups=1):
    """A convolution as its definition says; ``w`` is (O, I / groups, k, k)."""
    n, _, h, width = x.shape
    o, i, k, _ = w.shape
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    span = (k - 1) * dilation + 1
    rows = range(0, h + 2 * pad - span + 1, stride[0])
    columns = range(0, width + 2 * pad - span + 1, stride[1])
    y = np.zeros((n, o, len(rows), len(columns)))
    for c in range(o):
        first = c // (o // groups) * i
        for p, r in enumerate(rows):
            for q, s in enumerate(columns):
                window = x[:, first : first + i, r : r + span : dilation, s : s + span : dilation]
                y[:, c, p, q] = (window * w[c]).sum((1, 2, 3)) + b[c]
    return y


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ("size=3 pad=1", {"pad": 1}),
        ("size=3 stride=2 padding=2", {"pad": 2, "stride": (2, 2)}),
        ("size=3 pad=1 padding=5", {"pad": 1}),
        ("size=1 pad=1", {}),
        ("size=5 pad=1 stride_x=2", {"pad": 2, "stride": (1, 2)}),
        ("size=3 pad=1 stride=3 stride_y=2", {"pad": 1, "stride": (2, 3)}),
        ("size=3 groups=2", {"groups": 2}),
        ("size=3 groups=4 pad=1", {"groups": 4, "pad": 1}),
        ("size=3 dilation=2 pad=1", {"dilation": 2, "pad": 2}),
        ("size=1 dilation=4", {}),
    ],
)
def test_convolution(dk, options, rule):
    size = int(options.split("size=")[1][0])
    x, b = dk.noise(2, 4, 6, 8), dk.noise(8, seed=1)
    w = dk.noise(8, 4 // rule.get("groups", 1), size, size, seed=2)
    graph = dk.read(
        f"[convolutional] filters=8 activation=linear {options}", weights=dk.weights(b, w)
    )
    want = conv(x, w, b, **rule)
    found = dk.run(graph, x)
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, atol=1e-5)


@pytest.mark.parametrize("eps", [1e-5, 1e-6, 0.1])
def test_batch_normalisation(dk, eps):
    x = dk.noise(2, 4, 6, 8)
    bias, scale, mean = (dk.noise(3, seed=n) for n in (1, 2, 3))
    variance, w = np.float32([1e-4, 1, 2]), dk.noise(3, 4, 1, 1, seed=5)
    graph = dk.read(
        "[convolutional] filters=3 batch_normalize=1 activation=leaky",
        weights=dk.weights(bias, scale, mean, variance, w),
        bn_eps=eps,
    )
    a, b, c, v = (p[:, None, None] for p in (bias, scale, mean, variance.astype(np.float64)))
    y = (conv(x, w, np.zeros(3)) - c) / np.sqrt(v + eps) * b + a
    y = np.where(y > 0, y, 0.1 * y)
    np.testing.assert_allclose(dk.run(graph, x), y, rtol=1e-4, atol=1e-4)
    names = [node.name for node in graph.nodes]
    assert names == ["convolutional_0.conv", "convolutional_0.bn", "convolutional_0"]


def test_defaults_of_a_convolution(dk):
    graph = dk.read("[convolutional]")
    op = graph.nodes[0].op
    assert op == Conv2D(1, (1, 1))
    assert graph.nodes[1].op.kind == "sigmoid"


def test_flipped_weights(dk):
    x, b, w = dk.noise(1, 4, 6, 8), dk.noise(5), dk.noise(5, 4, 3, 3)
    flipped = w.reshape(5, -1).T
    graph = dk.read(
        "[conv] filters=5 size=3 flipped=1 activation=linear", weights=dk.weights(b, flipped)
    )
    np.testing.assert_allclose(dk.run(graph, x), conv(x, w, b), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("linear", lambda x: x),
        ("relu", lambda x: np.maximum(x, 0)),
        ("relu6", lambda x: np.clip(x, 0, 6)),
        ("leaky", lambda x: np.where(x > 0, x, 0.1 * x)),
        ("revleaky", lambda x: np.where(x > 0, x, 0.1 * x)),
        ("relie", lambda x: np.where(x > 0, x, 0.01 * x)),
        ("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
        ("hardtan", lambda x: np.clip(x, -1, 1)),
        ("tanh", np.tanh),
        ("logistic", lambda x: 1 / (1 + np.exp(-x))),
        ("swish", lambda x: x / (1 + np.exp(-x))),
        ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    ],
)
def test_activations(dk, name, function):
    x = 4 * dk.noise(1, 4, 6, 8)
    found = dk.run(dk.read(f"[activation] activation={name}"), x)
    np.testing.assert_allclose(found, function(x.astype(np.float64)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", ["size=2 stride=2", "size=2", "size=3 stride=2", "size=5",
                                     "stride=2", "size=3 padding=0", "size=3 padding=1 stride=2",
                                     "size=3 stride_x=2", "size=9 stride=1"])  # fmt: skip
@pytest.mark.parametrize("kind", ["maxpool", "local_avgpool"])
def test_pooling(dk, kind, options):
    given = dict(part.split("=") for part in options.split())
    stride = int(given.get("stride", 1))
    size = int(given.get("size", stride))
    padding = int(given.get("padding", size - 1))
    sx = int(given.get("stride_x", stride))
    x = dk.noise(2, 4, 6, 8)
    ho, wo = (6 + padding - size) // stride + 1, (8 + padding - size) // sx + 1
    want = np.zeros((2, 4, ho, wo))
    for i in range(ho):
        for j in range(wo):
            top, left = i * stride - padding // 2, j * sx - padding // 2
            window = x[:, :, max(top, 0) : top + size, max(left, 0) : left + size]
            fold = window.max if kind == "maxpool" else window.mean
            want[:, :, i, j] = fold((2, 3))
    np.testing.assert_allclose(dk.run(dk.read(f"[{kind}] {options}"), x), want, atol=1e-6)


def test_global_average(dk):
    x = dk.noise(2, 4, 5, 3)
    found = dk.run(dk.read("[avgpool]"), x)
    np.testing.assert_allclose(found, x.mean((2, 3), keepdims=True), atol=1e-6)


@pytest.mark.parametrize("major", [0, 2000])
@pytest.mark.parametrize("normal", [0, 1])
def test_connected(dk, normal, major):
    x, b, w = dk.noise(2, 4, 6, 8), dk.noise(3, seed=1), dk.noise(3, 4 * 6 * 8, seed=2)
    scale, mean, variance = dk.noise(3, seed=3), dk.noise(3, seed=4), np.float32([1, 2, 0.5])
    arrays = [b, w if not major else w.T, *((scale, mean, variance) if normal else ())]
    graph = dk.read(
        f"[connected] output=3 activation=relu batch_normalize={normal}",
        weights=dk.weights(*arrays, major=major),
    )
    y = x.reshape(2, -1).astype(np.float64) @ w.T
    if normal:
        y = (y - mean) / np.sqrt(variance + 1e-5) * scale
    want = np.maximum(y + b, 0)[:, :, None, None]
    np.testing.assert_allclose(dk.run(graph, x), want, rtol=1e-4, atol=1e-4)
    assert graph.inputs[0].shape == (None, 4, 6, 8)


@pytest.mark.parametrize(
    ("section", "match"),
    [
        ("[conv] filters=0", "line 6.*filters=0"),
        ("[conv] filters=-1", "filters=-1"),
        ("[conv] filters=8 groups=3", "4 input and 8 output channels"),
        ("[conv] size=0", "size=0"),
        ("[conv] size=9", "expected at least 9"),
        ("[conv] size=70000", "from 1 to 65536"),
        ("[conv] stride=0", "stride=0"),
        ("[conv] size=3 dilation=2", "dilation=2 with 0 cells of padding"),
        ("[conv] size=2 dilation=2 pad=1", "odd size"),
        ("[conv] activation=gelu", "activation=gelu.*one of linear"),
        ("[conv] xnor=1", "xnor=1.*no other is supported"),
        ("[conv] antialiasing=1", "antialiasing=1"),
        ("[conv] share_index=-1", "share_index=-1"),
        ("[conv] filters=2147483647 size=9 pad=1", "Limits.max_elements"),
        ("[maxpool] size=2 padding=4", "padding=4 for size=2"),
        ("[maxpool] maxpool_depth=1", "maxpool_depth=1"),
        ("[maxpool] size=0", "size=0"),
        ("[connected] output=0", "output=0"),
    ],
)
def test_refusals(dk, section, match):
    assert dk.fails(match, section).file == "<bytes>"
