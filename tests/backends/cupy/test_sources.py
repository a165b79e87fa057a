"""The CUDA sources compile for every architecture, by the compiler that CuPy uses."""

from __future__ import annotations

import ctypes
import itertools
import re
from importlib.metadata import PackageNotFoundError, files

import pytest

from zqcnn_xp_cupy.sources import KERNELS, source

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90")
UNROLLED = ((), ("-DKERNEL_H=3", "-DKERNEL_W=3"), ("-DKERNEL_H=5", "-DKERNEL_W=5"))


@pytest.fixture(scope="module")
def nvrtc():
    """NVIDIA's run-time compiler, from its pip wheel or the system."""
    names = ["libnvrtc.so.13", "libnvrtc.so.12", "nvrtc64_120_0.dll"]
    for package in ("nvidia-cuda-nvrtc-cu12", "nvidia-cuda-nvrtc"):
        try:
            found = files(package) or []
        except PackageNotFoundError:
            continue
        wanted = re.compile(r"(libnvrtc\.so\.\d+|nvrtc64_\d+_\d+\.dll)$")
        names = [str(path.locate()) for path in found if wanted.search(str(path))] + names
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    pytest.skip("NVRTC absent: pip install nvidia-cuda-nvrtc-cu12")


def compile_ptx(nvrtc, code: str, name: str, options: tuple[str, ...]) -> str:
    """Compile one source; the log is the error."""
    program = ctypes.c_void_p()
    made = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), code.encode(), f"{name}.cu".encode(), 0, None, None
    )
    assert made == 0
    try:
        given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        status = nvrtc.nvrtcCompileProgram(program, len(options), given)
        size = ctypes.c_size_t()
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        assert status == 0, log.value.decode()
        assert log.value.decode().strip() == "", "the compiler warns"
        # Real architectures give machine code: the assembler has accepted the kernel, too.
        nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
        assert size.value > 0
        nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
        ptx = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetPTX(program, ptx)
        return ptx.value.decode()
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", KERNELS)
def test_every_variant_compiles(nvrtc, name, architecture):
    code = source(name)
    unrolled = UNROLLED if name == "depthwise" else ((),)
    for pack, wide, defines in itertools.product((1, 4), ((), ("-DWIDE_INDEX",)), unrolled):
        options = (f"--gpu-architecture={architecture}", "--std=c++17", f"-DPACK={pack}")
        ptx = compile_ptx(nvrtc, code, name, (*options, *wide, *defines))
        assert f".entry {name}(" in ptx
        # Four neighbouring floats are to move in one instruction.
        assert ("v4" in ptx) == (pack == 4)


def test_an_error_in_a_source_is_found(nvrtc):
    with pytest.raises(AssertionError, match="undefined"):
        compile_ptx(nvrtc, "__global__ void f() { g(); }", "f", ("--gpu-architecture=sm_75",))


@pytest.mark.parametrize("name", KERNELS)
def test_sources_stand_alone(name):
    code = source(name)
    assert "#include" not in code
    assert "__syncthreads" not in code
    assert len(re.findall(r"__global__ void \w+\(", code)) == 1
