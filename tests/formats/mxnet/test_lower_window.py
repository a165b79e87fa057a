import numpy as np
import pytest

from zqcnn_xp.errors import FormatError

torch = pytest.importorskip("torch")
F = torch.nn.functional


def rand(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def close(found, want):
    np.testing.assert_allclose(found, want.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("groups", "bias"), [(1, True), (3, False)])
def test_convolution(mxnet, x, groups, bias):
    w, b = rand(6, 3 // groups, 3, 2), rand(6, seed=1)
    attributes = {
        "num_filter": 6, "kernel": "(3, 2)", "stride": "(2, 1)", "pad": "(1, 2)",
        "dilate": "(2, 1)", "num_group": groups, "no_bias": not bias, "workspace": 256,
    }  # fmt: skip
    arrays = {"op_weight": w, "op_bias": b} if bias else {"op_weight": w}
    (found,) = mxnet.run(mxnet.one("Convolution", attributes, arrays), x)
    want = F.conv2d(
        *map(torch.tensor, (x, w)),
        torch.tensor(b) if bias else None,
        (2, 1),
        (1, 2),
        (2, 1),
        groups,
    )
    close(found, want)


@pytest.mark.parametrize("groups", [1, 3])
def test_deconvolution(mxnet, x, groups):
    w = rand(3, 6 // groups, 4, 3)
    attributes = {
        "num_filter": 6, "kernel": "(4, 3)", "stride": "(2, 2)", "pad": "(1, 0)", "adj": "(1, 0)",
        "num_group": groups,
    }  # fmt: skip
    (found,) = mxnet.run(mxnet.one("Deconvolution", attributes, {"op_weight": w}), x)
    want = F.conv_transpose2d(
        torch.tensor(x), torch.tensor(w), None, (2, 2), (1, 0), (1, 0), groups
    )
    close(found, want)


def test_deconvolution_to_a_target_crops_the_larger_half_first(mxnet, x):
    w = rand(3, 2, 4, 4)
    attributes = {
        "num_filter": 2,
        "kernel": "(4, 4)",
        "stride": "(2, 2)",
        "target_shape": "(15, 16)",
    }
    (found,) = mxnet.run(mxnet.one("Deconvolution", attributes, {"op_weight": w}), x)
    full = F.conv_transpose2d(torch.tensor(x), torch.tensor(w), None, 2)
    close(found, full[:, :, 2:17, 1:17])
    with pytest.raises(FormatError, match="target_shape"):
        mxnet.one("Deconvolution", {**attributes, "target_shape": "(30, 30)"}, {"op_weight": w})


@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize("pad", [0, 1])
@pytest.mark.parametrize("size", [7, 8])
def test_maximum(mxnet, convention, pad, size):
    x = rand(2, 3, size, size) - 5
    attributes = {
        "kernel": "(3, 3)", "stride": "(2, 2)", "pad": (pad, pad), "pool_type": "max",
        "pooling_convention": convention,
    }  # fmt: skip
    graph = mxnet.one("Pooling", attributes, shape=x.shape)
    (found,) = mxnet.run(graph, x)
    want = F.max_pool2d(torch.tensor(x), 3, 2, pad, ceil_mode=convention == "full")
    close(found, want)


@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize("counted", [True, False])
def test_mean(mxnet, x, convention, counted):
    attributes = {
        "kernel": "(3, 3)", "stride": "(2, 2)", "pad": "(1, 1)", "pool_type": "avg",
        "pooling_convention": convention, "count_include_pad": counted,
    }  # fmt: skip
    (found,) = mxnet.run(mxnet.one("Pooling", attributes), x)
    ceil = convention == "full"
    want = F.avg_pool2d(torch.tensor(x), 3, 2, 1, ceil_mode=ceil, count_include_pad=counted)
    close(found, want)


def test_full_keeps_a_window_that_starts_behind_the_map(mxnet, x):
    attributes = {"kernel": "(2, 2)", "stride": "(3, 3)", "pool_type": "sum"}
    found = {
        convention: mxnet.run(
            mxnet.one("Pooling", attributes | {"pooling_convention": convention}), x
        )
        for convention in ("valid", "full")
    }
    assert found["valid"][0].shape[2:] == found["full"][0].shape[2:] == (3, 3)
    close(found["full"][0], 4 * F.avg_pool2d(torch.tensor(x), 2, 3))


def test_global_pooling_does_not_look_at_the_kernel(mxnet, x):
    for kind, want in (("avg", x.mean((2, 3))), ("max", x.max((2, 3)))):
        attributes = {"kernel": "(2, 2)", "global_pool": True, "pool_type": kind}
        (found,) = mxnet.run(mxnet.one("Pooling", attributes), x)
        np.testing.assert_allclose(found[:, :, 0, 0], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
def test_fully_connected_over_maps(mxnet, x, bias):
    w, b = rand(5, 192), rand(5)
    arrays = {"w": w, "b": b} if bias else {"w": w}
    graph = mxnet.one("FullyConnected", {"num_hidden": 5, "no_bias": not bias}, arrays)
    (found,) = mxnet.run(graph, x)
    np.testing.assert_allclose(
        found, x.reshape(2, -1) @ w.T + (b if bias else 0), rtol=1e-4, atol=1e-4
    )
    assert graph.inputs[0].shape == (None, 3, 8, 8)


def test_upsampling(mxnet, x):
    (found,) = mxnet.run(mxnet.one("UpSampling", {"scale": 2, "sample_type": "nearest"}), x)
    np.testing.assert_array_equal(found, x.repeat(2, 2).repeat(2, 3))
    w = rand(3, 1, 4, 4)
    attributes = {"scale": 2, "sample_type": "bilinear", "num_filter": 3, "num_args": 2}
    (found,) = mxnet.run(mxnet.one("UpSampling", attributes, {"w": w}), x)
    close(found, F.conv_transpose2d(torch.tensor(x), torch.tensor(w), None, 2, 1, groups=3))
    resize = {"height": 5, "width": 13}
    (found,) = mxnet.run(mxnet.one("_contrib_BilinearResize2D", resize), x)
    close(found, F.interpolate(torch.tensor(x), (5, 13), mode="bilinear", align_corners=True))


@pytest.mark.parametrize("size", ["0", "-1", "2147483648", "9223372036854775808", "x"])
@pytest.mark.parametrize("key", ["num_filter", "kernel", "stride", "num_group", "dilate"])
def test_sizes_out_of_range(mxnet, key, size):
    attributes = {"num_filter": 3, "kernel": "(1, 1)", "no_bias": True}
    value = size if key.startswith("num") else f"({size}, 1)"
    with pytest.raises(FormatError, match="Convolution 'op'"):
        mxnet.one("Convolution", {**attributes, key: value}, {"w": rand(3, 3, 1, 1)})
