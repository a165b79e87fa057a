"""The machine code that LLVM makes of kernels: fused vectors, no calls, nothing spilled."""

from __future__ import annotations

import re

import pytest

from zqcnn_xp.ops import Activation, Conv2D, Pool2D, Softmax
from zqcnn_xp_llvm.kernels import ConvBlocks, ConvRows, WindowBlocks, WindowRows
from zqcnn_xp_llvm.target import NEON, host_target, target_for
from zqcnn_xp_models import mobilefacenet, mtcnn

OLD = target_for("x86_64", "x86_64-unknown-linux-gnu", "x86-64", {"sse", "sse2"}, None)
V3 = {"sse", "sse2", "sse3", "ssse3", "sse4.1", "sse4.2", "avx", "avx2", "fma"}
TARGETS = {
    "neon": NEON,
    "sse2": OLD,
    "sse with fma": target_for("x86_64", OLD.triple, "x86-64-v3", V3, 128),
    "avx2": target_for("x86_64", OLD.triple, "x86-64-v3", V3, None),
}


def networks(target):
    yield mtcnn.build("P"), (1, 3, 120, 160)
    yield mtcnn.build("P-dw20"), (1, 3, 120, 160)
    yield mtcnn.build("O"), (1, 3, 48, 48)
    if target.name == "NEON":
        yield mobilefacenet.build(), (1, 3, 112, 112)


@pytest.fixture(scope="module", params=TARGETS)
def target(request):
    return TARGETS[request.param]


@pytest.fixture(scope="module")
def code(assembly, target, harness):
    """Lines of every kernel that some networks need."""
    nodes = [
        ("a", Conv2D(8, (3, 3), activation=Activation("mish")), ["x"]),
        ("b", Pool2D("average", (2, 2), (2, 2)), ["a"]),
        ("c", Conv2D(8, (5, 5), groups=8, activation=Activation("relu")), ["b"]),
        ("e", Activation("elu", alpha=1.0), ["b"]),
        ("d", Softmax(1), ["c"]),
    ]
    shapes = {"x": (1, 3, 40, 40)}
    kernels = assembly.kernels_of(target, harness.graph_of(nodes, shapes, ["d", "e"]), shapes)
    for graph, shape in networks(target):
        kernels += assembly.kernels_of(target, graph, {graph.inputs[0].name: shape})
    return {kernel: assembly.text_of(target, kernel) for kernel in dict.fromkeys(kernels)}


def test_kernels_call_nothing(assembly, code):
    found = {kernel: assembly.calls(lines) for kernel, lines in code.items()}
    assert {kernel: names for kernel, names in found.items() if names} == {}


def test_the_driver_calls_kernels_by_address(assembly, target):
    found = assembly.calls(assembly.text_of(target, None))
    named = {name for name in found if not re.match(r"\*|x\d", name)}
    assert named <= {"sched_yield"}


def products(assembly, code):
    """The loop of each convolution that holds most of its products."""
    for kernel, lines in code.items():
        if isinstance(kernel, ConvBlocks | ConvRows):
            yield kernel, max(assembly.loops(lines), key=lambda loop: loop.length)


def sums_of(kernel):
    if isinstance(kernel, ConvBlocks):
        return kernel.rows * kernel.pixels * kernel.vectors
    return kernel.rows * kernel.outputs * kernel.vectors


def test_products_are_fused_vectors(assembly, code, target):
    if not target.fused:
        pytest.skip("a processor without fused multiply-adds")
    for kernel, loop in products(assembly, code):
        assert loop.scalar == 0, kernel
        assert loop.fused, kernel
        assert loop.fused % sums_of(kernel) == 0, kernel


def test_sums_stay_in_registers(assembly, code, target):
    """With half the registers, on x86, LLVM spills pixels that neighbouring windows share."""
    share = 0.01 if target.name == "NEON" else 0.35
    for kernel, loop in products(assembly, code):
        assert loop.spills <= share * (loop.fused or loop.length / 3), (kernel, loop)


def test_windows_stay_in_registers(assembly, code, target):
    if target.name != "NEON":
        pytest.skip("operands come from memory as well here")
    for kernel, lines in code.items():
        if isinstance(kernel, WindowBlocks | WindowRows):
            assert max(loop.spills for loop in assembly.loops(lines)) <= 1, kernel


def test_few_instructions_a_product_on_arm(assembly, code, target):
    """Broadcasts and scalar loads would double them."""
    if target.name != "NEON":
        pytest.skip("of Arm")
    for kernel, loop in products(assembly, code):
        # One channel at a time, what is left of a block, needs a load for each pixel.
        if sums_of(kernel) >= 16 and kernel.channels >= getattr(kernel, "block", 1):
            assert loop.length <= 1.6 * loop.fused, kernel


def test_loops_are_found(assembly):
    lines = [".LBB0_1:", "ldr x0, [sp]", ".LBB0_2:", "fmla v0.4s, v1.4s, v2.s[0]"]
    lines += ["str q0, [sp, #16]", "b.lo .LBB0_2", "fmadd s0, s1, s2, s3", "cbnz x0, .LBB0_1"]
    (loop,) = assembly.loops(lines)
    assert (loop.length, loop.fused, loop.scalar, loop.spills) == (3, 1, 0, 1)
    assert assembly.calls(["bl expf", "blr x8", "b .LBB0_1", "callq rintf@PLT"]) == {
        "expf",
        "x8",
        "rintf@PLT",
    }


def test_this_machine_is_one_of_them():
    assert host_target().name in {"AVX-512", *(t.name for t in TARGETS.values())}
