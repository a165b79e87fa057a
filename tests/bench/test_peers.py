"""Peers are found by name, and their modules without importing them."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from zqcnn_xp.bench.peers import GPU_PEERS, PEERS, Peer, find_peers
from zqcnn_xp.errors import InputError


def test_each_has_a_module_of_its_own():
    assert list(PEERS) == ["openvino", "ncnn", "onnxruntime", "opencv", "mnn"]
    assert not set(PEERS) & set(GPU_PEERS)
    for name, peer in {**PEERS, **GPU_PEERS}.items():
        assert peer.name == name
        assert find_spec(f"zqcnn_xp.bench.peer_{name}") is not None
        assert peer.pip == f"pip install {peer.package}"


def test_names_keep_their_order_and_count_once():
    assert [p.name for p in find_peers(["mnn", "ncnn", "mnn"])] == ["mnn", "ncnn"]
    assert find_peers([]) == ()


def test_an_unknown_name_lists_the_known():
    with pytest.raises(InputError, match="found peer 'torch', expected some of openvino, ncnn"):
        find_peers(["ncnn", "torch"])


def test_what_is_not_there_is_not_installed():
    peer = Peer("nothing", "no_such_module", "no-such-package")
    assert not peer.installed
    assert peer.version == ""
    assert Peer("numpy", "numpy", "numpy").installed
    assert Peer("numpy", "numpy", "numpy").version


def test_asking_whether_they_are_installed_imports_none():
    code = (
        "import sys; from zqcnn_xp.bench.peers import PEERS; [p.installed for p in PEERS.values()];"
        "print([m for m in ('openvino', 'ncnn', 'onnxruntime', 'cv2', 'MNN') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
