"""Convolution, pooling, products: against plain loops."""

import itertools
import math

import numpy as np
import pytest


def extent(k, d):
    return (k - 1) * d + 1


def convolve(x, w, b, stride, pad, dilation, groups):
    """Cross-correlation, one output cell at a time."""
    (n, _, h, width), (o, cg, kh, kw) = x.shape, w.shape
    x = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2])
    ho = (h + 2 * pad[0] - extent(kh, dilation[0])) // stride[0] + 1
    wo = (width + 2 * pad[1] - extent(kw, dilation[1])) // stride[1] + 1
    y = np.zeros((n, o, ho, wo))
    for q, i, j in itertools.product(range(o), range(ho), range(wo)):
        first = q // (o // groups) * cg
        rows = slice(i * stride[0], i * stride[0] + extent(kh, dilation[0]), dilation[0])
        columns = slice(j * stride[1], j * stride[1] + extent(kw, dilation[1]), dilation[1])
        y[:, q, i, j] = (x[:, first : first + cg, rows, columns] * w[q]).sum((1, 2, 3)) + b[q]
    return y


def spread(x, w, b, stride, pad, dilation, groups):
    """The adjoint: every input cell adds its multiple of the kernel."""
    (n, c, h, width), (_, og, kh, kw) = x.shape, w.shape
    full = [(h - 1) * stride[0] + extent(kh, dilation[0]),
            (width - 1) * stride[1] + extent(kw, dilation[1])]  # fmt: skip
    y = np.zeros((n, og * groups, *full))
    for p, i, j in itertools.product(range(c), range(h), range(width)):
        first = p // (c // groups) * og
        rows = slice(i * stride[0], i * stride[0] + extent(kh, dilation[0]), dilation[0])
        columns = slice(j * stride[1], j * stride[1] + extent(kw, dilation[1]), dilation[1])
        y[:, first : first + og, rows, columns] += x[:, p, i, j][:, None, None, None] * w[p]
    y = y[:, :, pad[0] : full[0] - pad[0], pad[1] : full[1] - pad[1]]
    return y + b[:, None, None]


def pool(x, kind, kernel, stride, pad):
    """Caffe's windows: counted up, the last one starts inside the padded map."""
    n, c, h, w = x.shape
    sizes = []
    for cells, k, s, p in zip((h, w), kernel, stride, pad, strict=True):
        count = math.ceil((cells + 2 * p - k) / s) + 1
        if p and (count - 1) * s >= cells + p:
            count -= 1
        sizes.append(count)
    y = np.zeros((n, c, *sizes))
    for i, j in itertools.product(*map(range, sizes)):
        low = [i * stride[0] - pad[0], j * stride[1] - pad[1]]
        high = [min(low[0] + kernel[0], h + pad[0]), min(low[1] + kernel[1], w + pad[1])]
        cells = (high[0] - low[0]) * (high[1] - low[1])
        part = x[:, :, max(low[0], 0) : min(high[0], h), max(low[1], 0) : min(high[1], w)]
        y[:, :, i, j] = part.max((2, 3)) if kind == "MAX" else part.sum((2, 3)) / cells
    return y


WINDOWS = [
    ("kernel_size: 3", (3, 3), (1, 1), (0, 0), (1, 1)),
    ("kernel_size: 3 stride: 2 pad: 1", (3, 3), (2, 2), (1, 1), (1, 1)),
    ("kernel_h: 1 kernel_w: 3 pad_h: 0 pad_w: 1", (1, 3), (1, 1), (0, 1), (1, 1)),
    ("kernel_size: 2 kernel_size: 3 stride: [2, 1]", (2, 3), (2, 1), (0, 0), (1, 1)),
    ("kernel_size: 2 dilation: 2 dilation: 3", (2, 2), (1, 1), (0, 0), (2, 3)),
    ("kernel_size: 2 stride_h: 1 stride_w: 3", (2, 2), (1, 3), (0, 0), (1, 1)),
]


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("text", "kernel", "stride", "pad", "dilation"), WINDOWS)
@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
def test_convolutions(cf, kind, text, kernel, stride, pad, dilation, groups):
    x, bias, outputs = cf.noise(1, 4, 6, 8), cf.noise(8), 8
    first, second = (outputs, 4 // groups) if kind == "Convolution" else (4, outputs // groups)
    weight = cf.noise(first, second, *kernel, seed=2)
    param = f"convolution_param {{ num_output: 8 group: {groups} {text} }}"
    found = cf.one(kind, param, x, [weight, bias])
    plain = convolve if kind == "Convolution" else spread
    want = plain(x, weight, bias, stride, pad, dilation, groups)
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4)


def test_no_bias_and_shared_weights(cf):
    weight = cf.noise(2, 4, 1, 1)
    param = "convolution_param { num_output: 2 kernel_size: 1 bias_term: false }"
    layer = cf.layer("Convolution", param, "x z", "p q")
    graph = cf.read(layer, weights=cf.weights(the_layer=[weight]), inputs={"z": (1, 4, 3, 3)})
    x, z = cf.noise(*cf.SHAPE), cf.noise(1, 4, 3, 3)
    for name, value in (("p", x), ("q", z)):
        want = convolve(value, weight, np.zeros(2), (1, 1), (0, 0), (1, 1), 1)
        np.testing.assert_allclose(cf.run(graph, {"x": x, "z": z}, name), want, atol=1e-5)


@pytest.mark.parametrize("kind", ["DepthwiseConvolution", "ConvolutionDepthwise"])
@pytest.mark.parametrize("group", ["", "group: 4"])
def test_depthwise(cf, kind, group):
    x, weight, bias = cf.noise(1, 4, 6, 8), cf.noise(4, 1, 3, 3), cf.noise(4)
    param = f"convolution_param {{ num_output: 4 kernel_size: 3 pad: 1 {group} }}"
    want = convolve(x, weight, bias, (1, 1), (1, 1), (1, 1), 4)
    np.testing.assert_allclose(cf.one(kind, param, x, [weight, bias]), want, atol=1e-5)


POOLS = [
    ("kernel_size: 2 stride: 2", (2, 2), (2, 2), (0, 0)),
    ("kernel_size: 3 stride: 2", (3, 3), (2, 2), (0, 0)),
    ("kernel_size: 3 stride: 2 pad: 1", (3, 3), (2, 2), (1, 1)),
    ("kernel_size: 3 stride: 3 pad: 2", (3, 3), (3, 3), (2, 2)),
    ("kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 0", (2, 3), (1, 2), (1, 0)),
    ("kernel_size: 3", (3, 3), (1, 1), (0, 0)),
]


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (5, 4)])
@pytest.mark.parametrize("kind", ["MAX", "AVE"])
@pytest.mark.parametrize(("text", "kernel", "stride", "pad"), POOLS)
def test_pooling(cf, text, kernel, stride, pad, kind, size):
    x = cf.noise(2, 3, *size) - 2
    found = cf.one("Pooling", f"pooling_param {{ pool: {kind} {text} }}", x)
    np.testing.assert_allclose(found, pool(x, kind, kernel, stride, pad), rtol=1e-5, atol=1e-6)


def test_other_rules_of_pooling(cf):
    x = cf.noise(1, 2, 7, 7)
    for rule in ("round_mode: FLOOR", "ceil_mode: false", "round_mode: 1"):
        found = cf.one("Pooling", f"pooling_param {{ kernel_size: 2 stride: 2 {rule} }}", x)
        assert found.shape == (1, 2, 3, 3)
    found = cf.one("Pooling", "pooling_param { pool: AVE global_pooling: true }", x)
    np.testing.assert_allclose(found, x.mean((2, 3), keepdims=True), rtol=1e-5, atol=1e-6)
    # A window that would start behind the map is none, even where nothing pads.
    assert cf.one("Pooling", "pooling_param { kernel_size: 1 stride: 2 }").shape == (1, 4, 3, 4)


@pytest.mark.parametrize(
    ("text", "shape", "axis"),
    [("", (2, 4, 3, 2), 1), ("axis: 1", (2, 5), 1), ("axis: 2", (2, 3, 5), 2),
     ("axis: 2", (2, 4, 3, 2), 2), ("axis: -1", (2, 4, 3, 2), 3), ("axis: -2", (2, 3, 5), 1)],
)  # fmt: skip
@pytest.mark.parametrize("transpose", [False, True])
def test_inner_product(cf, text, shape, axis, transpose):
    x, bias = cf.noise(*shape), cf.noise(7)
    weight = cf.noise(7, math.prod(shape[axis:]), seed=3)
    param = f"num_output: 7 {text} transpose: {str(transpose).lower()}"
    held = [np.ascontiguousarray(weight.T) if transpose else weight, bias]
    found = cf.one("InnerProduct", f"inner_product_param {{ {param} }}", x, held)
    want = x.reshape(*shape[:axis], -1) @ weight.T + bias
    assert found.shape == want.shape
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


CONV = "convolution_param { num_output: 4 kernel_size: 3 %s }"
POOL = "pooling_param { kernel_size: 3 %s }"


@pytest.mark.parametrize(
    ("kind", "parameters", "match"),
    [
        ("Convolution", "convolution_param { num_output: 4 }", "no kernel_size"),
        ("Convolution", "convolution_param { kernel_size: 3 }", "no num_output"),
        ("Convolution", CONV % "kernel_h: 3", "beside kernel_h"),
        ("Convolution", "convolution_param { num_output: 4 kernel_h: 3 }", "alone"),
        ("Convolution", CONV % "kernel_size: 3 kernel_size: 3", "3 values of kernel_size"),
        ("Convolution", CONV % "stride: 0", "stride: 0"),
        ("Convolution", CONV % "pad: -1", "pad: -1"),
        ("Convolution", CONV % "dilation: 0", "dilation: 0"),
        ("Convolution", CONV % "group: 3", "3 groups"),
        ("Convolution", CONV % "group: 0", "group: 0"),
        ("Convolution", CONV % "axis: 2", "the channels"),
        ("Convolution", CONV % "axis: 9", "axis 9"),
        ("Convolution", CONV.replace("3", "2147483647") % "", "byte|Conv2D|shape"),
        ("Convolution", CONV.replace("3", "9223372036854775807") % "", "whole number from"),
        ("Pooling", POOL % "pool: STOCHASTIC", "STOCHASTIC"),
        ("Pooling", POOL % "global_pooling: true", "it alone"),
        ("Pooling", POOL % "pad: 3", "a pad within"),
        ("Pooling", "", "no kernel_size"),
        ("Pooling", "pooling_param { kernel_size: 20 }", "Pool2D"),
        ("InnerProduct", "inner_product_param { num_output: 3 axis: 0 }", "behind the batch"),
        ("InnerProduct", "inner_product_param { num_output: 0 }", "num_output: 0"),
        ("InnerProduct", "inner_product_param { num_output: 3 axis: 4 }", "axis 4"),
    ],
)
def test_what_is_refused(cf, kind, parameters, match):
    held = cf.weights(the_layer=[np.zeros((4, 4, 3, 3)), np.zeros(4)])
    cf.fails(match, cf.layer(kind, parameters), weights=held)


def test_other_ranks_are_refused(cf):
    cf.fails("4 axes", cf.layer("Convolution", CONV % ""), shape=(1, 4, 6))
    cf.fails("Pool2D", cf.layer("Pooling", POOL % ""), shape=(1, 4))
