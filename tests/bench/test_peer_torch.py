"""PyTorch computes the network that it gets, in float32."""

import pytest

from zqcnn_xp.bench import peer_torch

pytest.importorskip("onnx2torch", exc_type=ImportError)


@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_are_the_references(make, agrees, batch):
    network = make(batch)
    run = peer_torch.prepare(network, 1)
    agrees(lambda: {name: value.cpu().numpy() for name, value in run().items()}, network)
