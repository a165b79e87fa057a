"""Layers of both format versions."""

import numpy as np
import pytest

from zqcnn_xp.formats.caffe.layer import _upper
from zqcnn_xp.formats.caffe.schema import V1_TYPES

WRITTEN = {
    "RELU", "TANH", "LRN", "MVN", "BNLL", "ABSVAL", "ARGMAX", "IM2COL", "INNER_PRODUCT",
    "HDF5_DATA", "HDF5_OUTPUT", "IMAGE_DATA", "SIGMOID_CROSS_ENTROPY_LOSS", "SOFTMAX_WITH_LOSS",
    "CONVOLUTION", "DECONVOLUTION", "POOLING", "SPLIT", "SLICE", "CONCAT", "ELTWISE", "POWER",
}  # fmt: skip


def test_names_of_the_first_version():
    names = {_upper(kind) for kind in V1_TYPES.values()}
    assert names >= WRITTEN
    assert len(names) == 39


def old(cf, kind, parameters="", bottom="x", top="y"):
    return f"layers {{ name: 'a' type: {kind} bottom: '{bottom}' top: '{top}' {parameters} }}"


def test_the_first_version_gives_the_same_network(cf):
    x, weight, bias = cf.noise(1, 4, 6, 8), cf.noise(5, 4, 3, 3), cf.noise(5)
    param = "convolution_param { num_output: 5 kernel_size: 3 }"
    new = cf.read(cf.layer("Convolution", param, name="a"), weights=cf.weights(a=[weight, bias]))
    for held in (cf.weights("legacy", 1, a=[weight, bias]), cf.weights(a=[weight, bias])):
        graph = cf.read(old(cf, "CONVOLUTION", param), weights=held)
        np.testing.assert_array_equal(cf.run(graph, x), cf.run(new, x))


@pytest.mark.parametrize("kind", ["SOFTMAX_LOSS", "21", "EUCLIDEAN_LOSS"])
def test_losses_of_the_first_version_are_dropped(cf, kind):
    graph = cf.read(old(cf, "RELU"), old(cf, kind, bottom="y", top="loss"))
    assert graph.outputs == ("y",)


def test_what_is_refused(cf):
    cf.fails("one of", old(cf, "CONVOLVE"))
    cf.fails("without a type", "layers { name: 'a' }")
    cf.fails("without a type", "layer { name: 'a' }")
    cf.fails("text in quotes", "layer { name: 'a' type: ReLU }")
    cf.fails("a name of 300 characters", f"layer {{ name: '{'a' * 300}' type: 'ReLU' }}")


def test_a_layer_without_a_name_is_called_by_its_top(cf):
    (node,) = cf.read(cf.layer("ReLU", name="")).nodes
    assert node.name == "y"
