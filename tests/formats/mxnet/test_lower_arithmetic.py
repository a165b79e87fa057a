import numpy as np
import pytest

from zqcnn_xp.errors import FormatError

SCALARS = {
    "_plus_scalar": lambda x: x + 1.5,
    "_minus_scalar": lambda x: x - 1.5,
    "_rminus_scalar": lambda x: 1.5 - x,
    "_mul_scalar": lambda x: x * 1.5,
    "_div_scalar": lambda x: x / 1.5,
    "_rdiv_scalar": lambda x: 1.5 / x,
    "_maximum_scalar": lambda x: np.maximum(x, 1.5),
    "_minimum_scalar": lambda x: np.minimum(x, 1.5),
}
PAIRS = {
    "elemwise_add": np.add,
    "_Plus": np.add,
    "ElementWiseSum": np.add,
    "elemwise_sub": np.subtract,
    "elemwise_mul": np.multiply,
    "elemwise_div": np.divide,
    "_maximum": np.maximum,
    "_minimum": np.minimum,
}
UNARY = {"abs": np.abs, "square": np.square, "negative": np.negative, "exp": np.exp}


@pytest.mark.parametrize("op", SCALARS)
def test_numbers(mxnet, x, op):
    (found,) = mxnet.run(mxnet.one(op, {"scalar": 1.5}), x)
    np.testing.assert_allclose(found, SCALARS[op](x), rtol=1e-6)


@pytest.mark.parametrize("op", PAIRS)
def test_values(mxnet, x, op):
    nodes = [
        ("null", "data", [], {"__shape__": (1, 3, 8, 8)}),
        ("exp", "e", ["data"], {}),
        (op, "op", ["data", "e"], {}),
    ]
    graph = mxnet_graph(mxnet, nodes)
    (found,) = mxnet.run(graph, x)
    np.testing.assert_allclose(found, PAIRS[op](x, np.exp(x)), rtol=1e-5, atol=1e-6)


def mxnet_graph(mxnet, nodes, arrays=None):
    from zqcnn_xp.formats.mxnet import reader

    return reader.read(mxnet.symbol(nodes).encode(), mxnet.params(arrays or {}))


@pytest.mark.parametrize("op", ["broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div"])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (3, 1, 1), (1,)])
@pytest.mark.parametrize("first", [False, True])
def test_arrays(mxnet, x, op, shape, first):
    w = np.random.default_rng(2).uniform(0.5, 2, shape).astype(np.float32)
    names = ["w", "data"] if first else ["data", "w"]
    (found,) = mxnet.run(mxnet.one(op, {}, {"w": w}, inputs=names), x)
    rule = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}[op[-3:]]
    np.testing.assert_allclose(found, rule(w, x) if first else rule(x, w), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", UNARY)
def test_functions(mxnet, x, op):
    (found,) = mxnet.run(mxnet.one(op), x)
    np.testing.assert_allclose(found, UNARY[op](x), rtol=1e-5)


@pytest.mark.parametrize("keep", [True, False])
def test_reductions(mxnet, x, keep):
    (found,) = mxnet.run(mxnet.one("mean", {"axis": "(2, 3)", "keepdims": keep}), x)
    np.testing.assert_allclose(found, x.mean((2, 3), keepdims=keep), rtol=1e-4, atol=1e-6)
    attributes = {"axis": 1, "exclude": True, "keepdims": True}
    with pytest.raises(FormatError, match=r"any|Reduce|mean|batch|expected"):
        mxnet.one("mean", {"axis": 7, **attributes} | {"axis": 7})


def test_an_array_in_every_cell_is_refused(mxnet):
    w = np.zeros((1, 3, 8, 8), np.float32)
    with pytest.raises(FormatError, match="one number for each of 3"):
        mxnet.one("broadcast_add", {}, {"w": w})
    with pytest.raises(FormatError, match="finite reciprocal"):
        mxnet.one("broadcast_div", {}, {"w": w[:, :, :1, :1]})
