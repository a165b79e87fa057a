import numpy as np
import pytest

from zqcnn_xp.errors import FormatError

ACTIVATIONS = ["9=0", "9=1", "9=2 -23310=1,0.1", "9=3 -23310=2,-0.5,0.5", "9=4", "9=5"]
ACTIVATIONS += ["9=6 -23310=2,0.2,0.5"]


def rand(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    "keys",
    [
        "1=3",
        "1=3 11=2 2=1 12=2 3=2 13=1",
        "1=3 4=1",
        "1=3 4=1 14=2 15=0 16=1",
        "1=3 3=2 4=-233",
        "1=3 3=2 4=-234",
        "1=3 4=1 18=0.5",
    ],
)
@pytest.mark.parametrize("groups", [1, 3])
def test_convolution(ncnn, x, keys, groups):
    height = 2 if "11=2" in keys else 3
    weights = ncnn.flagged(rand(6, 3 // groups, height, 3)) + ncnn.raw(rand(6))
    kind, extra = ("Convolution", "") if groups == 1 else ("ConvolutionDepthWise", f"7={groups}")
    count = 6 * (3 // groups) * height * 3
    ncnn.compare(ncnn.layer(kind, f"0=6 {keys} 5=1 6={count} {extra}"), weights, {"x": x})


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fused_activations(ncnn, x, activation):
    weights = ncnn.flagged(rand(4, 3, 1, 1))
    ncnn.compare(ncnn.layer("Convolution", f"0=4 1=1 6=12 {activation}"), weights, {"x": x})
    dense = ncnn.flagged(rand(4, 192) / 10)
    ncnn.compare(ncnn.layer("InnerProduct", f"0=4 2=768 {activation}"), dense, {"x": x})


@pytest.mark.parametrize(
    "keys",
    [
        "1=4 3=2 4=1",
        "1=3 11=2 3=2 13=1 2=2 4=1 14=0 15=2 16=0",
        "1=3 3=2 18=1 19=0",
        "1=4 3=2 4=-233 20=15 21=16",
        "1=4 3=2 4=-234 20=15 21=15",
    ],
)
@pytest.mark.parametrize("groups", [1, 3])
def test_deconvolution(ncnn, x, keys, groups):
    size = (2, 3) if "11=2" in keys else (int(keys[2]),) * 2
    weights = ncnn.flagged(rand(6, 3 // groups, *size)) + ncnn.raw(rand(6))
    kind, extra = ("Deconvolution", "") if groups == 1 else ("DeconvolutionDepthWise", "7=3")
    count = 6 * (3 // groups) * size[0] * size[1]
    ncnn.compare(ncnn.layer(kind, f"0=6 {keys} 5=1 6={count} {extra}"), weights, {"x": x})


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "keys", ["1=3 2=2", "1=2 2=2", "1=3 2=2 3=1", "1=3 11=2 2=2 12=1 3=1 13=0"]
)
@pytest.mark.parametrize("counted", [0, 1])
def test_pooling(ncnn, kind, mode, keys, counted):
    x = rand(3, 8, 7) - 3
    param = ncnn.layer("Pooling", f"0={kind} {keys} 5={mode} 6={counted}", (3, 8, 7))
    if " 3=1" in keys and kind == 1 and mode > 1 and not counted:
        with pytest.raises(FormatError, match="pads beside SAME padding"):
            ncnn.ours(param, b"", {"x": x})
        return
    ncnn.compare(param, b"", {"x": x})


@pytest.mark.parametrize("kind", [0, 1])
def test_global_and_adaptive_pooling(ncnn, x, kind):
    (found,) = ncnn.compare(ncnn.layer("Pooling", f"0={kind} 4=1"), b"", {"x": x})
    assert found.shape == (3,)
    for keys in ("8=1 18=1", "8=4 18=2"):
        ncnn.compare(ncnn.layer("Pooling", f"0={kind} 7=1 {keys}"), b"", {"x": x})
    with pytest.raises(FormatError, match="parts of equal size"):
        ncnn.ours(ncnn.layer("Pooling", "7=1 8=3"), b"", {"x": x})


def test_convolution_of_a_vector_behind_a_global_pooling(ncnn, x):
    param = ncnn.param(
        "Input x 0 1 x 0=8 1=8 2=3",
        "Split s 1 2 x a b",
        "Pooling p 1 1 a p 0=1 4=1",
        "Convolution c 1 1 p c 0=3 1=1 5=1 6=9 9=4",
        "BinaryOp m 2 1 b c y 0=2",
    )
    weights = ncnn.flagged(rand(3, 3)) + ncnn.raw(rand(3))
    ncnn.compare(param, weights, {"x": x})


@pytest.mark.parametrize("shape", [(3, 4, 4), (5, 6), (48,)])
def test_inner_product(ncnn, shape):
    features = 6 if len(shape) == 2 else 48
    weights = ncnn.flagged(rand(4, features)) + ncnn.raw(rand(4))
    param = ncnn.layer("InnerProduct", f"0=4 1=1 2={4 * features}", shape)
    ncnn.compare(param, weights, {"x": rand(*shape, seed=3)})


@pytest.mark.parametrize(
    "keys",
    ["0=1 1=2.0 2=2.0", "0=2 1=2.0 2=2.0", "0=2 3=5 4=13", "0=2 3=5 4=13 6=1", "0=1 3=5 4=3",
     "0=2 1=1.5 2=0.5", "0=1 1=0.25 2=1.5"],
)  # fmt: skip
def test_interp(ncnn, x, keys):
    ncnn.compare(ncnn.layer("Interp", keys), b"", {"x": x})


def test_interp_of_a_vector_and_to_the_size_of_a_blob(ncnn, x):
    ncnn.compare(ncnn.layer("Interp", "0=2 3=4 4=5", (6,)), b"", {"x": rand(6)})
    param = ncnn.param(
        "Input x 0 1 x 0=8 1=8 2=3",
        "Split s 1 2 x a b",
        "Pooling p 1 1 a p 0=0 1=2 2=2",
        "Interp i 2 1 p b y 0=2 5=1",
    )
    ncnn.compare(param, b"", {"x": x})


@pytest.mark.parametrize("value", ["0", "-1", "2147483647", "2147483648", "9223372036854775808"])
@pytest.mark.parametrize("key", [0, 1, 2, 3, 6, 11])
def test_sizes_out_of_range(ncnn, key, value):
    keys = {0: "4", 1: "3", 5: "0", 6: "108", key: value}
    text = " ".join(f"{k}={v}" for k, v in keys.items())
    if (key, value) == (3, "2147483647"):  # one window is all there is then
        ncnn.ours(
            ncnn.layer("Convolution", text), ncnn.flagged(rand(4, 3, 3, 3)), {"x": rand(3, 8, 8)}
        )
        return
    with pytest.raises(FormatError, match="Convolution 'l'"):
        ncnn.ours(
            ncnn.layer("Convolution", text), ncnn.flagged(rand(4, 3, 3, 3)), {"x": rand(3, 8, 8)}
        )


def test_what_is_refused(ncnn, x):
    for kind, keys in (
        ("Convolution", "0=4 1=1 6=12 19=1"),
        ("Convolution", "0=4 1=1 6=12 9=7"),
        ("Convolution", "0=4 1=1 6=12 9=2"),
        ("Convolution", "0=4 1=1 6=12 4=-5"),
        ("Convolution", "0=4 1=1 6=12 8=3"),
        ("Convolution", "1=1 6=12"),
        ("Convolution", "0=4 6=12"),
        ("InnerProduct", "2=12"),
        ("Deconvolution", "0=4 1=1 6=12 28=1"),
        ("Interp", "0=3 1=2.0 2=2.0"),
        ("Interp", "0=2 1=1.3 2=1.3"),
        ("Pooling", "0=2 1=2"),
        ("Pooling", "0=0 1=2 5=4"),
    ):
        with pytest.raises(FormatError, match=rf"line 4 \({kind} 'l'\)"):
            ncnn.ours(ncnn.layer(kind, keys), ncnn.flagged(rand(4, 3, 1, 1)), {"x": x})
