"""From the bytes of an ONNX file to records, with the official ``onnx`` package.

The package is imported here and only on use: it costs a tenth of a second. Its checker and its
shape inference are not called; every count is compared with the bytes there are instead, and
shapes are inferred by our own ops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zqcnn_xp.errors import ConfigError, FormatError
from zqcnn_xp.formats.onnx.external import ExternalData
from zqcnn_xp.formats.onnx.records import Attribute, ModelRecord, NodeRecord, Port
from zqcnn_xp.formats.onnx.tensors import DTYPES, tensor_array

__all__ = ["OPSETS", "parse"]

OPSETS = range(7, 23)
"""Versions of the standard operator set that are read."""

_OLDEST = (1, 16)
_PIP = "pip install 'onnx>=1.21'"
# AttributeProto.AttributeType
_KINDS = {
    1: "float", 2: "int", 3: "string", 4: "tensor", 5: "graph", 6: "floats", 7: "ints",
    8: "strings", 9: "tensors", 10: "graphs", 11: "sparse_tensor", 12: "sparse_tensors",
    13: "type_proto", 14: "type_protos",
}  # fmt: skip


def parse(file: str, data: bytes, external: ExternalData) -> ModelRecord:
    """Decode a model.

    Raises
    ------
    FormatError
        If the bytes are no ONNX model, or hold what is not read: sparse or segmented
        tensors, functions, operator sets beyond `OPSETS`.
    ConfigError
        If the ``onnx`` package is missing or too old.
    """
    onnx = _package()
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(data)
        return _model(file, model, external)
    except UnicodeDecodeError as error:
        raise FormatError(file, "", f"text that is not UTF-8 ({error})", "UTF-8 names") from error
    except DecodeError as error:
        found = f"{len(data)} bytes that are no protobuf message ({error})"
        raise FormatError(file, "", found, "an ONNX model") from error


def _package() -> Any:
    try:
        import onnx
    except ImportError as error:
        msg = f"found no package onnx, which reading ONNX files needs; install it with: {_PIP}"
        raise ConfigError(msg) from error
    version = tuple(int(part) for part in onnx.__version__.split(".")[:2] if part.isdigit())
    if version < _OLDEST:
        msg = f"found onnx {onnx.__version__}, expected 1.16 or newer; install it with: {_PIP}"
        raise ConfigError(msg)
    return onnx


def _model(file: str, model: Any, external: ExternalData) -> ModelRecord:
    if not model.HasField("graph"):
        raise FormatError(file, "", "no graph", "an ONNX model")
    if model.functions:
        raise FormatError(file, "", "model-local functions", "standard operators")
    graph = model.graph
    if graph.sparse_initializer:
        raise FormatError(file, "", "sparse initializers", "dense ones")
    tensors = {}
    for proto in graph.initializer:
        if not proto.name or proto.name in tensors:
            expected = "initializers of different names"
            raise FormatError(file, f"initializer {proto.name!r}", "a second or no name", expected)
        tensors[proto.name] = tensor_array(file, proto, external)
    inputs = tuple(_port(file, port) for port in graph.input if port.name not in tensors)
    return ModelRecord(
        file=file,
        name=graph.name,
        opset=_opset(file, model),
        inputs=inputs,
        outputs=tuple(_port(file, port) for port in graph.output),
        tensors=tensors,
        nodes=tuple(_node(file, i, node, external) for i, node in enumerate(graph.node)),
        metadata={entry.key: entry.value for entry in model.metadata_props},
    )


def _opset(file: str, model: Any) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    found = ", ".join(map(str, versions)) or "none"
    if len(set(versions)) != 1 or versions[0] not in OPSETS:
        expected = f"one of {OPSETS.start} to {OPSETS.stop - 1}"
        raise FormatError(file, "opset_import", f"operator set {found}", expected)
    return int(versions[0])


def _port(file: str, port: Any) -> Port:
    if not port.type.HasField("tensor_type"):
        raise FormatError(file, f"value {port.name!r}", "a value that is no tensor", "a tensor")
    kind = port.type.tensor_type
    dtype = np.dtype(DTYPES[kind.elem_type][0]) if kind.elem_type in DTYPES else None
    shape: tuple[int | None, ...] | None = None
    if kind.HasField("shape"):
        # Exporters also write 0 or -1 for a size they leave open.
        sizes = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim]
        shape = tuple(int(size) if size > 0 else None for size in sizes)
    return Port(port.name, shape, dtype)


def _node(file: str, index: int, node: Any, external: ExternalData) -> NodeRecord:
    domain = "" if node.domain == "ai.onnx" else node.domain
    inputs, outputs = tuple(node.input), tuple(node.output)
    record = NodeRecord(index, node.name, node.op_type, domain, inputs, outputs, {})
    attributes: dict[str, Attribute] = {}
    for proto in node.attribute:
        if proto.name in attributes:
            found = f"attribute {proto.name!r} twice"
            raise FormatError(file, record.label, found, "every attribute once")
        attributes[proto.name] = _attribute(file, record.label, proto, external)
    return NodeRecord(index, node.name, node.op_type, domain, inputs, outputs, attributes)


def _attribute(file: str, where: str, proto: Any, external: ExternalData) -> Attribute:
    kind = _KINDS.get(proto.type, "undefined")
    value: Any = None
    if kind == "float":
        value = float(proto.f)
    elif kind == "int":
        value = int(proto.i)
    elif kind == "string":
        value = proto.s.decode("utf-8")
    elif kind == "tensor":
        try:
            value = tensor_array(file, proto.t, external)
        except FormatError as error:
            place = f"{where}, attribute {proto.name!r}"
            raise FormatError(file, place, error.found, error.expected) from error
    elif kind == "floats":
        value = tuple(float(x) for x in proto.floats)
    elif kind == "ints":
        value = tuple(int(x) for x in proto.ints)
    elif kind == "strings":
        value = tuple(x.decode("utf-8") for x in proto.strings)
    return Attribute(kind, value)
