"""Real networks, kernel by kernel within bounds: outputs alone, so that everything is fused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp.formats import read_graph
from zqcnn_xp.session import Session
from zqcnn_xp_llvm import LlvmBackend

NETS = {
    "zqcnn/det1.zqparams zqcnn/det1_bgr.nchwbin": (3, 61, 75),
    "zqcnn/det1-dw20-fast.zqparams zqcnn/det1-dw20-fast.nchwbin": (3, 90, 120),
    "zqcnn/det3-dw48-plus.zqparams zqcnn/det3-dw48-plus.nchwbin": (3, 48, 48),
    "zqcnn/libfacedetection.zqparams zqcnn/libfacedetection.nchwbin": (3, 96, 128),
    "ncnn/mobilefacenet.param ncnn/mobilefacenet.bin": (3, 112, 112),
    "darknet/yoloface-500k.cfg darknet/yoloface-500k.weights": (3, 96, 64),
}


@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (1, 3), (3, 1)])
@pytest.mark.parametrize("net", NETS)
def test_outputs_are_those_of_numpy(shared_data, net, batch, threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # floats behind the network, of some
        graph = read_graph(*(shared_data / file for file in net.split()))
    x = np.random.default_rng(0).uniform(-1, 1, (batch, *NETS[net])).astype(np.float32)
    want = Session(graph, "numpy")(x)
    found = Session(graph, LlvmBackend(checked=True, threads=threads))(x)
    assert set(found) == set(want)
    for name, value in want.items():
        assert found[name].shape == value.shape
        error = np.abs(found[name] - value).max(initial=0.0)
        assert error <= 1e-4 * max(1.0, np.abs(value).max(initial=0.0)), name
