"""Blob names, order, sizes, and what a fork adds."""

import warnings

import numpy as np
import pytest

from zqcnn_xp.errors import UnknownKeyWarning
from zqcnn_xp.formats.caffe.lower import RULES


def test_layers_in_place(cf):
    graph = cf.read(
        cf.layer("AbsVal", "", "x", "y", "a"),
        cf.layer("Power", "power_param { scale: 2 }", "y", "y", "b"),
        cf.layer("TanH", "", "y", "z", "c"),
        cf.layer("Power", "power_param { shift: 1 }", "y", "y", "d"),
    )
    assert [node.outputs for node in graph.nodes] == [("y@a",), ("y@b",), ("z",), ("y",)]
    assert graph.outputs == ("z", "y") or graph.outputs == ("y", "z")
    x = cf.noise(*cf.SHAPE)
    np.testing.assert_allclose(cf.run(graph, x, "y"), 2 * np.abs(x) + 1, rtol=1e-6)
    np.testing.assert_allclose(cf.run(graph, x, "z"), np.tanh(2 * np.abs(x)), rtol=1e-5)
    assert set(graph.blobs) >= {"x", "y", "z", "y@a", "y@b", "y@d", "z@c"}


def test_in_place_on_the_input(cf):
    graph = cf.read(cf.layer("AbsVal", "", "x", "x"))
    assert graph.outputs == ("x@the_layer",)
    assert cf.run(graph, -np.ones(cf.SHAPE), "x").min() == 1


def test_splits_are_other_names(cf):
    graph = cf.read(
        cf.layer("AbsVal", "", "x", "y", "a"),
        cf.layer("Split", "", "y", "y0 y1", "s"),
        cf.layer("Power", "power_param { scale: 2 }", "y0", "y0", "b"),
        cf.layer("Eltwise", "", "y0 y1", "z", "e"),
    )
    assert [node.name for node in graph.nodes] == ["a", "b", "e"]
    x = cf.noise(*cf.SHAPE)
    np.testing.assert_allclose(cf.run(graph, x, "z"), 3 * np.abs(x), rtol=1e-6)
    np.testing.assert_allclose(cf.run(graph, x, "y1"), np.abs(x), rtol=1e-6)


def test_order_and_names(cf):
    a = cf.layer("AbsVal", "", "b", "a", "one")
    b = cf.layer("AbsVal", "", "a", "b", "two")
    cf.fails("line 3: found bottom 'b' of AbsVal layer 'one' .'two' writes it, which is too", a, b)
    cf.fails("did you mean 'x'", cf.layer("AbsVal", bottom="xx"))
    cf.fails("a second AbsVal layer 'one' .one at line 3", a.replace('"b"', '"x"'), a)
    twice = cf.layer("AbsVal", "", "x", "y", "one"), cf.layer("AbsVal", "", "x", "y", "two")
    cf.fails("a second layer .'two'. that writes 'y'", *twice)
    cf.fails("tops .* different names", cf.layer("Slice", "", "x", "p p"))


def test_unknown_types(cf):
    cf.fails("type 'Convolutio' .* did you mean 'Convolution'", cf.layer("Convolutio"))
    for kind in ("Python", "ROIPooling", "LSTM", "Recurrent", "ArgMax", "SPP", "Embed"):
        cf.fails(f"type '{kind}'", cf.layer(kind))


@pytest.mark.parametrize("kind", sorted(RULES))
def test_counts_of_blobs(cf, kind):
    rule = RULES[kind]
    cf.fails("bottoms", cf.layer(kind, bottom=""))
    if rule.most is not None:
        cf.fails("bottoms", cf.layer(kind, bottom=" ".join("x" * (rule.most + 1))))
    cf.fails("tops", cf.layer(kind, bottom=" ".join("x" * rule.fewest), top=""))


def test_sizes_are_free_where_weights_fit_any(cf):
    relu = cf.read(cf.layer("ReLU"))
    assert relu.inputs[0].shape == (None, 4, None, None)
    dense = cf.layer("InnerProduct", "inner_product_param { num_output: 2 }")
    assert cf.read(dense, weights="random").inputs[0].shape == (None, 4, 6, 8)
    pooled = cf.layer("Pooling", "pooling_param { global_pooling: true }", "x", "p", "p")
    after = dense.replace('bottom: "x"', 'bottom: "p"')
    assert cf.read(pooled, after, weights="random").inputs[0].shape == (None, 4, None, None)
    sized = cf.layer("Reshape", "reshape_param { shape { dim: 0 dim: 4 dim: 48 } }")
    assert cf.read(sized).inputs[0].shape == (None, 4, 6, 8)


def test_another_input_size(cf):
    graph = cf.read(cf.layer("ReLU"), input_size=(20, 30))
    assert graph.inputs[0].nominal == (1, 4, 20, 30)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("relu_param { slope: 1 }", "slope"),
        ("quantum_param { x: 1 }", "quantum_param"),
        ("pooling_param { kernel: 3 }", "kernel"),
    ],
)
def test_fields_of_forks_are_named(cf, text, key):
    with pytest.warns(UnknownKeyWarning, match=f"line 3: ReLU layer 'the_layer' .*'{key}'"):
        cf.read(cf.layer("ReLU", text))


def test_fields_of_training_are_known(cf):
    text = """param { lr_mult: 1 decay_mult: 0 } convolution_param { num_output: 2 kernel_size: 1
        weight_filler { type: "xavier" odd: 5 } engine: CAFFE } loss_weight: 1 propagate_down: 1"""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cf.read(cf.layer("Convolution", text), weights="random")


def test_nodes_say_where_they_come_from(cf):
    (node,) = cf.read(cf.layer("ReLU")).nodes
    assert node.where == "<bytes>:3"
