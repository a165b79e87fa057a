"""What processor the code is for: its triple, features, vector width and registers."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import Any

from zqcnn_xp.errors import BackendUnavailable

__all__ = ["NEON", "Target", "host_target", "load_llvm"]

PIP = "pip install 'zqcnn-xp[fast]'"

# By name: lanes, registers, the features that they need.
_X86 = {
    "AVX-512": (16, 32, frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl"})),
    "AVX-512VL": (8, 32, frozenset({"avx512f", "avx512dq", "avx512bw", "avx512vl", "fma"})),
    "AVX2": (8, 16, frozenset({"avx2", "fma"})),
    "SSE": (4, 16, frozenset[str]()),
}


@dataclass(frozen=True)
class Target:
    """A processor as the code generator sees it.

    Parameters
    ----------
    triple, cpu, features
        As LLVM names them; ``features`` is a comma-separated list with signs.
    lanes
        float32 values of a vector register.
    registers
        Vector registers.
    name
        In words, for tables: ``"AVX-512"``, ``"AVX-512VL"`` (short vectors of AVX-512),
        ``"AVX2"``, ``"SSE"``, ``"NEON"``.
    l1, l2
        Data cache of one core in bytes, by level; what a block of work should fit.
    asks_ahead
        Kernels ask for weights from memory ahead of time. On AMD's Zen that takes up to twice as
        long as leaving it to the processor (measured on Zen 4); on Intel it saves a fifth.
    few
        Plans keep to few shapes of tiles: where a network takes images of any size, each shape
        is one more kernel to compile.
    """

    triple: str
    cpu: str
    features: str
    lanes: int
    registers: int
    name: str
    l1: int = 32 << 10
    l2: int = 1 << 20
    asks_ahead: bool = True

    few: bool = field(default=False, repr=False)

    @property
    def vector_bytes(self) -> int:
        """Bytes of a vector register."""
        return self.lanes * 4

    @property
    def by_lane(self) -> bool:
        """Whether a multiply-add takes any lane of a register for all lanes (Arm).

        Its operands all come from registers then. Elsewhere (x86) one may come from memory, and
        one float at a time is broadcast.
        """
        return self.name == "NEON"

    @property
    def fused(self) -> bool:
        """Whether a multiply-add is one instruction, which needs no register in between."""
        return self.by_lane or "+fma" in self.features.split(",")

    @property
    def rounds(self) -> bool:
        """Whether there is an instruction that rounds to whole numbers."""
        return self.name != "SSE" or "+sse4.1" in self.features.split(",")


NEON = Target("aarch64-unknown-linux-gnu", "generic", "+neon", 4, 32, "NEON", l2=512 << 10)
"""Any 64-bit Arm processor; also what cross-compiled code is made for."""


def load_llvm() -> Any:
    """Import ``llvmlite.binding`` and make it ready for this process's processor.

    Raises
    ------
    BackendUnavailable
        If llvmlite is absent or cannot be loaded; names the pip command.
    """
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError) as error:
        msg = f"the llvm backend needs llvmlite ({error})"
        raise BackendUnavailable(msg, pip=PIP) from error
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def host_target(width: int | str | None = None) -> Target:
    """Return this machine's processor.

    Parameters
    ----------
    width
        As in `target_for`.

    Raises
    ------
    BackendUnavailable
        If there is no code generator for this kind of processor.
    """
    llvm = load_llvm()
    triple = llvm.get_process_triple()
    machine = platform.machine().lower()
    cpu = llvm.get_host_cpu_name()
    found = {name for name, there in llvm.get_host_cpu_features().items() if there}
    return target_for(machine, triple, cpu, found, width)


def target_for(
    machine: str, triple: str, cpu: str, features: set[str], width: int | str | None = None
) -> Target:
    """Choose vectors for a processor that LLVM describes.

    Parameters
    ----------
    machine
        As `platform.machine` names it.
    triple, cpu, features
        As LLVM detects them; features that are there.
    width
        Widest vectors to use, in bits: 128, 256 or 512; None takes the widest there are. Or the
        name of the instructions of an x86-64 processor: ``"SSE"``, ``"AVX2"``, ``"AVX-512VL"`` or
        ``"AVX-512"``; 256 bits are AVX-512VL's where the processor has that, as those have twice
        as many registers.

    Raises
    ------
    BackendUnavailable
        If it is neither x86-64 nor 64-bit Arm, the width is none of these, or the processor lacks
        the instructions.

    Examples
    --------
    >>> target_for("x86_64", "x86_64-linux-gnu", "znver4", {"avx2", "fma"}).name
    'AVX2'
    """
    if width not in (None, 128, 256, 512, *_X86):
        msg = f"found vectors of {width} bits, expected 128, 256 or 512"
        raise BackendUnavailable(msg)
    if machine in ("x86_64", "amd64"):
        return _x86(triple, cpu, features, width)
    signed = ",".join(f"+{name}" for name in sorted(features))
    if machine in ("aarch64", "arm64"):
        return Target(triple, cpu, signed, NEON.lanes, NEON.registers, NEON.name, l2=NEON.l2)
    msg = (
        f"the llvm backend has no code generator for {machine!r} processors: found neither "
        "x86-64 nor 64-bit Arm; use backend='numpy'"
    )
    raise BackendUnavailable(msg)


def _x86(triple: str, cpu: str, features: set[str], width: int | str | None) -> Target:
    """Choose the vectors of an x86-64 processor: the first that fit, or those of a name."""
    for name, (lanes, registers, needed) in _X86.items():
        if isinstance(width, str):
            if name != width:
                continue
            if not needed <= features:
                missing = ", ".join(sorted(needed - features))
                msg = f"found a processor without {missing}, expected one with {width}"
                raise BackendUnavailable(msg)
        elif lanes * 32 > (width or 512) or not needed <= features:
            continue
        if name.startswith("AVX-512"):
            # Vectors are explicit here: LLVM must not split them to spare the clock.
            signed = ",".join(f"+{f}" for f in sorted(features)) + ",-prefer-256-bit"
        else:
            signed = ",".join(f"+{f}" for f in sorted(features) if not f.startswith("avx512"))
            signed += ",-avx512f"
        ahead = not cpu.startswith("znver")
        return Target(triple, cpu, signed, lanes, registers, name, asks_ahead=ahead)
    msg = f"found no vectors of {width} for {cpu}"
    raise BackendUnavailable(msg)
