"""Tensors outside the model file: from its own folder, never through a link."""

from __future__ import annotations

import re

import numpy as np
import pytest
from onnx import TensorProto

from zqcnn_xp import FormatError
from zqcnn_xp.formats.onnx import reader


@pytest.fixture
def model(tmp_path, models):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "inside.bin").write_bytes(np.float32([7, 1, 2, 3]).tobytes())
    (tmp_path / "outside.bin").write_bytes(np.float32([1, 2, 3]).tobytes())

    def write(**entries):
        def change(tensor):
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=str(value))

        path = folder / "net.onnx"
        path.write_bytes(models.with_tensor(change))
        return path

    return write


def test_inside_the_folder(model, models):
    path = model(location="inside.bin", offset=4, length=12)
    x = np.float32([[10, 20, 30]])
    have = models.ours(reader.read(path), {"x": x})["y"]
    np.testing.assert_array_equal(have, np.float32([[11, 22, 33]]))


def test_of_a_model_without_a_folder(model):
    path = model(location="inside.bin", offset=4, length=12)
    with pytest.raises(FormatError, match="a model given as a path"):
        reader.read(path.read_bytes())


@pytest.mark.parametrize(
    "location", ["../outside.bin", "./inside.bin/../../outside.bin", "", ".", "a\0b", "..\\x"]
)
def test_outside_the_folder(model, location):
    with pytest.raises(FormatError, match=r"inside the model's folder|readable|plain file"):
        reader.read(model(location=location))


def test_by_an_absolute_path(model, tmp_path):
    location = str(tmp_path / "outside.bin")
    with pytest.raises(FormatError, match=re.escape("inside the model's folder")):
        reader.read(model(location=location))


@pytest.mark.parametrize("target", ["../outside.bin", "inside.bin"])
def test_through_a_link(model, tmp_path, target):
    (tmp_path / "model" / "link.bin").symlink_to(target)
    with pytest.raises(FormatError, match=re.escape("inside the model's folder")):
        reader.read(model(location="link.bin"))


def test_through_a_linked_folder(model, tmp_path):
    (tmp_path / "model" / "up").symlink_to(tmp_path)
    with pytest.raises(FormatError, match=re.escape("inside the model's folder")):
        reader.read(model(location="up/outside.bin"))


@pytest.mark.parametrize(
    "entries",
    [{"offset": 8}, {"offset": -4}, {"length": 8}, {"offset": "4x"}, {"offset": 10**30}],
)
def test_beyond_the_file(model, entries):
    with pytest.raises(FormatError, match="'w'"):
        reader.read(model(location="inside.bin", **entries))


def test_that_is_missing(model):
    with pytest.raises(FormatError, match=r"'nowhere\.bin'"):
        reader.read(model(location="nowhere.bin"))
