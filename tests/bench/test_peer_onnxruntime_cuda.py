"""ONNX Runtime on CUDA: refused where there is none, the references' results where there is."""

import numpy as np
import pytest

from zqcnn_xp.bench import peer_onnxruntime_cuda as peer

onnxruntime = pytest.importorskip("onnxruntime")
has_cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.mark.skipif(has_cuda, reason="this onnxruntime has a CUDA provider")
def test_without_the_provider_the_package_is_named(make):
    with pytest.raises(RuntimeError, match="pip install onnxruntime-gpu"):
        peer.prepare(make(), 1)


@pytest.mark.gpu
@pytest.mark.skipif(not has_cuda, reason="this onnxruntime has no CUDA provider")
def test_outputs_are_the_references(make, agrees):
    network = make(3)
    run = peer.prepare(network, 1)
    agrees(lambda: {name: np.asarray(value) for name, value in run().items()}, network)
