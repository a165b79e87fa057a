"""Which vectors a processor gets, and what is refused with the reason."""

from __future__ import annotations

import builtins

import pytest

from zqcnn_xp.errors import BackendUnavailable
from zqcnn_xp_llvm import LlvmBackend
from zqcnn_xp_llvm.target import NEON, PIP, host_target, load_llvm, target_for

AVX2 = {"sse2", "sse4.1", "avx", "avx2", "fma"}
AVX512 = AVX2 | {"avx512f", "avx512dq", "avx512bw", "avx512vl"}


@pytest.mark.parametrize(
    ("machine", "features", "width", "name", "lanes"),
    [
        ("x86_64", AVX512, None, "AVX-512", 16),
        ("AMD64".lower(), AVX512, 512, "AVX-512", 16),
        ("x86_64", AVX512, 256, "AVX-512VL", 8),
        ("x86_64", AVX512, "AVX-512VL", "AVX-512VL", 8),
        ("x86_64", AVX512, "AVX2", "AVX2", 8),
        ("x86_64", AVX512, "SSE", "SSE", 4),
        ("x86_64", AVX512 - {"avx512vl"}, 256, "AVX2", 8),
        ("x86_64", AVX512, 128, "SSE", 4),
        ("x86_64", AVX2, None, "AVX2", 8),
        ("x86_64", AVX2, 512, "AVX2", 8),
        ("x86_64", AVX512 - {"avx512vl"}, None, "AVX2", 8),
        ("x86_64", AVX2 - {"fma"}, None, "SSE", 4),
        ("x86_64", {"sse2"}, None, "SSE", 4),
        ("aarch64", {"neon"}, None, "NEON", 4),
        ("arm64", {"neon"}, 512, "NEON", 4),
    ],
)
def test_the_widest_vectors_that_are_there(machine, features, width, name, lanes):
    found = target_for(machine, "triple", "cpu", features, width)
    assert (found.name, found.lanes, found.vector_bytes) == (name, lanes, 4 * lanes)
    assert (found.triple, found.cpu) == ("triple", "cpu")
    assert found.l1 < found.l2


def test_narrow_vectors_leave_the_wide_ones_alone():
    """LLVM must not use what a narrower width was asked to spare."""
    found = target_for("x86_64", "triple", "cpu", AVX512, "AVX2")
    assert found.registers == 16
    assert "+avx512" not in found.features
    assert "-avx512f" in found.features
    wide = target_for("x86_64", "triple", "cpu", AVX512)
    assert "-prefer-256-bit" in wide.features
    short = target_for("x86_64", "triple", "cpu", AVX512, 256)
    assert (short.features, short.registers) == (wide.features, 32)


def test_instructions_that_are_not_there_are_named():
    with pytest.raises(BackendUnavailable, match="found a processor without avx512bw, avx512dq"):
        target_for("x86_64", "triple", "cpu", AVX2, "AVX-512VL")
    assert target_for("x86_64", "triple", "cpu", AVX2, "AVX2").name == "AVX2"


@pytest.mark.parametrize("machine", ["riscv64", "ppc64le", "i686", "armv7l", ""])
def test_unknown_processors_are_refused_by_name(machine):
    with pytest.raises(BackendUnavailable, match=f"{machine!r} processors") as caught:
        target_for(machine, "triple", "cpu", set())
    assert "backend='numpy'" in str(caught.value)
    assert caught.value.pip is None


def test_unknown_processors_leave_the_backend_out(monkeypatch):
    pytest.importorskip("llvmlite")
    import platform

    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(BackendUnavailable, match="no code generator for 'riscv64'"):
        LlvmBackend()
    found = LlvmBackend.probe()
    assert not found.ready
    assert "riscv64" in found.reason
    score, reason = LlvmBackend.auto_score()
    assert score == 0
    assert "riscv64" in reason


@pytest.mark.parametrize("width", [0, 64, 1024, "256"])
def test_other_widths_are_refused(width):
    with pytest.raises(BackendUnavailable, match="expected 128, 256 or 512"):
        target_for("x86_64", "triple", "cpu", AVX2, width)


@pytest.mark.parametrize("error", [ImportError("No module named 'llvmlite'"), OSError("no .so")])
def test_without_llvmlite_the_pip_command_is_named(monkeypatch, error):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("llvmlite"):
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for attempt in (load_llvm, host_target, LlvmBackend):
        with pytest.raises(BackendUnavailable, match="needs llvmlite") as caught:
            attempt()
        assert caught.value.pip == PIP == "pip install 'zqcnn-xp[fast]'"
        assert PIP in str(caught.value)
    assert not LlvmBackend.probe().ready


def test_this_machine():
    pytest.importorskip("llvmlite")
    found = host_target()
    assert found.lanes in (4, 8, 16)
    assert host_target(128).lanes == 4
    assert NEON.name == "NEON"
