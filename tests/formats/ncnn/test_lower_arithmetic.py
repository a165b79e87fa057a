import numpy as np
import pytest

from zqcnn_xp.errors import FormatError


def rand(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 2, shape).astype(np.float32)


def pair(ncnn, first, second, keys):
    def line(name, shape):
        sizes = " ".join(f"{k}={n}" for k, n in enumerate(reversed(shape)))
        return f"Input {name} 0 1 {name} {sizes}"

    lines = [line("a", first), line("b", second), f"BinaryOp l 2 1 a b y {keys}"]
    inputs = {"a": rand(*first), "b": rand(*second, seed=1)}
    return ncnn.param(*lines), inputs


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_numbers(ncnn, code):
    x = rand(3, 8, 8)
    ncnn.compare(ncnn.layer("BinaryOp", f"0={code} 1=1 2=1.5"), b"", {"x": x}, tolerance=2e-5)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 7, 8])
def test_blobs(ncnn, code):
    param, inputs = pair(ncnn, (3, 4, 5), (3, 4, 5), f"0={code}")
    ncnn.compare(param, b"", inputs)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((3, 4, 5), (3,)), ((3,), (3, 4, 5)), ((3, 4, 5), (3, 1, 1)), ((3, 4, 5), (3, 4)),
        ((3, 4, 5), (5,)), ((4, 5), (4,)), ((4, 5), (5,)), ((3, 4, 5), (1,)),
        ((3, 4, 5), (1, 4, 5)),
        ((3, 4, 5), (1, 1, 5)), ((3, 4), (3, 4, 5)), ((3, 3, 3), (3,)), ((4, 5), (1,)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("code", [1, 2])
def test_broadcasting(ncnn, first, second, code):
    param, inputs = pair(ncnn, first, second, f"0={code}")
    ncnn.compare(param, b"", inputs)


@pytest.mark.parametrize("keys", ["0=0", "0=1", "0=2", "0=1 -23301=2,0.5,-2.0"])
def test_eltwise(ncnn, keys):
    param, inputs = pair(ncnn, (3, 4, 5), (3, 4, 5), keys)
    ncnn.compare(param.replace(b"BinaryOp", b"Eltwise"), b"", inputs)


@pytest.mark.parametrize("code", [0, 1, 4, 5, 6, 7, 8, 15, 16, 17])
def test_functions(ncnn, code):
    ncnn.compare(ncnn.layer("UnaryOp", f"0={code}"), b"", {"x": rand(3, 8, 8)}, tolerance=2e-5)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 7, 8, 9, 10])
@pytest.mark.parametrize("axes", ["1=1", "1=0 -23303=1,0 5=1", "1=0 -23303=2,1,2 5=1",
                                  "1=0 -23303=1,-1 5=1"])  # fmt: skip
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions(ncnn, code, axes, keep):
    keys = f"0={code} {axes} 2=1.5 4={keep}"
    ncnn.compare(
        ncnn.layer("Reduction", keys, (3, 4, 5)), b"", {"x": rand(3, 4, 5)}, tolerance=2e-5
    )


@pytest.mark.parametrize("code", [0, 1, 2, 3, 7, 8])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("sizes", ["0=1 1=1 2=3", "0=3", "0=1"])
def test_arrays_of_the_file(ncnn, x, code, first, sizes):
    count = 1 if sizes == "0=1" else 3
    names = "m x" if first else "x m"
    param = ncnn.param(
        f"MemoryData m 0 1 m {sizes}",
        "Input x 0 1 x 0=8 1=8 2=3",
        f"BinaryOp l 2 1 {names} y 0={code}",
    )
    ncnn.compare(param, ncnn.raw(rand(count)), {"x": np.abs(x) + 1})


def test_what_is_refused(ncnn, x):
    for kind, keys in (
        ("BinaryOp", "0=10 1=1 2=1.0"),
        ("BinaryOp", "0=9 1=1 2=-1.0"),
        ("UnaryOp", "0=9"),
        ("Reduction", "0=6"),
        ("Reduction", "0=0 1=0 -23303=1,0"),
        ("Reduction", "0=0 1=0 -23303=1,3 5=1"),
        ("Eltwise", "0=1"),
    ):
        with pytest.raises(FormatError, match=rf"line 4 \({kind} 'l'\)"):
            ncnn.ours(ncnn.layer(kind, keys), b"", {"x": x})
