"""What is missing is named, with the command that brings it."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from zqcnn_xp.errors import BackendUnavailable
from zqcnn_xp_cupy import CupyBackend, availability


def test_importing_the_plugin_and_scoring_it_import_no_cupy():
    code = (
        "import sys; from zqcnn_xp_cupy import CupyBackend; CupyBackend.auto_score(); "
        "sys.exit('cupy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_package(monkeypatch):
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(availability, "find_spec", lambda name: None)
    monkeypatch.setattr(availability, "driver_version", lambda: 13010)
    with pytest.raises(BackendUnavailable, match="not installed") as caught:
        CupyBackend()
    assert caught.value.pip == "pip install 'zqcnn-xp[cupy13]'"
    assert CupyBackend.auto_score() == (0, "CuPy is not installed")
    found = CupyBackend.probe()
    assert not found.ready
    assert found.pip == "pip install 'zqcnn-xp[cupy13]'"


def test_without_package_and_driver(monkeypatch):
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(availability, "find_spec", lambda name: None)
    monkeypatch.setattr(availability, "driver_version", lambda: 0)
    with pytest.raises(BackendUnavailable, match="no NVIDIA driver") as caught:
        CupyBackend()
    assert caught.value.pip == "pip install 'zqcnn-xp[cupy12]'"


def test_without_a_driver(sim, monkeypatch):
    def fail():
        raise sim.cuda.runtime.CUDARuntimeError("cudaErrorInsufficientDriver")

    monkeypatch.setattr(sim.cuda.runtime, "getDeviceCount", fail)
    monkeypatch.setattr(availability, "driver_version", lambda: 0)
    with pytest.raises(BackendUnavailable, match=r"no CUDA device.*no NVIDIA driver") as caught:
        CupyBackend()
    assert caught.value.pip is None  # pip cannot bring one


def test_without_devices(sim, monkeypatch):
    monkeypatch.setattr(sim.cuda.runtime, "getDeviceCount", lambda: 0)
    with pytest.raises(BackendUnavailable, match="lists none"):
        CupyBackend()


def test_without_cublas(sim, monkeypatch):
    monkeypatch.delattr(sim.cuda, "cublas")

    class Cuda(type(sim.cuda)):
        def __getattr__(self, name):
            raise ImportError("libcublas.so.12 not found")

    monkeypatch.setattr(sim, "cuda", Cuda(**vars(sim.cuda)))
    with pytest.raises(BackendUnavailable, match="cuBLAS: libcublas") as caught:
        CupyBackend()
    assert "zqcnn-xp[cupy1" in caught.value.pip


def test_a_broken_package(sim, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # importing it raises ImportError
    with pytest.raises(BackendUnavailable, match="cannot be imported"):
        CupyBackend()


def test_a_probe_reports_any_failure(sim, monkeypatch):
    monkeypatch.delattr(sim.cuda.runtime, "getDeviceProperties")
    found = CupyBackend.probe()
    assert not found.ready
    assert "getDeviceProperties" in found.reason


def test_ready(sim, monkeypatch):
    monkeypatch.setattr("zqcnn_xp_cupy.backend.driver_version", lambda: 12080)
    found = CupyBackend.probe()
    assert found.ready
    assert found.version == sim.__version__
    assert found.devices == ("cuda:0 (Simulated 0)", "cuda:1 (Simulated 1)")
    assert CupyBackend.auto_score()[0] > 50


def test_the_driver_is_asked(monkeypatch):
    class Driver:
        @staticmethod
        def cuDriverGetVersion(pointer):  # noqa: N802 - CUDA's name
            ctypes.cast(pointer, ctypes.POINTER(ctypes.c_int))[0] = 12090
            return 0

    monkeypatch.setattr(availability.ctypes, "CDLL", lambda name: Driver)
    assert availability.driver_version() == 12090

    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(availability.ctypes, "CDLL", absent)
    assert availability.driver_version() == 0
