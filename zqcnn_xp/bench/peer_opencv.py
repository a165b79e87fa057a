"""OpenCV's DNN module: the ONNX model on its own CPU code."""

from __future__ import annotations

import numpy as np

from zqcnn_xp.bench.network import Arrays, Network, Runner

__all__ = ["prepare"]


def prepare(network: Network, threads: int) -> Runner:
    """Read the network; the number of threads is the process's, and set for every run."""
    import cv2

    net = cv2.dnn.readNetFromONNX(np.frombuffer(network.onnx, np.uint8))
    given = list(network.inputs.items())
    names = list(network.graph.outputs)

    def run() -> Arrays:
        cv2.setNumThreads(threads)
        for name, array in given:
            net.setInput(array, name)
        return dict(zip(names, net.forward(names), strict=True))

    return run
