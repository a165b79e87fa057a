"""The network that all sides get: folded, seeded, and the same after a detour by files."""

import numpy as np

from zqcnn_xp.bench.network import Network, load_arrays, sample, save_arrays
from zqcnn_xp.compare import compare_nodes
from zqcnn_xp.formats import read_graph


def test_input_is_seeded_and_in_range(graph):
    shapes = {"data": (2, 3, 24, 20)}
    x = sample(graph, shapes, low=0, high=255, seed=3).inputs["data"]
    assert x.dtype == np.float32
    assert x.shape == (2, 3, 24, 20)
    assert 0 <= x.min() < 20
    assert 235 < x.max() <= 255
    np.testing.assert_array_equal(x, sample(graph, shapes, low=0, high=255, seed=3).inputs["data"])
    assert (x != sample(graph, shapes, low=0, high=255, seed=4).inputs["data"]).mean() > 0.9


def test_the_graph_is_folded_for_all(graph):
    kinds = [type(node.op).__name__ for node in sample(graph, {"data": (1, 3, 24, 20)}).graph.nodes]
    assert "PReLU" not in kinds
    assert "PReLU" in [type(node.op).__name__ for node in graph.nodes]


def test_files_keep_it_to_the_bit(make, tmp_path):
    network = make(2)
    network.save(tmp_path)
    found = Network.load(tmp_path)
    np.testing.assert_array_equal(found.inputs["data"], network.inputs["data"])
    assert found.graph.outputs == network.graph.outputs
    rows = compare_nodes(
        network.graph,
        found.graph,
        network.graph.shapes(network.shapes),
        found.graph.shapes(found.shapes),
    )
    assert rows
    assert all(row.same_structure and row.same_weights for row in rows)


def test_names_that_no_file_may_have_are_kept(tmp_path):
    arrays = {"a/b": np.float32([1]), "../c": np.float32([2]), "file": np.float32([3])}
    save_arrays(tmp_path / "x.npz", arrays)
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]
    found = load_arrays(tmp_path / "x.npz", list(arrays))
    assert {name: float(value[0]) for name, value in found.items()} == {
        "a/b": 1,
        "../c": 2,
        "file": 3,
    }


def test_other_formats_hold_the_sizes(make):
    network = make(5)
    again = read_graph(network.onnx)
    assert again.inputs[0].shape == (5, 3, 24, 20)
    param, weights = network.ncnn
    assert b"0=20 1=24 2=3" in param  # of one sample
    assert len(weights) > 1000
