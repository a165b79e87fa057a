"""Small IR files written here, run by our references and, where it is installed, by OpenVINO."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import array_api_compat.numpy as xp
import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats.openvino import reader
from zqcnn_xp.layout import to_logical, to_storage

ELEMENTS = {"float32": "f32", "float16": "f16", "float64": "f64", "int64": "i64", "int32": "i32"}
PRECISIONS = {"f16": "FP16", "i64": "I64", "i32": "I32", "f64": "FP64"}


class Net:
    """Writes layers one after the other; every method gives back the layer's number."""

    def __init__(self, version=11):
        self.version = version
        self.layers, self.edges, self.bin = [], [], b""

    def layer(self, kind, inputs=(), data=None, version="opset1", outputs=1, names=(), name=None):
        """Add a layer that reads (the first output of) others, or ``(layer, output)``."""
        number = len(self.layers)
        precision = PRECISIONS.get((data or {}).get("element_type"), "FP32")
        attributes = "".join(f" {k}={quoteattr(str(v))}" for k, v in (data or {}).items())
        inputs = [source if isinstance(source, tuple) else (source, 0) for source in inputs]
        ports = "".join(f'<port id="{k}" precision="FP32"/>' for k in range(len(inputs)))
        given = [f" names={quoteattr(names[k])}" if k < len(names) else "" for k in range(outputs)]
        gives = "".join(
            f'<port id="{len(inputs) + k}" precision="{precision}"{given[k]}/>'
            for k in range(outputs)
        )
        text = (
            f'<layer id="{number}" name="{name or f"n{number}"}" type="{kind}" version="{version}">'
        )
        text += f"<data{attributes}/>" if attributes else ""
        text += f"<input>{ports}</input>" if inputs else ""
        text += f"<output>{gives}</output>" if outputs else ""
        self.layers.append((text + "</layer>", len(inputs)))
        for port, (source, output) in enumerate(inputs):
            place = self.layers[source][1] + output
            self.edges.append((source, place, number, port))
        return number

    def parameter(self, shape, name="x"):
        """Add an input; None is a free size."""
        text = ",".join("?" if size is None else str(size) for size in shape)
        data = {"shape": text, "element_type": "f32"}
        return self.layer("Parameter", (), data, names=[name], name=f"{name}_layer")

    def const(self, array):
        """Add a constant of its own dtype."""
        array = np.asarray(array)
        data = {
            "element_type": ELEMENTS[str(array.dtype)],
            "shape": ", ".join(map(str, array.shape)),
            "offset": len(self.bin),
            "size": array.nbytes,
        }
        self.bin += array.tobytes()
        return self.layer("Const", (), data)

    def result(self, source):
        """Add an output."""
        return self.layer("Result", [source], outputs=0)

    def xml(self):
        """The text file."""
        keys = ("from-layer", "from-port", "to-layer", "to-port")
        edges = [" ".join(f'{k}="{v}"' for k, v in zip(keys, e, strict=True)) for e in self.edges]
        lines = ['<?xml version="1.0"?>', f'<net name="made" version="{self.version}">', "<layers>"]
        lines += [text for text, _ in self.layers]
        lines += ["</layers>", "<edges>", *(f"<edge {edge}/>" for edge in edges)]
        return "\n".join([*lines, "</edges>", "</net>"]).encode()

    def graph(self, **options):
        """Read by our reader."""
        return reader.read(self.xml(), self.bin, **options)

    def ours(self, **inputs):
        """What the references of our ops compute."""
        graph = self.graph()
        shapes = {name: array.shape for name, array in inputs.items()}
        graph.check_weights(shapes)
        compiled = Backend(xp).compile(graph, shapes)
        found = compiled({name: to_storage(xp, array) for name, array in inputs.items()})
        return [np.asarray(to_logical(xp, found[name])) for name in graph.outputs]

    def theirs(self, **inputs):
        """What OpenVINO computes; skips without it."""
        openvino = pytest.importorskip(
            "openvino", reason="needs OpenVINO: pip install 'zqcnn-xp[peers]'"
        )
        core = openvino.Core()
        weights = openvino.Tensor(np.frombuffer(self.bin or b"\0", np.uint8).copy())
        model = core.read_model(model=self.xml(), weights=weights)
        hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        return list(core.compile_model(model, "CPU", hints)(list(inputs.values())).values())

    def compare(self, tolerance=1e-5, **inputs):
        """Both must agree in every output."""
        want = self.theirs(**inputs)
        have = self.ours(**inputs)
        assert len(have) == len(want)
        for mine, other in zip(have, want, strict=True):
            assert mine.shape == other.shape
            assert mine.dtype == np.float32
            bound = tolerance * max(1.0, float(np.abs(other).max(initial=0)))
            assert np.abs(mine - other).max(initial=0) <= bound


@pytest.fixture(scope="session")
def net():
    """The `Net` class."""
    return Net
