"""Small ONNX models, and the comparison of ours with ONNX Runtime."""

from __future__ import annotations

import array_api_compat.numpy as xp
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats.onnx import reader
from zqcnn_xp.layout import to_logical, to_storage


class Models:
    """Builds models and runs them both ways."""

    @staticmethod
    def bytes(nodes, inputs, constants=None, opset=13, outputs=("y",), free=()):
        """A model of NodeProtos; ``inputs`` are arrays by name, ``free`` their open axes."""
        ports = [
            helper.make_tensor_value_info(
                name,
                TensorProto.FLOAT,
                [f"d{k}" if k in free else size for k, size in enumerate(array.shape)],
            )
            for name, array in inputs.items()
        ]
        graph = helper.make_graph(
            nodes,
            "g",
            ports,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [numpy_helper.from_array(np.asarray(a), n) for n, a in (constants or {}).items()],
        )
        opsets = [helper.make_opsetid("", opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    @classmethod
    def one(cls, op_type, x, constants=None, opset=13, free=(), operands=None, **attributes):
        """A model of one node, of ``x`` and the constants in order unless operands says else."""
        names = ["x", *(constants or {})] if operands is None else operands
        node = helper.make_node(op_type, names, ["y"], name="the_node", **attributes)
        return cls.bytes([node], {"x": x}, constants, opset, free=free)

    @staticmethod
    def with_tensor(change):
        """A model that adds the tensor ``w``, ones of shape (1, 3), after a change of its proto."""
        tensor = numpy_helper.from_array(np.ones((1, 3), np.float32), "w")
        change(tensor)
        port = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        node = helper.make_node("Add", ["x", "w"], ["y"])
        graph = helper.make_graph([node], "g", [port], [out], [tensor])
        opsets = [helper.make_opsetid("", 13)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    @staticmethod
    def reference(data, inputs):
        """What ONNX Runtime computes, unoptimised."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        run = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in run.get_outputs()]
        return dict(zip(names, run.run(None, inputs), strict=True))

    @staticmethod
    def ours(graph, inputs):
        """What the references of our ops compute, without any backend's kernels."""
        shapes = {name: array.shape for name, array in inputs.items()}
        graph.check_weights(shapes)
        compiled = Backend(xp).compile(graph, shapes)
        found = compiled({name: to_storage(xp, array) for name, array in inputs.items()})
        return {name: np.asarray(to_logical(xp, value)) for name, value in found.items()}

    @classmethod
    def compare(cls, data, inputs, tolerance=1e-5):
        """Both must agree in every output; returns the graph."""
        want = cls.reference(data, inputs)
        graph = reader.read(data)
        have = cls.ours(graph, inputs)
        assert list(have) == list(want)
        for name, value in want.items():
            assert have[name].shape == value.shape
            assert have[name].dtype == np.float32
            bound = tolerance * max(1, np.abs(value).max(initial=0))
            assert np.abs(have[name] - value).max(initial=0) <= bound
        return graph


@pytest.fixture(scope="session")
def models():
    """The `Models` class."""
    return Models
