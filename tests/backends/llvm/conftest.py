"""Vectors of every width that this machine has, and the module ``harness``."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


def _load():
    # By its path: test folders are no packages and not on the path of modules.
    if "llvm_harness" not in sys.modules:
        spec = spec_from_file_location("llvm_harness", Path(__file__).with_name("harness.py"))
        module = module_from_spec(spec)
        sys.modules["llvm_harness"] = module
        spec.loader.exec_module(module)
    return sys.modules["llvm_harness"]


@pytest.fixture(scope="session")
def harness():
    """What the tests of this folder share, as a module."""
    pytest.importorskip("llvmlite")
    return _load()


@pytest.fixture(scope="session", params=[128, 256, 512, "AVX2"])
def width(request, harness):
    """Bits of a vector, or a name; skips what this processor does not have."""
    if request.param not in harness.WIDTHS:
        pytest.skip(f"this processor has no vectors of {request.param} bits")
    return request.param


@pytest.fixture(scope="session", params=[False, True], ids=["plain", "checked"])
def checked(request):
    """Whether kernels compare every access with the bounds of its buffer."""
    return request.param
