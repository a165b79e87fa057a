"""ONNX Runtime on its CUDA provider; its arrays stay on the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from zqcnn_xp.bench.network import Network, Runner

__all__ = ["prepare"]


def prepare(network: Network, threads: int) -> Runner:
    """Make a session in float32 (no TF32) and bind inputs and outputs to the device."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        msg = "this onnxruntime has no CUDA provider: pip install onnxruntime-gpu"
        raise RuntimeError(msg)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        network.onnx, options, providers=[("CUDAExecutionProvider", {"use_tf32": "0"})]
    )
    if session.get_providers()[0] != "CUDAExecutionProvider":
        msg = "onnxruntime fell back to the CPU"
        raise RuntimeError(msg)
    binding = session.io_binding()
    given = {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(array, "cuda", 0)
        for name, array in network.inputs.items()
    }
    for name, value in given.items():
        binding.bind_ortvalue_input(name, value)
    for name in network.graph.outputs:
        binding.bind_output(name, "cuda")
    names = network.graph.outputs

    def run() -> Any:
        binding.synchronize_inputs()
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return {
            name: _OnDevice(value) for name, value in zip(names, binding.get_outputs(), strict=True)
        }

    return run


class _OnDevice:
    """An output that is copied to the host only when it is looked at."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self._value.numpy(), dtype)
