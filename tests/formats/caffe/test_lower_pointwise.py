"""Normalisation, scales and activations."""

import numpy as np
import pytest


def expect(found, want, tolerance=1e-5):
    assert found.shape == want.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, want, rtol=tolerance, atol=tolerance)


def channels(v, rank=4):
    return np.reshape(v, (-1,) + (1,) * (rank - 2))


@pytest.mark.parametrize("factor", [1.0, 999.98, 0.0])
@pytest.mark.parametrize("shape", [(2, 4, 3, 5), (2, 4)])
def test_batch_norm_and_its_scale_factor(cf, factor, shape):
    x, mean, variance = cf.noise(*shape), cf.noise(4), np.abs(cf.noise(4, seed=1))
    held = [mean * factor, variance * factor, np.asarray([factor])]
    found = cf.one("BatchNorm", "batch_norm_param { eps: 0.001 }", x, held)
    m, v = (mean, variance) if factor else (0 * mean, 0 * variance)
    rank = len(shape)
    expect(found, (x - channels(m, rank)) / np.sqrt(channels(v, rank) + 0.001), 1e-4)


def test_batch_norm_has_an_epsilon_of_its_own(cf):
    held = cf.weights(the_layer=[np.zeros(4), np.ones(4), np.ones(1)])
    graph = cf.read(cf.layer("BatchNorm"), weights=held)
    assert graph.nodes[0].op.eps == 1e-5
    cf.fails("statistics of each batch",
             cf.layer("BatchNorm", "batch_norm_param { use_global_stats: false }"))  # fmt: skip
    cf.fails("eps: -1", cf.layer("BatchNorm", "batch_norm_param { eps: -1 }"), weights=held)
    cf.fails("2 blobs", cf.layer("BatchNorm"), weights=cf.weights(the_layer=[[1.0], [1.0]]))


@pytest.mark.parametrize("bias", [False, True])
def test_scale_by_channels(cf, bias):
    x, s, b = cf.noise(2, 4, 3, 5), cf.noise(4), cf.noise(4, seed=1)
    param = f"scale_param {{ bias_term: {str(bias).lower()} }}"
    found = cf.one("Scale", param, x, [s, b] if bias else [s])
    expect(found, x * channels(s) + (channels(b) if bias else 0))


def test_scale_by_one_number_and_by_rows_of_channels(cf):
    x = cf.noise(2, 4, 3, 5)
    expect(cf.one("Scale", "scale_param { num_axes: 0 }", x, [np.asarray(3.0)]), x * 3)
    expect(cf.one("Bias", "bias_param { num_axes: 0 }", x, [np.asarray(3.0)]), x + 3)
    s = cf.noise(4, 1, 1)
    one = cf.noise(2, 4, 1, 1)
    expect(cf.one("Scale", "scale_param { num_axes: -1 }", one, [s]), one * s)
    held = cf.weights(the_layer=[cf.noise(3)])
    cf.fails("one for each of the 4 channels", cf.layer("Scale", "scale_param { axis: 2 }"),
             weights=held)  # fmt: skip


@pytest.mark.parametrize(
    ("axis", "shape"),
    [(0, (2, 4)), (0, (2,)), (0, (2, 4, 3, 5)), (2, (3,)), (-1, (5,)), (1, (4, 3))],
)
def test_scale_and_bias_by_another_blob(cf, axis, shape):
    x, s = cf.noise(2, 4, 3, 5), cf.noise(*shape, seed=1)
    first = axis % 4
    want = s.reshape((1,) * first + shape + (1,) * (4 - first - len(shape)))
    expect(cf.one("Scale", f"scale_param {{ axis: {axis} }}", x, inputs={"s": s}), x * want)
    expect(cf.one("Bias", f"bias_param {{ axis: {axis} }}", x, inputs={"s": s}), x + want)


def test_scale_by_another_blob_and_an_own_bias(cf):
    x, s, b = cf.noise(2, 4, 3, 5), cf.noise(4), cf.noise(4, seed=1)
    text = cf.layer("Scale", "scale_param { axis: 1 bias_term: true }", "x s")
    graph = cf.read(text, weights=cf.weights(the_layer=[b]), shape=x.shape, inputs={"s": (4,)})
    expect(cf.run(graph, {"x": x, "s": s}), x * channels(s) + channels(b))
    cf.fails("second input of shape", cf.layer("Scale", "", "x s"), inputs={"s": (3,)})


@pytest.mark.parametrize(("shared", "shape"), [(False, (4,)), (True, (1,)), (True, ())])
def test_prelu(cf, shared, shape):
    x, slope = cf.noise(2, 4, 3, 5), np.abs(cf.noise(*shape)) if shape else np.asarray(0.5)
    param = f"prelu_param {{ channel_shared: {str(shared).lower()} }}"
    found = cf.one("PReLU", param, x, [slope])
    wide = channels(np.broadcast_to(slope, (4,)))
    expect(found, np.where(x > 0, x, x * wide))


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


@pytest.mark.parametrize(
    ("kind", "parameters", "function"),
    [
        ("ReLU", "", lambda x: np.maximum(x, 0)),
        ("ReLU", "relu_param { negative_slope: 0.25 }", lambda x: np.where(x > 0, x, x / 4)),
        ("ReLU6", "", lambda x: np.clip(x, 0, 6)),
        ("Clip", "clip_param { min: -1 max: 0.5 }", lambda x: np.clip(x, -1, 0.5)),
        ("Sigmoid", "", sigmoid),
        ("TanH", "", np.tanh),
        ("BNLL", "", lambda x: np.log1p(np.exp(x))),
        ("ELU", "", lambda x: np.where(x > 0, x, np.expm1(x))),
        ("ELU", "elu_param { alpha: 0.5 }", lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
        ("Swish", "", lambda x: x * sigmoid(x)),
        ("Swish", "swish_param { beta: 2 }", lambda x: x * sigmoid(2 * x)),
        ("Dropout", "dropout_param { dropout_ratio: 0.75 }", lambda x: x),
        ("Dropout", "dropout_param { dropout_ratio: 0.75 scale_train: false }", lambda x: x / 4),
    ],
)
def test_activations(cf, kind, parameters, function):
    x = 4 * cf.noise(1, 4, 6, 8)
    expect(cf.one(kind, parameters, x), function(x))
    graph = cf.read(cf.layer(kind, parameters, "x", "x"), shape=x.shape)
    expect(cf.run(graph, x, "x"), function(x))


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_softmax(cf, axis):
    x = cf.noise(2, 4, 3)
    e = np.exp(x)
    found = cf.one("Softmax", f"softmax_param {{ axis: {axis} }}", x)
    expect(found, e / e.sum(axis, keepdims=True))


def test_lrn_across_channels(cf):
    x = cf.noise(1, 6, 3, 4)
    square = np.pad(x.astype(np.float64) ** 2, [(0, 0), (2, 2), (0, 0), (0, 0)])
    total = sum(square[:, k : k + 6] for k in range(5))
    param = "lrn_param { local_size: 5 alpha: 0.5 beta: 0.6 k: 2 }"
    expect(cf.one("LRN", param, x), x / (2 + 0.5 / 5 * total) ** 0.6)


def test_lrn_within_a_channel(cf):
    x = cf.noise(1, 3, 6, 5)
    square = np.pad(x.astype(np.float64) ** 2, [(0, 0), (0, 0), (1, 1), (1, 1)])
    total = sum(square[:, :, i : i + 6, j : j + 5] for i in range(3) for j in range(3))
    param = "lrn_param { local_size: 3 alpha: 0.5 k: 7 norm_region: WITHIN_CHANNEL }"
    expect(cf.one("LRN", param, x), x / (1 + 0.5 / 9 * total) ** 0.75)
    cf.fails("an odd number", cf.layer("LRN", "lrn_param { local_size: 4 }"))


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("variance", [False, True])
def test_mvn(cf, across, variance):
    x = 3 * cf.noise(2, 4, 3, 5) + 1
    axes = (1, 2, 3) if across else (2, 3)
    want = x - x.mean(axes, keepdims=True)
    if variance:
        want = want / (np.sqrt((want**2).mean(axes, keepdims=True)) + 0.1)
    flags = f"across_channels: {str(across).lower()} normalize_variance: {str(variance).lower()}"
    expect(cf.one("MVN", f"mvn_param {{ {flags} eps: 0.1 }}", x), want, 1e-4)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_normalize(cf, across, shared):
    x, scale = cf.noise(2, 4, 3, 5), cf.noise(*(() if shared else (4,)))
    length = np.sqrt((x**2).sum((1, 2, 3) if across else 1, keepdims=True) + 1e-10)
    flags = f"across_spatial: {str(across).lower()} channel_shared: {str(shared).lower()}"
    found = cf.one("Normalize", f"norm_param {{ {flags} }}", x, [scale])
    expect(found, x / length * (scale if shared else channels(scale)))


def test_what_is_refused(cf):
    cf.fails("no min or max", cf.layer("Clip", "clip_param { min: 1 }"))
    cf.fails("a finite number", cf.layer("ReLU", "relu_param { negative_slope: nan }"))
    cf.fails("axis 5", cf.layer("Softmax", "softmax_param { axis: 5 }"))
    cf.fails("channel axis", cf.layer("PReLU"), shape=(3,))
    cf.fails("4 axes", cf.layer("Normalize"), shape=(1, 3))
    cf.fails("norm_region: 7", cf.layer("LRN", "lrn_param { norm_region: 7 }"))
    cf.fails("no weights", cf.layer("PReLU"))
