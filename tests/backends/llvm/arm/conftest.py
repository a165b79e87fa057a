"""An AArch64 processor for the tests of this folder: this machine, or qemu's."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


def _load(name):
    # By its path: test folders are no packages and not on the path of modules.
    full = f"llvm_arm_{name}"
    if full not in sys.modules:
        spec = spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        module = module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


def _tools():
    """Return the compiler and the emulator."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return "cc", []
    return "aarch64-linux-gnu-gcc", ["qemu-aarch64"]


@pytest.fixture(scope="session")
def arm(tmp_path_factory, harness):
    """Runs plans for `NEON`; skips where no compiler or emulator can."""
    compiler, emulator = _tools()
    missing = [tool for tool in (compiler, *emulator) if shutil.which(tool) is None]
    if missing:
        pytest.skip(
            f"no {' and no '.join(missing)}; apt-get install qemu-user gcc-aarch64-linux-gnu"
        )
    _load("image")
    return _load("machine").Arm(tmp_path_factory.mktemp("arm"), compiler, emulator)


@pytest.fixture(scope="session")
def assembly(harness):
    """The module ``assembly``: what kernels look like as machine code."""
    return _load("assembly")
