"""From kernels to machine code: generated, compiled and loaded once a process, kept on disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.target import Target, load_llvm

__all__ = ["Code", "compile_object", "note_key", "shared_code"]

_DRIVER = "zqcnn_run"


class Code:
    """Machine code of kernels for one processor, in this process.

    Parameters
    ----------
    target
        The processor.
    checked
        Kernels that compare every access with the bounds of its buffer.
    cache
        Where objects are kept between processes, or None.
    """

    def __init__(self, target: Target, *, checked: bool = False, cache: Any = None) -> None:
        self.target = target
        self.checked = checked
        self.cache = cache
        self.compiled = 0
        self.loaded = 0
        self._addresses: dict[Kernel, int] = {}
        self._lock = threading.Lock()
        self._llvm = load_llvm()
        self._machine = _machine(self._llvm, target, checked=checked)
        self._engines: list[Any] = []
        self._driver = 0

    def driver(self) -> int:
        """Return the address of the function that runs programs."""
        with self._lock:
            if not self._driver:
                engine = self._loaded_engine([self._object("driver", None)])
                self._driver = engine.get_function_address(_DRIVER)
            return self._driver

    def addresses(self, kernels: Iterable[Kernel]) -> dict[Kernel, int]:
        """Return where each kernel starts, generating those that are not there yet."""
        wanted = dict.fromkeys(kernels)
        with self._lock:
            missing = [kernel for kernel in wanted if kernel not in self._addresses]
            if missing:
                engine = self._loaded_engine([self._object(repr(k), k) for k in missing])
                for kernel in missing:
                    self._addresses[kernel] = engine.get_function_address(kernel.symbol)
            return {kernel: self._addresses[kernel] for kernel in wanted}

    def _loaded_engine(self, objects: list[bytes]) -> Any:
        """Load objects into an engine of their own.

        An engine that has run once gives constants of later objects wrong addresses. It owns the
        description of the target that it is made with, so that no two may share one.
        """
        empty = self._llvm.parse_assembly("")
        empty.triple = self.target.triple
        engine = self._llvm.create_mcjit_compiler(empty, _machine(self._llvm, self.target))
        for data in objects:
            engine.add_object_file(self._llvm.ObjectFileRef.from_data(data))
        engine.finalize_object()
        self._engines.append(engine)
        return engine

    def _object(self, what: str, kernel: Kernel | None) -> bytes:
        key = _key(self.target, self.checked, what)
        data: bytes | None = None if self.cache is None else self.cache.get(key)
        if data is None:
            data = compile_object(self.target, kernel, checked=self.checked, machine=self._machine)
            self.compiled += 1
            if self.cache is not None:
                self.cache.put(key, data)
        else:
            self.loaded += 1
        return data


def compile_object(
    target: Target, kernel: Kernel | None, *, checked: bool = False, machine: Any = None
) -> bytes:
    """Return the object file of a kernel, or of the driver for None.

    Parameters
    ----------
    target
        Any processor that LLVM can generate code for, not only this one.
    kernel
        What to generate.
    checked
        As in `Code`.
    machine
        LLVM's description of the target, if it is at hand.
    """
    llvm = load_llvm()
    machine = machine or _machine(llvm, target, checked=checked)
    module = llvm.parse_assembly(source(target, kernel, checked=checked))
    module.verify()
    # Checks are not worth the time that LLVM takes to optimise them.
    options = llvm.create_pipeline_tuning_options(speed_level=0 if checked else 2)
    builder = llvm.create_pass_builder(machine, options)
    if checked or kernel is None or target.by_lane:
        passes = builder.getModulePassManager()
    else:
        # Vectors, unrolling and order are the generator's; LLVM cleans up and allocates registers.
        # Its usual passes take almost twice the time for code that is as quick. Not on Arm: there
        # they move what does not change out of loops, which saves registers.
        passes = llvm.create_new_module_pass_manager()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return bytes(machine.emit_object(module))


def source(target: Target, kernel: Kernel | None, *, checked: bool = False) -> str:
    """Return the LLVM IR of a kernel, or of the driver for None."""
    from llvmlite import ir

    from zqcnn_xp_llvm.codegen.emitter import Emitter
    from zqcnn_xp_llvm.driver import emit_driver

    module = ir.Module("zqcnn_xp")
    module.triple = target.triple
    if kernel is None:
        emit_driver(module, target, _DRIVER)
    else:
        kernel.emit(Emitter(module, kernel.symbol, target, checked=checked))
    return str(module)


def _machine(llvm: Any, target: Target, *, checked: bool = False) -> Any:
    if "aarch64" in target.triple and "aarch64" not in llvm.get_process_triple():
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    made = llvm.Target.from_triple(target.triple)
    return made.create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=0 if checked else 3,
        reloc="pic",
        codemodel="jitdefault",
    )


@cache
def _generator(patterns: tuple[str, ...] = ("*.py", "codegen/*.py", "kernels/*.py")) -> str:
    """Return a digest of the generator's source: code that another one made is not reused."""
    folder = Path(__file__).parent
    digest = sha256()
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def note_key(target: Target, what: str) -> str:
    """Return the key of a note about plans for a processor: of another planner, another key."""
    return _key(target, checked=False, what=f"note {_generator(('planner/*.py',))} {what}")


def _key(target: Target, checked: bool, what: str) -> str:
    import llvmlite

    parts = (_generator(), llvmlite.__version__, repr(target), str(checked), what)
    return sha256("\0".join(parts).encode()).hexdigest()


def shared_code(target: Target, checked: bool) -> Code:
    """Return the one `Code` that this process holds for a target.

    Machine code depends on nothing else, so that all sessions share it; plans may prefer few
    shapes of tiles or not.
    """
    return _shared_code(replace(target, few=False), checked)


@cache
def _shared_code(target: Target, checked: bool) -> Code:
    from zqcnn_xp_llvm.cache import ObjectCache

    return Code(target, checked=checked, cache=ObjectCache())
