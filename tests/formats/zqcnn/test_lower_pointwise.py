"""Normalisation, activations, softmax, element-wise layers."""

import numpy as np
import pytest

from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.softmax import Softmax

X = np.random.default_rng(5).normal(size=(2, 3, 8, 10)).astype(np.float32)
A, B, C, D = (np.float32(v)[:, None, None] for v in ([1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 0, -1]))


def line(kind, keys=""):
    return f"{kind} name=l bottom=x top=y {keys}"


@pytest.mark.parametrize(
    ("text", "arrays", "want"),
    [
        (line("BatchNormScale", "bias"), (A, B, C, D), (X - A) / np.sqrt(B) * C + D),
        (line("BatchNormScale", "eps=2"), (A, B, C), (X - A) / np.sqrt(B + 2) * C),
        (line("BatchNorm"), (A, B), (X - A) / np.sqrt(B)),
        (line("BatchNorm", "eps=0.5"), (A, B), (X - A) / np.sqrt(B + 0.5)),
        (line("Scale"), (A,), X * A),
        (line("Scale", "bias=1"), (A, D), X * A + D),
        (line("AddBias"), (D,), X + D),
        (line("PReLU"), (A,), np.where(X > 0, X, X * A)),
        (line("ReLU"), (), np.maximum(X, 0)),
        (line("ReLU", "slope=0.25"), (), np.where(X > 0, X, X / 4)),
        (line("ReLU6", "slope=0.25"), (), np.clip(X, 0, 6)),
        (line("Dropout", "dropout_ratio=0.5"), (), X),
        (line("Copy"), (), X),
        (line("Squeeze", "dim=2"), (), X),
        (line("Normalize"), (A,), X * A / np.sqrt((X**2).sum(1, keepdims=True))),
    ],
)
def test_values(zq, text, arrays, want):
    for compat in (None, "zqcnn"):
        graph = zq.read(text, weights=zq.floats(*arrays) if arrays else b"", compat=compat)
        np.testing.assert_allclose(zq.run(graph, X), want, rtol=2e-5, atol=1e-5)


def test_a_variance_of_zero_stays_finite(zq):
    graph = zq.read(line("BatchNorm"), weights=zq.floats(A * 0, A * 0))
    assert np.isfinite(zq.run(graph, X)).all()


def test_normalize_right_and_as_the_original(zq):
    text = line("Normalize", "channel_shared eps=0.5")
    assert zq.op(text) == L2Normalize(False, 0.5, True)
    assert zq.op(text, compat="zqcnn") == L2Normalize(True, 1e-10, False)
    assert zq.op(line("Normalize", "across_spatial")) == L2Normalize(True, 1e-10, False)
    shared = zq.read(text, weights=zq.floats([2]))
    norm = np.sqrt((X**2).sum(1, keepdims=True) + 0.5)
    np.testing.assert_allclose(zq.run(shared, X), 2 * X / norm, rtol=1e-5)


def test_normalize_scale_is_never_cut(zq):
    for kind, want in (("Normalize", 1e-20), ("Scale", 0)):
        graph = zq.read(line(kind), weights=zq.floats([1e-20] * 3), compat="zqcnn")
        assert graph.nodes[0].weights["scale"].tolist() == pytest.approx([want] * 3, rel=1e-6)


def test_softmax_axes(zq):
    assert zq.op(line("Softmax")) == Softmax(1)
    assert zq.op(line("Softmax", "axis=3")) == Softmax(3)
    assert zq.op(line("Softmax", "axis=0")) == Softmax(0)
    assert zq.op(line("Softmax", "axis=0"), compat="zqcnn") == Identity()


def test_activations(zq):
    assert zq.op(line("ReLU", "slope=0")) == Activation("relu")
    assert zq.op(line("ReLU6")) == Activation("clip", low=0.0, high=6.0)


SECOND = "Scale name=s bottom=x top=z"


@pytest.mark.parametrize(
    ("word", "want"),
    [
        ("SUM", X + X * A),
        ("add", X + X * A),
        ("1", X + X * A),
        ("PROD", X * X * A),
        ("0", X * X * A),
        ("MAX", np.maximum(X, X * A)),
        ("2", np.maximum(X, X * A)),
        ("SUM weight=2 weight=-0.5", 2 * X - 0.5 * X * A),
    ],
)
def test_eltwise(zq, word, want):
    text = f"Eltwise name=e bottom=x bottom=z top=y operation={word}"
    graph = zq.read(SECOND, text, weights=zq.floats(A))
    np.testing.assert_allclose(zq.run(graph, X), want, rtol=1e-5, atol=1e-6)


ELT = "Eltwise name=e bottom=x bottom=x top=y"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (ELT, "without 'operation'"),
        (ELT + " operation=SUB", "operation=SUB, expected operation=SUM, PROD or MAX"),
        (ELT + " operation=SUM weight=1", "1 weight= for a sum of 2 bottoms"),
        (ELT + " operation=MAX weight=1 weight=2", "2 weight= for a max"),
        (ELT + " operation=SUM weight=1 weight=nan", "weight=nan, expected a number"),
        (line("BatchNorm", "eps=-1"), "eps=-1.0, expected a number of at least 0"),
        (line("Softmax", "axis=4"), "axis 4 in Softmax of layer 'l'"),
        (line("ReLU", "slope=a"), "slope=a"),
    ],
)
def test_what_is_refused(zq, text, match):
    assert zq.fails(match, text).where == "line 2"


def test_eltwise_does_not_broadcast(zq):
    pool = "Pooling name=p bottom=x top=z global_pool"
    text = "Eltwise name=e bottom=x bottom=z top=y operation=SUM"
    zq.fails(r"line 3: found bottoms of shapes \(1, 3, 8, 10\), \(1, 3, 1, 1\)", pool, text)
