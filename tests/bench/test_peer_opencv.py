"""OpenCV computes the network that it gets, in float32."""

import pytest

from zqcnn_xp.bench import peer_opencv

pytest.importorskip("cv2")


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_are_the_references(make, agrees, batch, threads):
    network = make(batch)
    agrees(peer_opencv.prepare(network, threads), network)
