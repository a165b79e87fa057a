"""``convert``: files of other formats that compute the same, or one line that says why not."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp.cli import convert, main
from zqcnn_xp.cli.networks import files_of
from zqcnn_xp.compare import OutputRow
from zqcnn_xp.formats import read_graph
from zqcnn_xp.formats.writers import WRITERS

SUFFIXES = {name: writer.suffixes[0] for name, writer in WRITERS.items()}


@pytest.fixture
def here(net, monkeypatch, capsys):
    """Run the command in this process, in the network's folder."""
    monkeypatch.chdir(net.parent)

    def run(*args):
        code = main(["convert", *map(str, args)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.parametrize("format", SUFFIXES)
def test_to_every_format_with_a_check(format, here, net):
    code, out, err = here(
        "net.zqparams", "net.nchwbin", f"out{SUFFIXES[format]}", "--check", "--json"
    )
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["format"] == format
    assert document["ok"]
    for file, suffix in zip(document["files"], WRITERS[format].suffixes, strict=True):
        assert file["path"] == f"out{suffix}"
        assert file["bytes"] == (net.parent / f"out{suffix}").stat().st_size
    assert len(document["checks"]) == 1 + (format == "onnx")
    for rows in document["checks"].values():
        (row,) = rows
        assert row["a"] == "prob"
        assert row["relative"] < 1e-5
    if format == "onnx":
        assert "onnxruntime" in document["checks"]


def test_as_a_user_types_it(cli, net):
    result = cli("convert", "net.zqparams", "a.onnx", "--check", "--fold")
    assert result.code == 0
    assert result.err == ""
    size = (cli.folder / "a.onnx").stat().st_size
    assert f"a.onnx: {size:,} bytes" in result.out
    assert "run by onnxruntime" in result.out
    assert "largest difference: " in result.out
    back = cli("convert", "a.onnx", "b.zqparams", "--check", "--backend", "numpy")
    assert back.code == 0
    assert "run by numpy" in back.out
    session = zqcnn_xp.load(cli.folder / "b.zqparams", backend="numpy")
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)
    wanted = zqcnn_xp.load(net, backend="numpy")(x)["prob"]
    np.testing.assert_allclose(session(x)["prob"].reshape(wanted.shape), wanted, atol=1e-6)


def test_code_is_a_module_that_runs(here, net):
    code, out, _ = here("net.zqparams", "mine", "--to", "code", "--check")
    assert code == 0
    assert "largest difference: 0 of" in out
    # Checking has left nothing compiled beside it.
    assert sorted(p.name for p in net.parent.iterdir()) == ["mine", "net.nchwbin", "net.zqparams"]
    assert "zqcnn_xp_converted" not in sys.modules


def test_from_and_to_name_formats(here, net):
    (net.parent / "text").write_bytes(net.read_bytes())
    assert here("text", "net.nchwbin", "out.bin", "--from", "zqcnn", "--to", "onnx")[0] == 0
    assert read_graph(net.parent / "out.bin").nodes
    code, _, err = here("text", "net.nchwbin", "out.bin")
    assert code == 2
    assert "found the suffix '.bin'" in err
    code, _, err = here("text", "net.nchwbin", "out.bin", "--to", "tflite")
    assert code == 2
    assert "found format 'tflite', expected one of zqcnn" in err
    code, _, err = here("text", "net.nchwbin", "out.onnx", "--from", "onnx")
    assert code != 0
    assert not (net.parent / "out.onnx").exists()


FREE = "Input name=data C=3\nConvolution name=c bottom=data top=y num_output=2 kernel_size=3\n"


def test_input_size(here, net):
    (net.parent / "free.zqparams").write_text(FREE)
    (net.parent / "free.nchwbin").write_bytes(np.ones(54, "<f4").tobytes())
    code, out, _ = here("free.zqparams", "sized.onnx", "--input-size", "6x9", "--check", "--json")
    assert code == 0
    assert json.loads(out)["checks"]["onnxruntime"][0]["shape_a"] == [1, 2, 4, 7]
    assert read_graph(net.parent / "sized.onnx").inputs[0].shape[1:] == (3, 6, 9)
    assert here("free.zqparams", "sized.zqparams", "--input-size", "6x9")[0] == 0
    assert (net.parent / "sized.zqparams").read_text().startswith("Input name=data C=3 H=6 W=9\n")
    # A network with a fixed size takes no other.
    code, _, err = here("net.zqparams", "net.onnx", "--input-size", "9x9")
    assert code == 1
    assert "input 'data'" in err
    with pytest.raises(SystemExit) as caught:
        here("net.zqparams", "net.onnx", "--input-size", "big")
    assert caught.value.code == 2


def test_fp16(here, net):
    code, out, _ = here("net.zqparams", "half.onnx", "--fp16", "--check", "--json")
    assert code == 0
    checks = json.loads(out)["checks"]
    assert all(row["relative"] < 1e-2 for rows in checks.values() for row in rows)
    assert here("net.zqparams", "full.onnx")[0] == 0
    sizes = [(net.parent / f"{name}.onnx").stat().st_size for name in ("half", "full")]
    assert sizes[0] < sizes[1]
    code, _, err = here("net.zqparams", "half.zqparams", "--fp16")
    assert code == 2
    assert "weights are float32" in err


def test_compat(here, net):
    text = "Input name=x C=1 H=5 W=5\nPooling name=p bottom=x top=y kernel_size=3 stride=2 pad=1\n"
    (net.parent / "pool.zqparams").write_text(text)
    (net.parent / "pool.nchwbin").write_bytes(b"")
    assert here("pool.zqparams", "pool.onnx", "--check")[0] == 0
    code, _, err = here("pool.zqparams", "compat.onnx", "--compat", "zqcnn")
    assert code == 1
    assert "Pool2D 'p', pool.zqparams:2" in err
    assert here("pool.zqparams", "pool.safetensors")[0] == 0
    code, _, err = here("pool.safetensors", "compat.zqparams", "--compat", "zqcnn")
    assert code == 2
    assert "compat" in err


def test_what_a_format_cannot_say_names_the_layer(here, net):
    text = "Input name=x C=1 H=5 W=5\nSqrt name=a bottom=x top=x\n"
    text += "DetectionOutput name=found bottom=x bottom=x bottom=x top=y\n"
    (net.parent / "bad.zqparams").write_text(text)
    code, _, err = here("bad.zqparams", "random", "bad.onnx")
    assert code == 1
    assert "'found'" in err
    assert not (net.parent / "bad.onnx").exists()


def test_the_source_is_never_overwritten(here, net):
    before = {p.name: p.read_bytes() for p in net.parent.iterdir()}
    for args in (
        ["net.zqparams", "net.nchwbin", "net.zqparams"],
        ["net.zqparams", "./net.zqparams"],
        ["net.zqparams", "net.nchwbin", "net.nchwbin", "--to", "onnx"],
        # Found beside the model, and as precious as the model.
        ["net.zqparams", "net.nchwbin", "--to", "code"],
    ):
        code, _, err = here(*args)
        assert code == 2
        assert "found the source itself" in err
    assert {p.name: p.read_bytes() for p in net.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("model", "weights", "found"),
    [
        ("a.xml", None, ["a.xml", "a.bin"]),
        ("a.xml", "b.dat", ["a.xml", "b.dat"]),
        ("a.onnx", None, ["a.onnx"]),
        ("a.zqparams", "random", ["a.zqparams"]),
    ],
)
def test_weights_beside_the_model_are_sources_too(model, weights, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.xml", "a.bin", "b.dat", "a.onnx", "a.zqparams"):
        (tmp_path / name).touch()
    assert [str(path) for path in files_of(model, weights)] == found


def test_converting_again_replaces_the_files(here, net):
    for _ in range(2):
        assert here("net.zqparams", "again.onnx")[0] == 0
        assert here("again.onnx", "again.zqparams", "--check")[0] == 0


@pytest.mark.parametrize("paths", [["only.onnx"], ["a", "b", "c", "d.onnx"]])
def test_the_number_of_files(here, paths):
    code, _, err = here(*paths)
    assert code == 2
    assert "files before DST" in err


def test_a_missing_source(here):
    code, _, err = here("nothing.zqparams", "a.onnx")
    assert code == 1
    assert "nothing.zqparams" in err


def test_a_check_that_fails(here, net, monkeypatch):
    bad = OutputRow("prob", "prob", (1, 2), (1, 2), 1.0, 0.5)
    monkeypatch.setattr(convert, "_check", lambda *_: {"numpy": (bad,)})
    code, out, _ = here("net.zqparams", "a.onnx", "--check")
    assert code == 1
    assert "which is more than rounding" in out
    code, out, _ = here("net.zqparams", "a.onnx", "--check", "--json")
    assert code == 1
    assert json.loads(out)["ok"] is False
    # float16 rounds that much; it is told, and no failure.
    assert here("net.zqparams", "a.onnx", "--check", "--fp16")[0] == 0
    lost = OutputRow("prob", None, (1, 2), None, 1.0, None)
    monkeypatch.setattr(convert, "_check", lambda *_: {"numpy": (lost,)})
    assert here("net.zqparams", "a.onnx", "--check", "--fp16")[0] == 1


def test_what_gets_lost_is_said(here, shared_data):
    model = shared_data / "darknet" / "yoloface-100k.cfg"
    for name, said in (("a.zqparams", True), ("a.onnx", True), ("a.safetensors", False)):
        code, _, err = here(model, name)
        assert code == 0
        assert ("heads of" in err) is said, name


def test_a_real_network_from_mxnet(here, shared_data, net):
    folder = shared_data / "mxnet" / "mobilefacenet"
    model = next(folder.glob("*symbol.json"))
    weights = next(folder.glob("*.params"))
    for name in ("face.onnx", "face.safetensors"):
        code, out, _ = here(model, weights, name, "--fold", "--check", "--input-size", "112x112")
        assert code == 0, out
        assert "largest difference" in out
