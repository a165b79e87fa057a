import numpy as np
import pytest

from zqcnn_xp.errors import FormatError


def rand(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 2, shape).astype(np.float32)


PLAIN = [
    "AbsVal", "BNLL", "Clip 0=-0.5 1=0.7", "Clip 0=0.0", "Dropout", "Dropout 0=0.5", "ELU 0=0.3",
    "ELU", "Exp", "Exp 0=2.0 1=0.5 2=1.0", "HardSigmoid", "HardSigmoid 0=0.3 1=0.4", "HardSwish",
    "HardSwish 0=0.16666667 1=0.5", "Mish", "ReLU", "ReLU 0=0.1", "Sigmoid", "Swish", "TanH",
    "Softmax 0=0 1=1", "Softmax 0=1 1=1", "Softmax 0=2 1=1", "Softmax 0=-1 1=1", "Softmax",
    "LRN 0=0 1=3 2=0.5", "LRN 0=0 1=5 2=0.1 3=0.5 4=2.0", "LRN 0=1 1=3 2=0.5",
]  # fmt: skip


@pytest.mark.parametrize("line", PLAIN)
def test_layers_without_weights(ncnn, x, line):
    kind, _, keys = line.partition(" ")
    # ncnn takes fast exponentials in some of these.
    ncnn.compare(ncnn.layer(kind, keys), b"", {"x": x}, tolerance=3e-5)


@pytest.mark.parametrize("line", ["Power 0=2.0", "Power 0=0.5 1=2.0 2=0.5", "Power 1=3.0 2=-1.0",
                                  "Log", "Log 0=10.0 1=2.0 2=1.0"])  # fmt: skip
def test_powers_of_positive_numbers(ncnn, line):
    kind, _, keys = line.partition(" ")
    ncnn.compare(ncnn.layer(kind, keys), b"", {"x": rand(3, 8, 8)}, tolerance=3e-5)


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 5), (3,)])
@pytest.mark.parametrize("kind", ["BatchNorm", "Scale", "Bias", "PReLU", "PReLU1"])
def test_layers_with_weights(ncnn, shape, kind):
    keys, arrays = {
        "BatchNorm": ("0=3 1=0.001", [rand(3, seed=k) for k in range(4)]),
        "Scale": ("0=3 1=1", [rand(3), rand(3, seed=1)]),
        "Bias": ("0=3", [rand(3)]),
        "PReLU": ("0=3", [rand(3)]),
        "PReLU1": ("0=1", [rand(1)]),
    }[kind]
    x = np.random.default_rng(5).normal(size=shape).astype(np.float32)
    if kind == "Bias" and len(shape) < 3:  # where ncnn itself adds nothing
        (found,) = ncnn.ours(ncnn.layer(kind, keys, shape), ncnn.raw(*arrays), {"x": x})
        np.testing.assert_array_equal(found, x + arrays[0].reshape(3, *(1,) * (len(shape) - 1)))
        return
    ncnn.compare(ncnn.layer(kind.rstrip("1"), keys, shape), ncnn.raw(*arrays), {"x": x})


def test_a_root_of_zero_counts_as_a_ten_thousandth(ncnn, x):
    arrays = [rand(3), rand(3, seed=1), np.float32([0, 1, 2]), rand(3, seed=2)]
    ncnn.compare(ncnn.layer("BatchNorm", "0=3"), ncnn.raw(*arrays), {"x": x})


def test_scale_by_a_computed_blob(ncnn, x):
    param = ncnn.param(
        "Input x 0 1 x 0=8 1=8 2=3",
        "Split s 1 2 x a b",
        "Pooling p 1 1 a p 0=1 4=1",
        "Scale m 2 1 b p y 0=-233",
    )
    ncnn.compare(param, b"", {"x": x})


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("over", ["0=0 4=1", "0=1 4=1", "0=1 4=0"])
@pytest.mark.parametrize("shared", [0, 1])
def test_normalize(ncnn, x, mode, over, shared):
    weights = ncnn.raw(rand(1 if shared else 3))
    keys = f"{over} 1={shared} 2=0.01 3={1 if shared else 3} 9={mode}"
    ncnn.compare(ncnn.layer("Normalize", keys), weights, {"x": x})


def test_what_is_refused(ncnn, x):
    for kind, keys, match in (
        ("Softmax", "0=1", "newer converter"),
        ("LRN", "0=2", "0=2"),
        ("Normalize", "0=0 4=0 3=3", "a norm over something"),
        ("Normalize", "3=2", "3=2 factors"),
        ("Scale", "0=0", "a count"),
        ("Exp", "0=-2.0", "base"),
        ("ReLU", "0=1", "0=1.0"),
        ("ReLU", "0=nan", "finite"),
        ("PReLU", "0=0", "from 1"),
    ):
        with pytest.raises(FormatError, match=match):
            ncnn.ours(ncnn.layer(kind, keys), ncnn.raw(rand(9)), {"x": x})
