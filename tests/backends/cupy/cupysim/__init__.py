"""A stand-in for CuPy on the CPU: NumPy for arrays, a C++ compiler for raw kernels.

It covers the names that the plugin uses and is stricter than CuPy where a GPU would only
misbehave: every allocation has guard zones, fresh memory is NaN, kernel arguments must have the
declared C types, and each access is checked for its device and its place in the order of streams.
"""

from __future__ import annotations

import sys
import types
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

from . import arrays, blas, cuda, kernels, namespace

__all__ = ["install", "make"]


def make() -> tuple[types.ModuleType, types.ModuleType]:
    """Build the modules ``cupy`` and ``array_api_compat.cupy``."""
    cupy = types.ModuleType("cupy", "Simulated CuPy.")
    cupy.__spec__ = ModuleSpec("cupy", None)
    cupy.__version__ = "0.simulated"
    for name in ("asarray", "ascontiguousarray", "asnumpy", "empty", "from_dlpack", "ndarray"):
        setattr(cupy, name, getattr(arrays, name))
    cupy.float32 = np.float32
    cupy.RawKernel = kernels.RawKernel
    cupy.cuda = cuda.module(blas.module())
    return cupy, namespace.module()


def install(monkeypatch: Any) -> types.ModuleType:
    """Put the simulated modules in place of CuPy for one test."""
    cupy, xp = make()
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "array_api_compat.cupy", xp)
    return cupy
