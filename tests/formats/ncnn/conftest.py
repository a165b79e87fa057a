"""Small ncnn files, and ncnn itself as the judge of what they mean."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import array_api_compat.numpy as xp
import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats.ncnn import reader
from zqcnn_xp.layout import to_logical, to_storage


class Ncnn:
    """Makes files, runs them here and in ncnn."""

    @staticmethod
    def flagged(array, word=0):
        """A main weight: the storage word, then float32."""
        return struct.pack("<I", word) + np.asarray(array, "<f4").tobytes()

    @staticmethod
    def raw(*arrays):
        return b"".join(np.asarray(array, "<f4").tobytes() for array in arrays)

    @staticmethod
    def param(*lines):
        blobs = 0
        for line in lines:
            blobs += int(line.split()[3])
        return "\n".join(["7767517", f"{len(lines)} {blobs}", *lines, ""]).encode()

    @classmethod
    def layer(cls, kind, keys="", shape=(3, 8, 8), tops=1):
        """An input of one to three axes and a layer on it."""
        named = " ".join(f"{k}={n}" for k, n in enumerate(reversed(shape)))
        names = " ".join(f"y{k}" if k else "y" for k in range(tops))
        return cls.param(f"Input x 0 1 x {named}", f"{kind} l 1 {tops} x {names} {keys}")

    @staticmethod
    def ours(param, weights, inputs, outputs=("y",), **options):
        """Run here; inputs and results are without a batch."""
        graph = reader.read(param, weights, **options)
        batch = {name: np.asarray(x, np.float32)[None] for name, x in inputs.items()}
        shapes = {name: x.shape for name, x in batch.items()}
        graph.check_weights({s.name: shapes[s.name] for s in graph.inputs})
        wanted = graph.subgraph([graph.value(name) for name in outputs])
        given = {s.name: to_storage(xp, batch[s.name]) for s in wanted.inputs}
        compiled = Backend(xp).compile(wanted, {s.name: shapes[s.name] for s in wanted.inputs})
        found = compiled(given)
        return [np.asarray(to_logical(xp, found[graph.value(n)]))[0] for n in outputs]

    @staticmethod
    def theirs(param, weights, inputs, outputs=("y",)):
        """Run in ncnn, float32, without its faster approximations."""
        ncnn = pytest.importorskip("ncnn")
        net = ncnn.Net()
        for option in ("vulkan_compute", "fp16_packed", "fp16_storage", "fp16_arithmetic"):
            setattr(net.opt, f"use_{option}", False)
        for option in ("packing_layout", "winograd_convolution", "sgemm_convolution"):
            setattr(net.opt, f"use_{option}", False)
        net.opt.use_int8_inference = False
        net.opt.use_bf16_storage = False
        net.opt.num_threads = 1
        with tempfile.TemporaryDirectory() as folder:
            for name, data in (("net.param", param), ("net.bin", weights)):
                (Path(folder) / name).write_bytes(data)
            assert net.load_param(f"{folder}/net.param") == 0
            assert net.load_model(f"{folder}/net.bin") == 0
        extractor = net.create_extractor()
        for name, x in inputs.items():
            extractor.input(name, ncnn.Mat(np.ascontiguousarray(x, np.float32)).clone())
        found = []
        for name in outputs:
            code, mat = extractor.extract(name)
            assert code == 0
            found.append(np.array(mat))
        return found

    @classmethod
    def compare(cls, param, weights, inputs, outputs=("y",), tolerance=1e-5, **options):
        ours = cls.ours(param, weights, inputs, outputs, **options)
        for name, have, want in zip(
            outputs, ours, cls.theirs(param, weights, inputs, outputs), strict=True
        ):
            assert have.shape == want.shape, (name, have.shape, want.shape)
            scale = max(1.0, float(np.abs(want).max(initial=0)))
            np.testing.assert_allclose(have, want, rtol=0, atol=tolerance * scale, err_msg=name)
        return ours


@pytest.fixture(scope="session")
def ncnn():
    return Ncnn


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(3, 8, 8)).astype(np.float32)
