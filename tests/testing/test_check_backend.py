"""The conformance suite passes what conforms and catches what does not."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from zqcnn_xp import Backend, BackendUnavailable, InputError, get_backend
from zqcnn_xp.backend import Availability
from zqcnn_xp.executable import Walk
from zqcnn_xp.ops import Activation, Conv2D
from zqcnn_xp.testing import ConformanceError, OpCase, check_backend

FEW = [OpCase(Conv2D(4, (3, 3)), ((1, 3, 6, 7),)), OpCase(Activation("relu"), ((2, 3, 4, 4),))]


@pytest.mark.parametrize("name", ["numpy", "array_api_strict", "torch"])
def test_a_plain_backend_conforms_on(name):
    report = check_backend(Backend(pytest.importorskip(name)))
    assert report.counts["reference"] > 1000
    assert report.counts["compiled op"] > 1000
    assert report.counts["graph"] > 50
    assert report.largest_error < 1e-5
    assert any("device" in what for what in report.skipped)


def test_the_numpy_plugin_conforms():
    report = check_backend(get_backend("numpy"))
    assert report.counts["kernel"] > 100
    assert report.skipped == ()


def test_the_llvm_plugin_conforms():
    pytest.importorskip("llvmlite")
    report = check_backend(get_backend("llvm"))
    assert report.counts["compiled op"] > 1000
    assert report.skipped == ()


class Good(Backend):
    """Conforms; each wrong backend below breaks one thing of it."""

    name = "good"

    def __init__(self, device=None):
        if device is not None:
            raise BackendUnavailable(f"no device {device!r}")
        super().__init__(np)


class WrongKernel(Good):
    def kernel(self, op, *shapes):
        if isinstance(op, Conv2D):
            return lambda w, *xs: (op.forward(np, w, *xs)[0] * np.float32(1.0001),)
        return None


class DoubleKernel(Good):
    def kernel(self, op, *shapes):
        return lambda w, *xs: tuple(y.astype(np.float64) for y in op.forward(np, w, *xs))


class RaisingKernel(Good):
    def kernel(self, op, *shapes):
        raise RuntimeError("out of registers")


class TouchesWeights(Good):
    def prepare(self, op, weights):
        for w in weights.values():
            w *= 1.0
        return dict(weights)


class TouchesInputs(Good):
    def from_numpy(self, x):
        return np.array(x)

    def kernel(self, op, *shapes):
        def kernel(w, x, *rest):
            found = op.forward(np, w, x, *rest)
            x += 1
            return found

        return kernel


class DropsOutput(Good):
    def compile(self, graph, shapes, weights=None):
        run = super().compile(graph, shapes, weights)
        return lambda inputs: dict(list(run(inputs).items())[:1])


class ReusesBuffers(Good):
    def compile(self, graph, shapes, weights=None):
        walk = Walk(graph, shapes, self, weights or self.prepare_graph(graph))
        kept = {}

        def run(inputs):
            for name, y in walk(inputs).items():
                kept.setdefault(name, np.empty_like(y))[...] = y
            return dict(kept)

        return run


class AnyDevice(Good):
    def __init__(self, device=None):
        super().__init__()


class StrangeDeviceError(Good):
    def __init__(self, device=None):
        if device is not None:
            raise KeyError(device)
        super().__init__()


class NotReady(Good):
    @classmethod
    def probe(cls):
        return Availability(ready=False, reason="resting")


class TakesAnything(Good):
    def from_array(self, x):
        return self.from_numpy(np.zeros(3, np.float32) if x is None else x)


class LosesPrecision(Good):
    def to_numpy(self, x):
        return np.asarray(x) * np.float32(0.999)


def test_the_base_of_the_wrong_ones_conforms():
    report = check_backend(Good(), cases=FEW)
    assert report.counts["device"] == 1


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (WrongKernel, "fails the check 'kernel'(.|\n)*Conv2D"),
        (DoubleKernel, "'kernel'(.|\n)*dtype float64"),
        (RaisingKernel, "out of registers"),
        (TouchesWeights, "read-only"),
        (TouchesInputs, "'inputs untouched'"),
        (DropsOutput, "'graph'"),
        (ReusesBuffers, "'graph'"),
        (AnyDevice, "'device'"),
        (StrangeDeviceError, "'device'(.|\n)*KeyError"),
        (NotReady, "resting"),
        (TakesAnything, "InputError"),
        (LosesPrecision, "'arrays'"),
    ],
)
def test_a_wrong_backend_is_caught(kind, said):
    with pytest.raises(ConformanceError, match=said):
        check_backend(kind(), cases=FEW)


def test_an_error_names_op_shapes_and_seed():
    with pytest.raises(ConformanceError) as caught:
        check_backend(WrongKernel(), cases=[OpCase(Conv2D(4, (3, 3)), ((1, 3, 6, 7),), seed=77)])
    message = str(caught.value)
    assert "out_channels=4" in message
    assert "(1, 3, 6, 7)" in message
    assert "seed=77" in message


def test_something_else_is_refused():
    with pytest.raises(InputError, match="found str"):
        check_backend("numpy")


def test_no_test_framework_is_needed():
    code = (
        "import sys; sys.modules['pytest'] = None; import numpy, zqcnn_xp.testing as t;"
        "from zqcnn_xp import Backend; t.check_backend(Backend(numpy), cases=[])"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
