"""Whether ``auto`` takes the llvm backend on a CPU."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from zqcnn_xp import registry
from zqcnn_xp.registry import get_backend


@pytest.fixture(autouse=True)
def cpu_plugins(monkeypatch):
    """Only the two backends that need no accelerator, and no setting from outside."""
    named = {"numpy": "zqcnn_xp_numpy:NumpyBackend", "llvm": "zqcnn_xp_llvm:LlvmBackend"}
    points = {name: EntryPoint(name, value, registry.GROUP) for name, value in named.items()}
    monkeypatch.setattr(registry, "_plugins", lambda: points)
    monkeypatch.delenv("ZQCNN_XP_BACKEND", raising=False)


def test_auto_takes_compiled_kernels_on_a_cpu(cpu_plugins, monkeypatch):
    pytest.importorskip("llvmlite")
    made = get_backend("auto")
    assert (made.name, made.choice.fallback) == ("llvm", False)
    assert "generated kernels" in made.choice.reason
    # Neither an argument nor a variable is overruled.
    assert get_backend("numpy").name == "numpy"
    monkeypatch.setenv("ZQCNN_XP_BACKEND", "numpy")
    assert get_backend().name == "numpy"


@pytest.mark.parametrize("missing", ["llvmlite", "machine"])
def test_auto_takes_numpy_where_nothing_can_be_compiled(cpu_plugins, monkeypatch, missing):
    import importlib.util
    import platform

    if missing == "llvmlite":
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *rest: None if name == "llvmlite" else find(name, *rest),
        )
    else:
        monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    made = get_backend("auto")
    assert (made.name, made.choice.fallback) == ("numpy", False)
