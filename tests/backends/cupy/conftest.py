"""The CuPy backend under test: on the simulator always, on a GPU where there is one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import array_api_compat.numpy
import numpy as np
import pytest

from zqcnn_xp.errors import BackendUnavailable
from zqcnn_xp_cupy import CupyBackend


def _load_simulator():
    if "cupysim" not in sys.modules:
        folder = Path(__file__).parent / "cupysim"
        spec = importlib.util.spec_from_file_location(
            "cupysim", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules["cupysim"] = module
        spec.loader.exec_module(module)
    return sys.modules["cupysim"]


@pytest.fixture(scope="session")
def cupysim():
    """The simulator package; skips where no C++ compiler can build kernels."""
    simulator = _load_simulator()
    if simulator.kernels.compiler() is None:
        pytest.skip("no C++ compiler (c++, g++ or clang++) to build the simulated kernels with")
    return simulator


@pytest.fixture
def sim(cupysim, monkeypatch):
    """The simulated ``cupy`` module, in place of the real one for one test."""
    return cupysim.install(monkeypatch)


@pytest.fixture(params=["simulator", pytest.param("gpu", marks=pytest.mark.gpu)])
def make_backend(request):
    """A function that makes a `CupyBackend` with options, on the simulator or a GPU."""
    if request.param == "simulator":
        request.getfixturevalue("sim")
    else:
        # A test of the simulator must never count as one of a GPU.
        assert "sim" not in request.fixturenames
        try:
            CupyBackend()
        except BackendUnavailable as error:
            pytest.skip(f"no GPU: {error.reason}")
    return CupyBackend


@pytest.fixture
def backend(make_backend):
    """A backend on the simulator, and again on a GPU."""
    return make_backend()


@pytest.fixture
def sim_backend(sim):
    """A backend on the simulator alone, for tests that look into it."""
    return CupyBackend()


@pytest.fixture
def compare():
    """Run an op's native kernel and its NumPy reference; return the native function or None."""

    def run(backend, op, shape, seed=0, *, same=False):
        rng = np.random.default_rng(seed)
        weights = {
            name: rng.standard_normal(size).astype(np.float32)
            for name, size in op.weights(shape).items()
        }
        stored = (shape[0], *shape[2:], shape[1]) if len(shape) == 4 else shape
        x = rng.standard_normal(stored).astype(np.float32)
        with np.errstate(all="ignore"):
            wanted = op.forward(array_api_compat.numpy, weights, x)[0]
        native = backend.kernel(op, shape)
        if native is None:
            return None
        (y,) = native(backend.prepare(op, weights), backend.from_numpy(x))
        found = backend.to_numpy(y)
        assert found.dtype == np.float32
        assert found.shape == wanted.shape
        scale = 0.0 if same else 1e-5 * np.abs(wanted).max(initial=1e-30)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=scale)
        return native

    return run
