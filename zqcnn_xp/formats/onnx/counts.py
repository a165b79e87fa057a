"""Count the parts of an ONNX file before they become objects, which take far more memory."""

from __future__ import annotations

from collections.abc import Mapping

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits

__all__ = ["check_counts"]

_BYTES = 2
_SIZES = {1: 8, 5: 4}  # wire types of fixed size
_FIELDS, _MESSAGES = 12, 4  # a layer
# Message -> number of a field -> the message in it; what is in a leaf does not matter.
_SCHEMA: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 8: "leaf", 14: "leaf", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph", 3: "leaf", 4: "leaf"},
    "function": {7: "node", 9: "leaf", 11: "attribute", 12: "port", 14: "leaf"},
    "graph": {
        1: "node", 5: "tensor", 11: "port", 12: "port", 13: "port", 14: "leaf", 15: "leaf",
        16: "leaf",
    },
    "node": {5: "attribute", 9: "leaf"},
    "attribute": {5: "leaf", 6: "graph", 10: "leaf", 11: "graph", 14: "leaf", 15: "leaf"},
    "port": {2: "type", 4: "leaf"},
    "type": {1: "kind", 4: "leaf", 5: "leaf", 8: "kind", 9: "leaf"},
    "kind": {2: "shape"},
    "shape": {1: "leaf"},
}  # fmt: skip


def check_counts(file: str, data: bytes | memoryview, limits: Limits) -> None:
    """Refuse a model of too many nodes, initializers or other parts.

    What is no protobuf message is passed over: the decoder says what is wrong with it.

    Parameters
    ----------
    file
        For the message.
    data
        The whole file.
    limits
        ``max_layers`` bounds the nodes, of all graphs together, ``max_tensors`` the
        initializers. There may be four messages of any kind (attributes, ports, declared
        sizes) for each of these layers, and twelve fields.

    Raises
    ------
    FormatError
        With the bound that is passed.

    Examples
    --------
    >>> check_counts("a.onnx", bytes([58, 4, 10, 0, 10, 0]), Limits(max_layers=1))
    Traceback (most recent call last):
    ...
    zqcnn_xp.errors.FormatError: a.onnx: found more than 1 nodes, expected fewer (Limits.max_layers)
    """
    left = {
        "nodes": limits.max_layers,
        "initializers": limits.max_tensors,
        "messages": _MESSAGES * limits.max_layers + limits.max_tensors,
        "fields": _FIELDS * limits.max_layers,
    }
    most = dict(left)
    waiting = [("model", 0, len(data))]
    while waiting:
        kind, place, stop = waiting.pop()
        inside = _SCHEMA[kind]
        while place < stop:
            tag, place = _varint(data, place, stop)
            wire, size = tag & 7, _SIZES.get(tag & 7, 0)
            if wire in (0, _BYTES):
                size, place = _varint(data, place, stop)
            if wire == 0:
                size = 0
            if tag < 8 or wire in (3, 4, 6, 7) or place + size > stop:
                break
            begin, place = place, place + size
            counted = ["fields"]
            child = inside.get(tag >> 3) if wire == _BYTES else None
            if child is not None:
                counted += ["messages"]
                counted += {"node": ["nodes"], "tensor": ["initializers"]}.get(child, [])
                if child in _SCHEMA:
                    waiting.append((child, begin, place))
            for what in counted:
                left[what] -= 1
                if left[what] < 0:
                    name = "max_tensors" if what == "initializers" else "max_layers"
                    found = f"more than {most[what]:,} {what}"
                    raise FormatError(file, "", found, f"fewer (Limits.{name})")


def _varint(data: bytes | memoryview, place: int, stop: int) -> tuple[int, int]:
    """Return a number and the place after it; a field of no kind where there is none."""
    value = shift = 0
    while place < stop and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
    return 0, stop
