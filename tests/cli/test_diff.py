"""``diff``: where two networks differ, down to one weight; the exit code says whether they do."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zqcnn_xp.cli import main


@pytest.fixture
def here(net, monkeypatch, capsys):
    """Run the command in this process, in the network's folder."""
    monkeypatch.chdir(net.parent)

    def run(*args, command="diff"):
        code = main([command, *map(str, args)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def change(net, name, *, text=None, weight=None):
    """Write a copy of the network with a line, or one weight, changed."""
    folder = net.parent
    lines = net.read_text()
    (folder / f"{name}.zqparams").write_text(lines.replace(*text) if text else lines)
    weights = np.fromfile(folder / "net.nchwbin", "<f4")
    if weight is not None:
        weights[weight[0]] = weight[1]
    weights.tofile(folder / f"{name}.nchwbin")


def test_the_same(here):
    code, out, err = here("net.zqparams", "net.zqparams", "net.nchwbin")
    assert (code, err) == (0, "")
    assert "4 of 4 layers alike, 5 of 5 weights equal bit by bit, outputs the same" in out
    assert "differs in" not in out
    assert "differs in" in here("net.zqparams", "net.zqparams", "--all")[1]


def test_across_formats(here):
    assert here("net.zqparams", "net.safetensors", command="convert")[0] == 0
    code, out, _ = here("net.zqparams", "net.nchwbin", "net.safetensors", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["same"]
    assert document["same_structure"]
    assert document["same_weights"]
    assert document["same_outputs"]
    assert document["a"]["parameters"] == document["b"]["parameters"]
    assert [row["a"] for row in document["layers"]] == ["conv1", "prelu1", "fc1", "prob"]
    assert document["outputs"][0]["difference"] == 0


def test_one_weight(here, net):
    net.write_text("".join(net.read_text().splitlines(keepends=True)[:-1]))  # no Softmax
    change(net, "other", weight=(0, 3.0))
    code, out, _ = here("net.zqparams", "other.zqparams", "--json")
    assert code == 1
    document = json.loads(out)
    assert document["same_structure"]
    assert not document["same_weights"]
    weight, bias = document["layers"][0]["weights"]
    first = float(np.fromfile(net.parent / "net.nchwbin", "<f4", 1)[0])
    assert weight["difference"] == pytest.approx(3.0 - first)
    assert (weight["equal"], bias["equal"]) == (False, True)
    assert [row["same"] for row in document["layers"]] == [False, True, True]
    code, out, _ = here("net.zqparams", "other.zqparams")
    assert code == 1
    assert "weight by" in out
    assert "3 of 3 layers alike, 4 of 5 weights equal bit by bit, outputs different" in out


def test_a_tiny_change_is_within_the_tolerance_of_outputs_alone(here, net):
    first = np.fromfile(net.parent / "net.nchwbin", "<f4", 1)[0]
    change(net, "other", weight=(0, np.nextafter(first, np.float32(9))))
    code, out, _ = here("net.zqparams", "other.zqparams", "--json")
    document = json.loads(out)
    assert code == 1
    assert document["same_outputs"]
    assert not document["same_weights"]
    code, out, _ = here("net.zqparams", "other.zqparams", "--json", "--tolerance", "0")
    assert code == 1


def test_an_attribute_and_a_layer(here, net):
    change(
        net,
        "other",
        text=("Softmax name=prob", "ReLU name=r bottom=fc1 top=fc1\nSoftmax name=prob"),
    )
    code, out, _ = here("net.zqparams", "other.zqparams")
    assert code == 1
    assert "only in B" in out
    change(net, "axis", text=("axis=1", "axis=2"))
    code, out, _ = here("net.zqparams", "axis.zqparams")
    assert code == 1
    assert "axis: 1 | 2" in out


def test_folded_networks(here, net):
    assert here("net.zqparams", "folded.safetensors", "--fold", command="convert")[0] == 0
    assert here("net.zqparams", "folded.safetensors")[0] == 1
    assert here("net.zqparams", "folded.safetensors", "--fold")[0] == 0


def test_inputs_that_do_not_go_together(here, net):
    text = "Input name=data C=1\nReLU name=r bottom=data top=y\n"
    (net.parent / "grey.zqparams").write_text(text)
    (net.parent / "grey.nchwbin").write_bytes(b"")
    code, out, err = here("net.zqparams", "grey.zqparams")
    assert code == 1
    assert "outputs are not compared: input 'data'" in err
    assert "outputs not compared" in out
    document = json.loads(here("net.zqparams", "grey.zqparams", "--json")[1])
    assert document["outputs"] is None
    assert not document["same"]


def test_size_seed_and_random_weights(here, net):
    text = "Input name=data C=3\nConvolution name=c bottom=data top=y num_output=2 kernel_size=3\n"
    (net.parent / "free.zqparams").write_text(text)
    code, out, _ = here("free.zqparams", "random:1", "free.zqparams", "random:1", "--json",
                        "--input-size", "5x7", "--seed", "3")  # fmt: skip
    assert code == 0
    assert json.loads(out)["outputs"][0]["shape_a"] == [1, 2, 3, 5]
    assert here("free.zqparams", "random:1", "free.zqparams", "random:2")[0] == 1


@pytest.mark.parametrize("paths", [["net.zqparams"], ["net.zqparams"] * 3])
def test_two_models_are_needed(here, paths):
    code, _, err = here(*paths)
    assert code == 2
    assert "expected 2" in err


def test_as_a_user_types_it(cli, net):
    result = cli("diff", "net.zqparams", "net.zqparams")
    assert result.code == 0
    assert "output of A" in result.out
    missing = cli("diff", "net.zqparams", "nothing.onnx")
    assert missing.code == 1
    assert "nothing.onnx" in missing.err
