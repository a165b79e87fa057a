import io

import numpy as np
import pytest

from zqcnn_xp import load
from zqcnn_xp.errors import FormatError, InputError, TrailingWeightsWarning
from zqcnn_xp.formats import find_reader
from zqcnn_xp.formats.mxnet import reader


def rand(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.fixture
def files(mxnet):
    """A padded convolution halved twice, a matrix over a map of 3 x 3, and a loss."""
    conv = {
        "num_filter": 4,
        "kernel": "(3, 3)",
        "stride": "(2, 2)",
        "pad": "(1, 1)",
        "no_bias": True,
    }
    nodes = [
        ("null", "data", [], {}),
        ("_mul_scalar", "norm", ["data"], {"scalar": 0.5}),
        ("null", "c1_weight", [], {}),
        ("Convolution", "c1", ["norm", "c1_weight"], conv),
        ("null", "c2_weight", [], {}),
        ("Convolution", "c2", ["c1", "c2_weight"], conv),
        ("null", "fc_weight", [], {}),
        ("FullyConnected", "fc", ["c2", "fc_weight"], {"num_hidden": 5, "no_bias": True}),
        ("null", "label", [], {}),
        ("Reshape", "flat_label", ["label"], {"shape": "(384,)"}),
        ("SoftmaxOutput", "prob", ["fc", "flat_label"], {}),
        ("elemwise_add", "loss", ["prob", "flat_label"], {}),
    ]
    arrays = {
        "c1_weight": rand(4, 2, 3, 3),
        "c2_weight": rand(4, 4, 3, 3),
        "fc_weight": rand(5, 36),
    }
    return mxnet.symbol(nodes).encode(), mxnet.params(arrays)


def test_channels_and_size_follow_from_the_weights(files):
    graph = reader.read(*files)
    # 9 ... 12 pixels lead to 3 x 3 cells; 12 halves twice.
    assert graph.inputs[0].shape == (None, 2, 12, 12)
    assert graph.outputs == ("prob_output",)
    assert graph.value("prob") == "prob_output"
    assert [s.name for s in graph.inputs] == ["data"]
    found = reader.read(*files, input_size=(9, 11)).inputs[0]
    assert found.shape == (None, 2, 9, 11)
    with pytest.raises(FormatError, match="another input_size"):
        reader.read(*files, input_size=(13, 13))


def test_a_network_without_a_matrix_takes_any_size(mxnet):
    w = rand(4, 2, 3, 3)
    nodes = [
        ("null", "data", [], {}),
        ("null", "w", [], {}),
        ("Convolution", "c", ["data", "w"], {"num_filter": 4, "kernel": "(3, 3)", "no_bias": 1}),
    ]
    graph = reader.read(mxnet.symbol(nodes).encode(), mxnet.params({"w": w}))
    assert graph.inputs[0].shape == (None, 2, None, None)
    assert graph.nominal_shapes is None
    sized = reader.read(mxnet.symbol(nodes).encode(), mxnet.params({"w": w}), input_size=(8, 9))
    assert sized.inputs[0].nominal == (1, 2, 8, 9)


def test_found_by_content_and_beside(files, tmp_path):
    symbol = tmp_path / "net-symbol.json"
    symbol.write_bytes(files[0])
    with pytest.raises(InputError, match=r"found no weights, expected the \.params file"):
        load(symbol)
    (tmp_path / "net-0001.params").write_bytes(files[1])
    (tmp_path / "network-0001.params").write_bytes(b"another")
    session = load(symbol, backend="numpy")
    x = rand(2, 2, 12, 12)
    found = session(x)["prob_output"]
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    again = load(io.BytesIO(files[0]), io.BytesIO(files[1]), backend="numpy")
    np.testing.assert_array_equal(found, again(x)["prob_output"])
    (tmp_path / "net-0002.params").write_bytes(files[1])
    with pytest.raises(InputError, match=r"net-0001\.params, net-0002\.params"):
        load(symbol)
    assert find_reader(files[0])[0].name == "mxnet"


def test_arrays_that_nothing_reads_are_named(mxnet):
    nodes = [("null", "data", [], {"__shape__": (1, 2, 3, 3)}), ("relu", "r", ["data"], {})]
    with pytest.warns(TrailingWeightsWarning, match="1 arrays are not used: extra"):
        reader.read(mxnet.symbol(nodes).encode(), mxnet.params({"extra": rand(3)}))


def test_missing_and_misshapen_arrays(mxnet):
    attributes = {"num_filter": 4, "kernel": "(3, 3)"}
    nodes = [
        ("null", "data", [], {"__shape__": "(0, 2, 9, 9)"}),
        ("null", "w", [], {}),
        ("null", "b", [], {}),
        ("Convolution", "c", ["data", "w", "b"], attributes),
    ]
    text = mxnet.symbol(nodes).encode()
    with pytest.raises(FormatError, match=r"node 3 \(Convolution 'c'\): found no array 'c_bias'"):
        reader.read(text, mxnet.params({"w": rand(4, 2, 3, 3)}))
    with pytest.raises(FormatError, match=r"weight of shape \(4, 3, 3, 3\), expected shape"):
        reader.read(text, mxnet.params({"w": rand(4, 3, 3, 3), "b": rand(4)}))


def test_refusals(files, mxnet):
    with pytest.raises(InputError, match="compat"):
        reader.read(*files, compat="zqcnn")
    with pytest.raises(InputError, match="did you mean 'limits'"):
        reader.read(*files, limit=3)
    for size in ((0, 1), (1,), "9x9", (1.5, 2)):
        with pytest.raises(InputError, match="input_size"):
            reader.read(*files, input_size=size)
    with pytest.raises(FormatError, match=r"operator 'Convolutoin'.*did you mean Convolution"):
        mxnet.one("Convolutoin")
    bare = mxnet.symbol([("null", "data", [], {}), ("relu", "r", ["data"], {})]).encode()
    with pytest.raises(FormatError, match="whose channels no weights tell"):
        reader.read(bare, mxnet.params({}))
    nodes = [("null", "label", [], {}), ("relu", "r", ["label"], {})]
    with pytest.raises(FormatError, match="no data variable"):
        reader.read(mxnet.symbol(nodes).encode(), mxnet.params({}))
