"""PyTorch: the ONNX model as a module, replayed as one CUDA graph where there is a CUDA device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zqcnn_xp.bench.network import Arrays, Network, Runner

__all__ = ["prepare"]


def prepare(network: Network, threads: int) -> Runner:
    """Convert the network. Arrays stay on the device; a call ends when they are computed."""
    import onnx
    import onnx2torch  # type: ignore[import-not-found,unused-ignore]
    import torch

    torch.set_num_threads(threads)
    # TF32 keeps 10 bits of a product's mantissa.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    module = onnx2torch.convert(onnx.load_model_from_string(network.onnx)).eval().to(device)
    given = [
        torch.from_numpy(network.inputs[source.name]).to(device) for source in network.graph.inputs
    ]

    def call() -> Any:
        with torch.inference_mode():
            return module(*given)

    step = _captured(torch, call) if cuda else call
    names = network.graph.outputs

    def run() -> Arrays:
        found = step()
        if cuda:
            torch.cuda.synchronize()
        return dict(zip(names, found if isinstance(found, tuple | list) else (found,), strict=True))

    return run


def _captured(torch: Any, call: Callable[[], Any]) -> Callable[[], Any]:
    """Record the calls of a run once, and replay them: else a small network waits for Python."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            found = call()
    except RuntimeError:  # something in it cannot be recorded
        return call

    def replay() -> Any:
        graph.replay()
        return found

    return replay
