"""``info``: counts that can be worked out by hand, and the original's own figures."""

from __future__ import annotations

import json

import pytest

from zqcnn_xp.cli import main
from zqcnn_xp.cli.info import _size

CONV = 6 * 6 * 4 * (3 * 9 + 1)  # its bias counts
DENSE = 2 * 4 * 6 * 6


def test_the_table_as_json(cli, net):
    result = cli("info", "net.zqparams", "net.nchwbin", "--json", "--no-fold")
    assert result.code == 0
    table = result.document
    assert table["parameters"] == 4 * 3 * 9 + 4 + 4 + 4 * 6 * 6 * 2 + 2
    assert table["weight_bytes"] == 4 * table["parameters"]
    assert table["inputs"] == {"data": [1, 3, 8, 8]}
    rows = {row["name"]: row for row in table["rows"]}
    assert rows["conv1"]["type"] == "Conv2D"
    assert rows["conv1"]["shape"] == [1, 4, 6, 6]
    assert rows["conv1"]["muladds"] == CONV
    assert rows["fc1"]["muladds"] == DENSE
    assert table["muladds"] == sum(row["muladds"] for row in rows.values())
    # conv1's input and output are alive together
    assert table["activation_bytes"] >= 4 * (3 * 8 * 8 + 4 * 6 * 6)


def test_the_table_for_people(cli, net):
    result = cli("info", "net.zqparams", "net.nchwbin")
    assert result.code == 0
    assert "1 x 4 x 6 x 6" in result.out
    assert f"{CONV / 1024**2:.3f}" in result.out
    assert "inputs: data 1 x 3 x 8 x 8; outputs: prob" in result.out
    assert result.err == ""


def test_a_shape_changes_the_counts(cli):
    text = "Input name=data C=3\nConvolution name=c bottom=data top=c num_output=2 kernel_size=1\n"
    (cli.folder / "free.zqparams").write_text(text)
    (cli.folder / "free.nchwbin").write_bytes(bytes(4 * 6))
    unknown = cli("info", "free.zqparams", "free.nchwbin")
    assert unknown.code == 0
    assert "--shape" in unknown.err
    table = cli("info", "free.zqparams", "free.nchwbin", "--shape", "2,3,5,7", "--json").document
    assert table["muladds"] == 2 * 5 * 7 * 2 * 3
    wrong = cli("info", "free.zqparams", "free.nchwbin", "--shape", "2,4,5,7")
    assert wrong.code == 1
    assert "4" in wrong.err


@pytest.mark.parametrize("damage", ["nonsense", "Input name=data C=3\nConvolve name=x\n", ""])
def test_a_damaged_file_is_one_line(cli, damage):
    (cli.folder / "bad.zqparams").write_text(damage)
    result = cli("info", "bad.zqparams", "bad.zqparams")
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert "bad.zqparams" in result.err


def test_a_plan_as_json_and_as_a_table(cli, net):
    pytest.importorskip("llvmlite")
    common = ("info", "net.zqparams", "net.nchwbin", "--plan", "--backend", "llvm")
    plan = cli(*common, "--shape", "1,3,8,8", "--json").document
    assert plan["backend"] == "llvm"
    names = [row["name"] for row in plan["rows"] if not row["name"].startswith("copy")]
    assert names == ["conv1", "fc1", "prob"]
    assert all(row["kernel"] for row in plan["rows"])
    assert plan["instructions"] == sum(row["instructions"] for row in plan["rows"])
    assert plan["conversions"] == sum(row["name"].startswith("copy") for row in plan["rows"])
    assert [row["kind"] for row in plan["rows"] if row["name"] == "fc1"] == ["batch"]
    assert plan["phases"] == len({row["phase"] for row in plan["rows"]})
    assert plan["arena_bytes"] > 0
    # Packed weights hold every weight at least once.
    assert plan["weight_bytes"] >= 4 * (4 * 3 * 9 + 4 + 4 + 4 * 6 * 6 * 2 + 2)
    shown = cli(*common)
    assert shown.code == 0
    assert shown.err == ""
    for words in ("conv1", "softmax", "plain ->", "vectors of", "activations of a sample"):
        assert words in shown.out


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_backend_without_plans_is_named(cli, net, backend):
    if backend != "numpy":
        pytest.importorskip(backend)
    result = cli("info", "net.zqparams", "--plan", "--backend", backend)
    assert result.code == 2
    assert f"backend '{backend}' runs layer by layer" in result.err
    assert "'llvm'" in result.err


def test_a_plan_wants_a_size(cli):
    pytest.importorskip("llvmlite")
    text = "Input name=data C=3\nConvolution name=c bottom=data top=c num_output=2 kernel_size=1\n"
    (cli.folder / "free.zqparams").write_text(text)
    common = ("info", "free.zqparams", "random", "--plan", "--backend", "llvm")
    result = cli(*common)
    assert result.code == 2
    assert "free.zqparams: found no shape of 'data', expected --shape N,C,H,W" in result.err
    shown = cli(*common, "--shape", "1,3,4,5")
    assert shown.code == 0
    assert "0: each sample" in shown.out
    wrong = cli(*common, "--shape", "1,4,4,5")
    assert wrong.code == 1
    assert "4" in wrong.err


def test_sizes_for_people():
    assert [_size(n) for n in (None, 0, 1023, 1024, 1536, 3 << 20)] == [
        "?", "0 B", "1023 B", "1.0 KiB", "1.5 KiB", "3.0 MiB",
    ]  # fmt: skip


def test_weights_that_are_not_there(cli, net):
    with_them = cli("info", "net.zqparams", "--json").document
    (cli.folder / "net.nchwbin").unlink()
    without = cli("info", "net.zqparams", "--json")
    assert without.code == 0
    assert "found no weights; parameters are counted from the layers" in without.err
    assert without.document == with_them
    # Weights that are there, and damaged, are an error all the same.
    (cli.folder / "net.nchwbin").write_bytes(bytes(8))
    broken = cli("info", "net.zqparams")
    assert broken.code == 1
    assert "net.nchwbin, byte 0" in broken.err
    assert cli("info", "net.zqparams", "missing.nchwbin").code == 1


FILES = [
    ("zqcnn", "MobileNetSSD_deploy.zqparams", 5_783_417),
    ("caffe", "det1.prototxt", 6_632),
    ("darknet", "yoloface-500k.cfg", None),
    ("darknet", "MobileNetV2-YOLOv3-Lite-voc.cfg", None),
    ("ncnn", "det2-dw24-fast.param", 15_774),
    ("mxnet", "GA112-symbol.json", None),
    ("onnx", "version-RFB-320.onnx", None),
]


@pytest.mark.parametrize(("folder", "name", "parameters"), FILES)
def test_every_format(folder, name, parameters, shared_data, capsys):
    path = shared_data / folder / name
    if not path.exists():
        pytest.skip(f"{name} is not there")
    assert main(["info", str(path), "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["rows"]
    assert table["muladds"] > 0
    assert table["parameters"] == sum(row["parameters"] for row in table["rows"])
    assert parameters in (None, table["parameters"])
