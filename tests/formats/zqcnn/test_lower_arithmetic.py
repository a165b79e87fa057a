"""ScalarOperation, UnaryOperation, Sqrt, Reduction, Tile, LRN, weighted sums."""

import numpy as np
import pytest

from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.reduce import Reduce

X = np.random.default_rng(5).uniform(0.5, 2, size=(2, 3, 8, 10)).astype(np.float32)
OPERATIONS = [
    (("MUL", "prod", "0"), lambda x, s: x * s),
    (("DIV", "1"), lambda x, s: x / s),
    (("ADD", "SUM", "Plus", "2"), lambda x, s: x + s),
    (("MINUS", "SUB", "3"), lambda x, s: x - s),
    (("MAX", "4"), np.maximum),
    (("MIN", "5"), np.minimum),
    (("POW", "6"), lambda x, s: x**s),
    (("RDIV", "7"), lambda x, s: s / x),
    (("RMINUS", "8"), lambda x, s: s - x),
]


def line(kind, keys=""):
    return f"{kind} name=l bottom=x top=y {keys}"


@pytest.mark.parametrize(("words", "function"), OPERATIONS)
def test_scalar_and_unary_operation(zq, words, function):
    for word in words:
        graph = zq.read(line("ScalarOperation", f"operation={word} scalar=1.25"), weights=b"")
        np.testing.assert_allclose(zq.run(graph, X), function(X, np.float32(1.25)), rtol=1e-6)
        text = f"UnaryOperation name=l bottom=s bottom=x top=y operation={word}"
        graph = zq.read("Sqrt name=r bottom=x top=s", text, weights=b"")
        want = function(X, np.sqrt(X[0, 0, 0, 0]))
        np.testing.assert_allclose(zq.run(graph, X), want, rtol=1e-6)


def test_sqrt(zq):
    graph = zq.read("Sqrt name=s bottom=x top=y", weights=b"")
    np.testing.assert_allclose(zq.run(graph, X), np.sqrt(X), rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("words", "fold"), [(("SUM", "ADD", "PLUS", "0"), np.sum), (("mean", "AVG", "1"), np.mean)]
)
def test_reduction(zq, axis, words, fold):
    want = fold(X, axis=axis, keepdims=True)
    for word in words:
        text = line("Reduction", f"operation={word} axis={axis} keepdims=")
        for compat in (None, "zqcnn"):
            found = zq.run(zq.read(text + "1", weights=b"", compat=compat), X)
            np.testing.assert_allclose(found, want, rtol=1e-5)
        found = zq.run(zq.read(text + "0", weights=b""), X)
        np.testing.assert_allclose(found, want, rtol=1e-5)
        # The original folds everything, the batch too.
        found = zq.run(zq.read(text + "0", weights=b"", compat="zqcnn"), X)
        assert found.shape == (1, 1, 1, 1)
        np.testing.assert_allclose(found[0, 0, 0, 0], fold(X), rtol=1e-5)


def test_defaults_of_a_reduction(zq):
    assert zq.op(line("Reduction", "operation=SUM")) == Reduce("sum", (1,))
    assert zq.op(line("Reduction", "operation=SUM"), compat="zqcnn") == Reduce("sum", None)


@pytest.mark.parametrize(
    ("keys", "repeats"),
    [("n=2 c=3 h=4 w=2", (2, 3, 4, 2)), ("w=3", (1, 1, 1, 3)), ("", (1, 1, 1, 1))],
)
def test_tile(zq, keys, repeats):
    for compat in (None, "zqcnn"):
        found = zq.run(zq.read(line("Tile", keys), weights=b"", compat=compat), X)
        np.testing.assert_array_equal(found, np.tile(X, repeats))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_lrn(zq, size):
    text = line("LRN", f"operation=0 local_size={size} alpha=0.5 beta=0.75 k=2")
    total = np.zeros(X.shape)
    for channel in range(3):
        start = channel - size // 2
        inside = X[:, max(start, 0) : max(start + size, 0)]
        total[:, channel] = (inside.astype(np.float64) ** 2).sum(1)
    want = X * (2 + 0.5 / size * total) ** -0.75
    np.testing.assert_allclose(zq.run(zq.read(text, weights=b""), X), want, rtol=1e-5)
    text = line("LRN", "operation=0 local_size=3 alpha=0.5 beta=0.75")
    assert zq.op(text) == LRN(3, 0.5, 0.75, 1.0, before=1)


def test_a_weighted_sum_takes_one_weight_for_each_bottom(zq):
    keys = "bottom=x operation=SUM weight=0.5 weight=-2"
    for compat in (None, "zqcnn"):
        found = zq.run(zq.read(line("Eltwise", keys), weights=b"", compat=compat), X)
        np.testing.assert_allclose(found, 0.5 * X - 2 * X, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (line("ScalarOperation", "operation=MUL"), "without 'scalar'"),
        (line("ScalarOperation", "operation=MOD scalar=1"), "operation=MOD, expected operation="),
        (line("ScalarOperation", "operation=DIV scalar=0"), "in Scalar of layer 'l'"),
        (line("UnaryOperation", "operation=MUL"), "1 bottoms of UnaryOperation 'l', expected 2"),
        (line("Reduction", "operation=MAX"), "operation=MAX"),
        (line("Reduction", "operation=SUM axis=4"), "axis=4"),
        (line("Reduction", "operation=SUM axis=-1"), "axis=-1"),
        (line("Tile", "n=0"), "n=0"),
        (line("Tile", "n=2147483647"), r"Limits\.max_elements"),
        (line("LRN", "operation=1 local_size=3 alpha=1 beta=1"), "operation=1"),
        (line("LRN", "operation=0 local_size=0 alpha=1 beta=1"), "local_size=0"),
        (line("LRN", "operation=0 local_size=3 alpha=1"), "without 'beta'"),
        (line("Eltwise", "bottom=x operation=SUM weight=1"), "1 weight= for a sum of 2"),
        (line("Eltwise", "bottom=x operation=MAX weight=1 weight=2"), "2 weight= for a max"),
    ],
)
def test_what_is_refused(zq, text, match):
    assert zq.fails(match, text).where == "line 2"
