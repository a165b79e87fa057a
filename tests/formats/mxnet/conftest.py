"""Small MXNet files, written byte by byte."""

from __future__ import annotations

import json
import struct

import array_api_compat.numpy as xp
import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats.mxnet import reader
from zqcnn_xp.layout import to_logical, to_storage


class Mxnet:
    """Makes the two files, reads them, runs what was read."""

    @staticmethod
    def array(value, version=0xF993FAC9, kind=0, dtype="<f4"):
        value = np.asarray(value)
        shape = value.shape
        head = struct.pack("<I", version) if version > 64 else b""
        if version in (0xF993FAC9, 0xF993FACA):
            head += struct.pack("<i", 0)
        wide = version > 64
        head += struct.pack("<I" + ("q" if wide else "I") * len(shape), len(shape), *shape)
        raw = value.tobytes() if dtype is None else value.astype(dtype).tobytes()
        return head + struct.pack("<iii", 1, 0, kind) + raw

    @classmethod
    def params(cls, arrays, **options):
        names = [name if ":" in name else f"arg:{name}" for name in arrays]
        data = struct.pack("<QQQ", 0x112, 0, len(arrays))
        data += b"".join(cls.array(value, **options) for value in arrays.values())
        data += struct.pack("<Q", len(names))
        return data + b"".join(struct.pack("<Q", len(n)) + n.encode() for n in names)

    @staticmethod
    def symbol(nodes, heads=None, key="attrs"):
        """``nodes``: (op, name, inputs by name or (name, output), attributes)."""
        places, found = {}, []
        for op, name, inputs, attributes in nodes:
            entries = [(i, 0) if isinstance(i, str) else i for i in inputs]
            node = {"op": op, "name": name, "inputs": [[places[n], k, 0] for n, k in entries]}
            if attributes:
                node[key] = {k: str(v) for k, v in attributes.items()}
            places[name] = len(found)
            found.append(node)
        heads = [nodes[-1][1]] if heads is None else heads
        entries = [(h, 0) if isinstance(h, str) else h for h in heads]
        return json.dumps({"nodes": found, "heads": [[places[n], k, 0] for n, k in entries]})

    @classmethod
    def one(cls, op, attributes=None, arrays=None, shape=(1, 3, 8, 8), inputs=None, heads=None):
        """A network of one operator on ``data``; arrays become variables in order."""
        arrays = arrays or {}
        dims = {"__shape__": shape}
        nodes = [("null", "data", [], dims)] + [("null", name, [], {}) for name in arrays]
        nodes.append((op, "op", ["data", *arrays] if inputs is None else inputs, attributes or {}))
        return reader.read(cls.symbol(nodes, heads).encode(), cls.params(arrays))

    @staticmethod
    def run(graph, x):
        shapes = {s.name: x.shape for s in graph.inputs}
        graph.check_weights(shapes)
        compiled = Backend(xp).compile(graph, shapes)
        found = compiled({name: to_storage(xp, x) for name in shapes})
        return [np.asarray(to_logical(xp, found[value])) for value in graph.outputs]


@pytest.fixture(scope="session")
def mxnet():
    return Mxnet


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
