"""Weights by layer name."""

import warnings

import numpy as np
import pytest

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats import Limits

PARAM = "inner_product_param { num_output: 3 }"


@pytest.fixture
def parts(cf):
    return cf.layer("InnerProduct", PARAM, name="fc"), cf.noise(3, 192), cf.noise(3, seed=1)


@pytest.mark.parametrize("form", ["shape", "legacy", "single", "double"])
def test_every_form_gives_the_same(cf, parts, form):
    layer, weight, bias = parts
    graph = cf.read(layer, weights=cf.weights(form, fc=[weight, bias]))
    x = cf.noise(*cf.SHAPE)
    np.testing.assert_allclose(cf.run(graph, x)[0], weight @ x.ravel() + bias, rtol=1e-4, atol=1e-5)


def test_text_weights(cf, parts):
    layer, weight, bias = parts
    blobs = ""
    for array in (weight, bias):
        dims = " ".join(f"dim: {n}" for n in array.shape)
        data = " ".join(f"data: {v}" for v in array.ravel().tolist())
        blobs += f"blobs {{ {data} shape {{ {dims} }} }} "
    whole = cf.reader.read(cf.net(layer[:-1] + blobs + "}"))
    apart = cf.read(layer, weights=cf.weights(fc=[weight, bias]))
    for name in ("weight", "bias"):
        (one,) = (n.weights[name] for n in whole.nodes if name in n.weights)
        (two,) = (n.weights[name] for n in apart.nodes if name in n.weights)
        np.testing.assert_array_equal(one, two)


def test_weights_that_do_not_fit(cf, parts):
    layer, weight, bias = parts
    held = cf.weights(fc=[weight, bias])
    where = r"<bytes> line 3"
    cf.fails(rf"byte \d+: found shape \(3, 191\) for the weight of .*{where}", layer,
             weights=cf.weights(fc=[weight[:, 1:], bias]))  # fmt: skip
    cf.fails("1 blobs of InnerProduct layer 'fc'.* expected 2", layer,
             weights=cf.weights(fc=[weight]))  # fmt: skip
    cf.fails("of which <bytes> has no weights", layer, weights=cf.weights(other=[weight]))
    cf.fails("a second", layer, weights=held + held[3:])
    short = cf.field(100, cf.field(1, "fc") + cf.field(7, cf.blob(weight)[:-8] + cf.blob(bias)))
    cf.fails("byte", layer, weights=b"\n\x01n" + short)


def test_fewer_numbers_than_the_shape_says(cf, parts):
    layer, weight, bias = parts
    shape = cf.field(7, cf.field(1, b"\x03") + cf.field(1, 192))
    bad = cf.field(5, weight.tobytes()[:-4]) + shape
    held = cf.field(100, cf.field(1, "fc") + cf.field(7, bad) + cf.field(7, cf.blob(bias)))
    cf.fails("575 numbers in the weight .* expected 576", layer, weights=b"\n\x01n" + held)
    raw = cf.field(12, weight.tobytes()) + shape
    held = cf.field(100, cf.field(1, "fc") + cf.field(7, raw) + cf.field(7, cf.blob(bias)))
    cf.fails("raw_data", layer, weights=b"\n\x01n" + held)


@pytest.mark.parametrize("size", [0, -1, 1 << 31, (1 << 63) - 1])
def test_absurd_sizes_of_blobs(cf, parts, size):
    layer, weight, bias = parts
    bad = cf.field(5, weight.tobytes()) + cf.field(7, cf.field(1, size) + cf.field(1, size))
    held = cf.field(100, cf.field(1, "fc") + cf.field(7, bad) + cf.field(7, cf.blob(bias)))
    cf.fails("byte", layer, weights=b"\n\x01n" + held)


def test_a_rest_is_named(cf, parts):
    layer, weight, bias = parts
    with pytest.warns(TrailingWeightsWarning, match=r"2 layers are not used \('a', 'b'\)"):
        cf.read(layer, weights=cf.weights(fc=[weight, bias], a=[bias], b=[bias], c=[]))


def test_layers_left_out_on_purpose_are_no_rest(cf, parts):
    layer, weight, bias = parts
    more = cf.layer("InnerProduct", PARAM + "include { phase: TRAIN }", "y", "z", "train")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cf.read(layer, more, weights=cf.weights(fc=[weight, bias], train=[bias]))


def test_limits(cf, parts):
    layer, weight, bias = parts
    held = cf.weights(fc=[weight, bias])
    cf.fails("too large", layer, weights=held, limits=Limits(max_tensors=1))
    cf.fails("too large", layer, weights=held, limits=Limits(max_elements=575))


def test_random_weights_are_seeded(cf, parts):
    layer = parts[0]
    one, two, three = (
        cf.read(layer, weights=w).nodes[-1].weights["weight"]
        for w in ("random", "random:0", "random:5")
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)
    assert 0.05 < one.std() < 0.2
