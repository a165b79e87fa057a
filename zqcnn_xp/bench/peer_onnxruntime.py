"""ONNX Runtime: the ONNX model on its CPU provider."""

from __future__ import annotations

from zqcnn_xp.bench.network import Arrays, Network, Runner

__all__ = ["prepare"]


def prepare(network: Network, threads: int) -> Runner:
    """Make a session with so many threads inside an operator, and one between operators."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        network.onnx, options, providers=["CPUExecutionProvider"]
    )
    given = dict(network.inputs)
    names = list(network.graph.outputs)

    def run() -> Arrays:
        return dict(zip(names, session.run(names, given), strict=True))

    return run
