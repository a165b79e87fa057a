"""Convolutions and pooling, against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import FormatError


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def window(axes=2, strides=1, dilations=1, begin=0, end=0, auto="explicit", **more):
    def text(size):
        return ",".join(map(str, size if isinstance(size, tuple) else (size,) * axes))

    return {
        "strides": text(strides), "dilations": text(dilations), "pads_begin": text(begin),
        "pads_end": text(end), "auto_pad": auto, **more,
    }  # fmt: skip


def pool_window(kernel, **options):
    data = window(**options)
    return {**data, "kernel": ",".join(map(str, kernel))}


def one(net, kind, x, weight, data, version="opset1", more=()):
    made = net()
    extra = [made.const(array) for array in more]
    inputs = [made.parameter(x.shape)] + ([] if weight is None else [made.const(weight)]) + extra
    outputs = 2 if kind == "MaxPool" and version == "opset8" else 1
    made.result(made.layer(kind, inputs, data, version, outputs))
    return made


WINDOWS = [
    window(),
    window(strides=2, begin=1, end=1),
    window(begin=(1, 0), end=(0, 2), dilations=(2, 1)),
    window(strides=(2, 3), auto="same_upper", begin=9, end=9),
    window(strides=2, auto="same_lower"),
    window(begin=1, end=1, auto="valid"),
]


@pytest.mark.parametrize("data", WINDOWS, ids=lambda d: d["auto_pad"])
@pytest.mark.parametrize("grouped", [False, True])
def test_convolution(net, data, grouped):
    x = values((2, 4, 9, 8))
    weight = values((2, 3, 2, 3, 3) if grouped else (6, 4, 3, 3), 1)
    kind = "GroupConvolution" if grouped else "Convolution"
    one(net, kind, x, weight, data).compare(x=x)


def test_convolution_of_a_sequence(net):
    x, weight = values((2, 4, 9)), values((6, 4, 3), 1)
    one(net, "Convolution", x, weight, window(1, strides=2, begin=1)).compare(x=x)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        window(),
        window(strides=2, begin=1, end=(1, 0), output_padding="1,1"),
        window(strides=(2, 3), dilations=(2, 1)),
        window(strides=2, begin=1, end=1, auto="valid"),
    ],
)
def test_transposed_convolution(net, data, grouped):
    x = values((2, 4, 5, 6))
    weight = values((2, 2, 3, 4, 4) if grouped else (4, 6, 4, 4), 1)
    kind = "GroupConvolutionBackpropData" if grouped else "ConvolutionBackpropData"
    one(net, kind, x, weight, data).compare(x=x)


@pytest.mark.parametrize("auto", ["same_upper", "same_lower"])
@pytest.mark.parametrize("size", [(9, 12), (10, 13), (11, 14)])
def test_transposed_convolution_to_a_size(net, auto, size):
    x, weight = values((2, 4, 5, 6)), values((4, 6, 3, 3), 1)
    made = net()
    inputs = [made.parameter(x.shape), made.const(weight), made.const(np.int64(size))]
    made.result(made.layer("ConvolutionBackpropData", inputs, window(strides=2, auto=auto)))
    made.compare(x=x)


@pytest.mark.parametrize("rounding", ["floor", "ceil"])
@pytest.mark.parametrize("data", [d for d in WINDOWS if d["dilations"] == "1,1"], ids=str)
def test_pools(net, data, rounding):
    x = values((2, 3, 9, 8))
    plain = {k: v for k, v in data.items() if k != "dilations"}
    data = {**plain, "kernel": "3,2", "rounding_type": rounding}
    one(net, "MaxPool", x, None, data).compare(x=x)
    if data["auto_pad"] != "valid":  # a border of nothing is not counted, so divides by 0
        one(net, "AvgPool", x, None, {**data, "exclude-pad": "true"}).compare(x=x)
        if rounding == "floor":
            one(net, "AvgPool", x, None, {**data, "exclude-pad": "false"}).compare(x=x)


def test_pool_with_places_and_dilation(net):
    x = values((2, 3, 9, 8))
    data = pool_window((2, 2), dilations=2, rounding_type="floor", index_element_type="i64", axis=0)
    one(net, "MaxPool", x, None, data, "opset8").compare(x=x)


def test_places_of_maxima_are_refused_where_they_are_used(net):
    x = values((2, 3, 9, 8))
    made = net()
    pool = made.layer("MaxPool", [made.parameter(x.shape)], pool_window((2, 2)), "opset8", 2)
    made.result((pool, 1))
    with pytest.raises(FormatError, match="output"):
        made.graph()


def test_ceil_as_torch(net):
    x = values((2, 3, 7, 8))
    data = pool_window((2, 2), strides=3, begin=1, end=1, rounding_type="ceil_torch")
    (ours,) = one(net, "MaxPool", x, None, data, "opset14").ours(x=x)
    assert ours.shape == (2, 3, 3, 3)


@pytest.mark.parametrize(
    ("kind", "weight", "data", "detail"),
    [
        ("Convolution", (6, 3, 3, 3), window(), "input channels|weight"),
        ("Convolution", (6, 4, 3), window(), "axes"),
        ("Convolution", (6, 4, 3, 3), window(strides=0), "'strides'"),
        ("Convolution", (6, 4, 3, 3), window(begin=-1), "pads"),
        ("Convolution", (6, 4, 3, 3), window(auto="same"), "'auto_pad'"),
        ("Convolution", (6, 4, 3, 3), {**window(), "strides": "1,x"}, "'strides'"),
        ("Convolution", (6, 4, 3, 3), {**window(), "strides": "1"}, "'strides'"),
        ("Convolution", (6, 4, 3, 3), {**window(), "mode": "odd"}, "'mode'"),
        ("GroupConvolution", (6, 4, 3, 3), window(), "axes"),
        ("ConvolutionBackpropData", (4, 6, 3, 3), window(auto="same_upper"), "output shape"),
        ("MaxPool", None, window(), "'kernel'"),
        ("AvgPool", None, pool_window((2, 2), rounding_type="up"), "'rounding_type'"),
    ],
)
def test_refusals_name_the_layer(net, kind, weight, data, detail):
    x = values((2, 4, 9, 8))
    made = one(net, kind, x, None if weight is None else values(weight), data)
    with pytest.raises(FormatError, match=rf"line \d+, layer .*\({kind}\).*({detail})"):
        made.graph()
