"""MNN: the ONNX model, converted by the tool that its package ships."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from zqcnn_xp.bench.network import Arrays, Network, Runner

__all__ = ["prepare"]

# The converter's own command also reports to a server; the function beneath does not. It may end
# the process, hence one of its own.
_CONVERT = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv[1:])"


def prepare(network: Network, threads: int) -> Runner:
    """Convert the network and make a session in MNN's high precision, which is float32."""
    import MNN

    with TemporaryDirectory() as folder:
        source, target = Path(folder, "net.onnx"), Path(folder, "net.mnn")
        source.write_bytes(network.onnx)
        options = ["-f", "ONNX", "--modelFile", str(source), "--MNNModel", str(target)]
        command = [sys.executable, "-P", "-c", _CONVERT, "mnnconvert", *options, "--bizCode", "net"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if not target.is_file():
            msg = f"MNN does not convert the network: {done.stderr.strip()[-300:]}"
            raise RuntimeError(msg)
        interpreter = MNN.Interpreter(str(target))
    session = interpreter.createSession(
        {"backend": "CPU", "numThread": threads, "precision": "high"}
    )
    nchw = MNN.Tensor_DimensionType_Caffe
    given = []
    for name, array in network.inputs.items():
        tensor = interpreter.getSessionInput(session, name)
        interpreter.resizeTensor(tensor, array.shape)
        given.append((tensor, array))
    interpreter.resizeSession(session)
    results = []
    for name in network.graph.outputs:
        tensor = interpreter.getSessionOutput(session, name)
        results.append((name, tensor, tuple(tensor.getShape())))

    def run() -> Arrays:
        for tensor, array in given:
            tensor.copyFrom(MNN.Tensor(array.shape, MNN.Halide_Type_Float, array, nchw))
        interpreter.runSession(session)
        found = {}
        for name, tensor, shape in results:
            host = MNN.Tensor(shape, MNN.Halide_Type_Float, np.empty(shape, np.float32), nchw)
            tensor.copyToHostTensor(host)
            found[name] = np.array(host.getNumpyData()).reshape(shape)
        return found

    return run
