"""Raw kernels: the plugin's own CUDA C, compiled for the CPU behind a small header."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from . import cuda
from .arrays import ndarray

SHIM = Path(__file__).parents[1] / "shim.hpp"
_FLAGS = ("-std=c++11", "-O2", "-ffp-contract=off", "-fno-strict-aliasing", "-shared", "-fPIC",
          "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-x", "c++")  # fmt: skip
_SCALARS = {"int": np.int32, "long long": np.int64, "float": np.float32}


def compiler() -> str | None:
    """Return the system's C++ compiler, or None."""
    return next((path for name in ("c++", "g++", "clang++") if (path := shutil.which(name))), None)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="cupysim-")


def parameters(code: str, name: str) -> list[tuple[str, bool]]:
    """Return (scalar or element type, is an array that is written) of each kernel parameter."""
    declared = re.search(rf"__global__\s+void\s+{name}\s*\((.*?)\)\s*\{{", code, re.DOTALL)
    if declared is None:
        raise ValueError(f"there is no __global__ void {name}(...) in the source")
    found = []
    for parameter in declared.group(1).split(","):
        words = parameter.replace("*", " * ").replace("__restrict__", "").split()
        kind = " ".join(w for w in words[:-1] if w != "const")
        found.append((kind, "*" in words and "const" not in words))
    return found


# Host threads that want the same kernel must not compile it at once into the same file.
_lock = threading.RLock()


def _library(code: str, name: str, options: tuple[str, ...]) -> Any:
    with _lock:
        return _compiled(code, name, options)


@cache
def _compiled(code: str, name: str, options: tuple[str, ...]) -> Any:
    arguments = ", ".join(
        f"*({kind if '*' not in kind else 'float* '}*)p[{i}]"
        for i, (kind, _) in enumerate(parameters(code, name))
    )
    text = f"""#include "{SHIM}"
{code}
extern "C" void launch(unsigned int grid, unsigned int block, void** p) {{
    gridDim = {{grid, 1, 1}};
    blockDim = {{block, 1, 1}};
    for (unsigned int b = 0; b < grid; ++b) {{
        for (unsigned int t = 0; t < block; ++t) {{
            blockIdx = {{b, 0, 0}};
            threadIdx = {{t, 0, 0}};
            {name}({arguments});
        }}
    }}
}}
"""
    digest = hashlib.sha256((text + repr(options)).encode()).hexdigest()[:16]
    base = Path(_folder().name) / f"{name}-{digest}"
    base.with_suffix(".cpp").write_text(text)
    extra = os.environ.get("CXXFLAGS", "").split()
    command = [compiler(), *_FLAGS, *extra, *options, str(base.with_suffix(".cpp")),
               "-o", str(base.with_suffix(".so"))]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stderr}")
    return ctypes.CDLL(str(base.with_suffix(".so"))).launch


class RawKernel:
    def __init__(
        self, code: str, name: str, options: tuple[str, ...] = (), backend: str = "nvrtc"
    ) -> None:
        self.name = name
        self.parameters = parameters(code, name)
        self.library = _library(code, name, options)

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]
    ) -> None:
        if not (1 <= grid[0] < 2**31 and 1 <= block[0] <= 1024 and len(grid) == len(block) == 1):
            raise cuda.CUDARuntimeError(f"invalid launch: grid {grid}, block {block}")
        if len(args) != len(self.parameters):
            raise cuda.FaultError(
                f"{self.name}: {len(args)} arguments for {len(self.parameters)} parameters"
            )
        boxes, reads, writes = [], [], []
        for i, (arg, (kind, written)) in enumerate(zip(args, self.parameters, strict=True)):
            if "*" in kind:
                if not isinstance(arg, ndarray) or arg.dtype != np.float32:
                    raise cuda.FaultError(f"{self.name}: argument {i} is {arg!r}, not {kind}")
                if not arg.flags.c_contiguous:
                    raise cuda.FaultError(f"{self.name}: argument {i} has strides")
                boxes.append(np.array([arg.data.ptr], np.uintp))
                (writes if written else reads).append(arg._memory)
            else:
                if type(arg) is not _SCALARS[kind]:
                    raise cuda.FaultError(f"{self.name}: argument {i} is {arg!r}, not {kind}")
                boxes.append(np.array([arg]))
        cuda.touch(reads, writes)
        pointers = (ctypes.c_void_p * len(boxes))(*(box.ctypes.data for box in boxes))
        self.library(ctypes.c_uint(grid[0]), ctypes.c_uint(block[0]), pointers)
        for memory in (*reads, *writes):
            memory.check()
