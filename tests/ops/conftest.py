"""ONNX Runtime as a second opinion: one node, run on given arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zqcnn_xp.testing.check_op import installed

RunNode = Callable[..., list[np.ndarray]]


@pytest.fixture(autouse=True)
def _library_is_there(request: pytest.FixtureRequest) -> None:
    """Skip what asks for an array library that is not installed, torch for instance."""
    held = getattr(request.node, "callspec", None)
    name = held.params.get("namespace") if held is not None else None
    if name is not None and name not in installed():
        pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="session")
def run_onnx() -> RunNode:
    """``run_onnx(type, *inputs, **attributes)``: the outputs of a one-node ONNX model."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4

    def run(kind: str, *inputs: np.ndarray | None, opset: int = 19, **attributes: Any) -> list:
        helper = onnx.helper
        names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
        feeds = {name: x for name, x in zip(names, inputs, strict=True) if x is not None}
        infos = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(x.dtype), list(x.shape)
            )
            for name, x in feeds.items()
        ]
        out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
        node = helper.make_node(kind, names, ["y"], **attributes)
        graph = helper.make_graph([node], "one", infos, [out])
        imports = [helper.make_opsetid("", opset)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=9)
        session = runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, feeds)

    return run
