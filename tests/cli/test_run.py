"""``run``: the arrays that come out are the session's, and bad arrays are named."""

from __future__ import annotations

import numpy as np
import pytest

import zqcnn_xp


@pytest.fixture
def x(cli):
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    np.save(cli.folder / "x.npy", x)
    return x


@pytest.mark.parametrize("backend", ["numpy", "llvm", "jax"])
def test_outputs_are_the_sessions(cli, net, x, backend):
    if backend != "numpy":
        pytest.importorskip({"llvm": "llvmlite"}.get(backend, backend))
    result = cli(
        "run", "net.zqparams", "net.nchwbin", "--input", "x.npy", "--out", "y.npz",
        "--backend", backend, "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert result.document["backend"] == backend
    assert result.document["outputs"] == [
        {"name": "prob", "shape": [2, 2, 1, 1], "dtype": "float32"}
    ]
    want = zqcnn_xp.load(net, cli.folder / "net.nchwbin", backend="numpy")(x)["prob"]
    with np.load(cli.folder / "y.npz") as archive:
        assert archive.files == ["prob"]
        np.testing.assert_allclose(archive["prob"], want, atol=1e-5)


def test_blobs_by_name_and_unfolded(cli, net, x):
    for extra in ([], ["--no-fold"], ["--compat", "zqcnn"]):
        result = cli(
            "run", "net.zqparams", "net.nchwbin", "--input", "data=x.npy", "--out", "y.npz",
            "--outputs", "conv1,fc1", "prob", *extra,
        )  # fmt: skip
        assert result.code == 0, result.err
        assert "2 x 4 x 6 x 6" in result.out
        with np.load(cli.folder / "y.npz") as archive:
            assert archive.files == ["conv1", "fc1", "prob"]
            np.testing.assert_allclose(archive["prob"].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_a_trace_is_shown(cli, net, x, backend):
    if backend == "llvm":
        pytest.importorskip("llvmlite")
    common = ("--input", "x.npy", "--backend", backend, "--trace")
    document = run(cli, *common, "--json").document["trace"]
    assert document["backend"] == backend
    assert document["rows"][0]["name"] == "conv1"
    assert document["muladds"] == sum(row["muladds"] for row in document["rows"]) > 0
    assert all(bool(row["kernel"]) == (backend == "llvm") for row in document["rows"])
    shown = run(cli, *common).out
    assert ("kernel" in shown) == (backend == "llvm")
    assert "Conv2D" in shown
    assert run(cli, "--input", "x.npy", "--json").document["trace"] is None


def run(cli, *extra):
    return cli("run", "net.zqparams", "net.nchwbin", "--out", "y.npz", *extra)


def test_other_floats_are_converted_and_that_is_said(cli, net, x):
    np.save(cli.folder / "x64.npy", x.astype(">f8"))
    result = run(cli, "--input", "x64.npy")
    assert result.code == 0
    assert "converted to float32" in result.err


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("nan", np.full((1, 3, 8, 8), np.nan, np.float32), "NaN or infinity"),
        ("inf", np.full((1, 3, 8, 8), 1e300), "NaN or infinity"),
        ("complex", np.zeros((1, 3, 8, 8), np.complex64), "dtype complex64"),
        ("text", np.array(["a"]), "dtype <U1"),
    ],
)
def test_arrays_that_mean_nothing_are_named(cli, net, name, array, words):
    np.save(cli.folder / f"{name}.npy", array)
    result = run(cli, "--input", f"{name}.npy")
    assert result.code == 2
    assert result.err.splitlines()[-1].startswith(f"error: {name}.npy: ")
    assert words in result.err
    assert not (cli.folder / "y.npz").exists()


@pytest.mark.parametrize("shape", [(1, 4, 8, 8), (3, 8, 8), (1, 3, 8), (1, 3, 2, 2)])
def test_wrong_shapes_are_named(cli, net, shape):
    np.save(cli.folder / "x.npy", np.zeros(shape, np.float32))
    result = run(cli, "--input", "x.npy")
    assert result.code == 1
    assert result.err.startswith("error: ")


def test_a_header_that_claims_more_than_the_file_holds(cli, net):
    np.save(cli.folder / "x.npy", np.zeros((1, 3, 8, 8), np.float32))
    data = (cli.folder / "x.npy").read_bytes()
    (cli.folder / "bomb.npy").write_bytes(data.replace(b"(1, 3, 8, 8)", b"(9999999,99)"))
    (cli.folder / "short.npy").write_bytes(data[:-100])
    (cli.folder / "head.npy").write_bytes(data[:20])
    (cli.folder / "none.npy").write_bytes(b"")
    (cli.folder / "pickle.npy").write_bytes(b"\x80\x04]q\x00.")
    np.savez(cli.folder / "archive.npz", a=np.zeros(3))
    for name in ("bomb", "short", "head", "none", "pickle"):
        result = run(cli, "--input", f"{name}.npy")
        assert result.code == 2
        assert f"error: {name}.npy: cannot be read" in result.err
    assert "archive, expected a .npy" in run(cli, "--input", "archive.npz").err
    assert "no such file" in run(cli, "--input", "missing.npy").err


def test_another_file_is_named_by_how_it_begins(cli, net):
    (cli.folder / "photo.npy").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    result = run(cli, "--input", "photo.npy")
    assert result.code == 2
    assert "found a file that begins with b'\\xff\\xd8\\xff\\xe0" in result.err
    assert "pickle" not in result.err  # NumPy's advice is to load it unsafely


def test_what_is_written_is_said(cli, net, x):
    assert "y.npz: 1 array by numpy, " in run(cli, "--input", "x.npy", "--backend", "numpy").out
    two = run(cli, "--input", "x.npy", "--outputs", "conv1", "prob", "--backend", "numpy")
    assert "y.npz: 2 arrays by numpy, " in two.out
    assert "ms for the first call" in two.out


def test_objects_are_never_unpickled(cli, net):
    np.save(cli.folder / "o.npy", np.array([{"a": 1}], object), allow_pickle=True)
    result = run(cli, "--input", "o.npy")
    assert result.code == 2
    assert "o.npy: cannot be read" in result.err


def test_wrong_options_are_named(cli, net, x):
    command = ("run", "net.zqparams", "net.nchwbin", "--input", "x.npy")
    assert "ends in .npz" in cli(*command, "--out", "y.txt").err
    assert "cannot be written" in cli(*command, "--out", "missing/y.npz").err
    unknown = cli(*command, "--out", "y.npz", "--outputs", "conv2")
    assert unknown.code == 1
    assert "conv2" in unknown.err
    backend = cli(*command, "--out", "y.npz", "--backend", "numpie")
    assert backend.code == 2
    assert "did you mean 'numpy'" in backend.err


def test_sixteen_bits_and_their_error(cli, net, x):
    result = run(cli, "--input", "x.npy", "--precision", "float16", "--json")
    assert result.code == 0, result.err
    report = result.document["precision_report"]
    assert report["precision"] == result.document["precision"] == "float16"
    assert 0 < report["rows"][0]["relative"] < 1e-2
    with np.load(cli.folder / "y.npz") as archive:
        assert archive["prob"].dtype == np.float32
    assert "float16 (up to" in run(cli, "--input", "x.npy", "--precision", "float16").out


def test_sixteen_bits_are_refused_where_they_overflow(cli, net, x):
    np.save(cli.folder / "x.npy", x * np.float32(1e7))
    result = run(cli, "--input", "x.npy", "--precision", "float16")
    assert result.code in (1, 2)
    assert "cannot hold" in result.err
