"""Kernels as assembly language, and what their loops are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zqcnn_xp_llvm.code import compile_object
from zqcnn_xp_llvm.planner.storage import Pool
from zqcnn_xp_llvm.planner.template import Template
from zqcnn_xp_llvm.target import load_llvm

__all__ = ["Loop", "calls", "kernels_of", "loops", "text_of"]

_LABEL = re.compile(r"(\.LBB\w+):")
_JUMP = re.compile(r"(?:b\.?\w*|cbn?z|tbn?z|j\w+)\s(?:.*\s)?(\.LBB\w+)$")
_CALL = re.compile(r"(?:blr?|callq?)\s+(\S+)$|(?:b|jmp)\s+(?!\.LBB)(\S+)$")
_VECTOR_FMA = re.compile(r"fmla\s+v\d+\.4s|vfn?madd\d+ps\s")
_SCALAR_FMA = re.compile(r"fn?madd\s+s|vfn?madd\d+ss\s")
# With the stack pointer as the place that is written.
_SPILL = re.compile(r"(?:st[pr]\s+.*\[sp[,\]])|(?:v?mov\w+\s+%[xyz]mm\d+, .*\(%rsp\)$)")


class _Assembler:
    """A target machine that writes text where an object is asked for."""

    def __init__(self, machine):
        self._machine = machine

    def __getattr__(self, name):
        return getattr(self._machine, name)

    def emit_object(self, module):
        return self._machine.emit_assembly(module).encode()


def text_of(target, kernel):
    """A kernel's instructions and labels, a line each; the driver's for None."""
    llvm = load_llvm()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="jitdefault"
    )
    text = compile_object(target, kernel, machine=_Assembler(machine)).decode()
    lines = (re.sub(r"\s+", " ", line.split("//")[0]).strip() for line in text.splitlines())
    return [line for line in lines if line and (_LABEL.match(line) or not line.startswith("."))]


def calls(lines):
    """The functions that are called."""
    found = (_CALL.match(line) for line in lines)
    return {match[1] or match[2] for match in found if match}


@dataclass
class Loop:
    """What an innermost loop is made of."""

    length: int
    fused: int
    scalar: int
    spills: int


def loops(lines):
    """The innermost loops: from a label to a jump back to it, without another such inside."""
    labels, spans = {}, []
    for at, line in enumerate(lines):
        if found := _LABEL.match(line):
            labels[found[1]] = at
        elif (found := _JUMP.match(line)) and found[1] in labels:
            spans.append((labels[found[1]], at))
    inner = [
        (a, b)
        for a, b in spans
        if not any(a <= c and d <= b and (a, b) != (c, d) for c, d in spans)
    ]
    return [_loop(lines[a + 1 : b + 1]) for a, b in inner]


def _loop(lines):
    def count(pattern):
        return sum(1 for line in lines if pattern.match(line))

    return Loop(len(lines), count(_VECTOR_FMA), count(_SCALAR_FMA), count(_SPILL))


def kernels_of(target, graph, shapes):
    """The kernels of a graph's plan."""
    template = Template(graph, graph.shapes(shapes), Pool(target))
    numbers = (k for k, phase in enumerate(template.phases) if phase.kind != "host")
    found = (i.kernel for k in numbers for i in template.instructions(k, 1))
    return list(dict.fromkeys(found))
