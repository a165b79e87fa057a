"""What every kernel has: a name that tells it from others, and code for every processor."""

from __future__ import annotations

import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.code import source
from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.kernels.copies import CopyCells, CopyRuns, Turn
from zqcnn_xp_llvm.target import NEON


def test_symbols_tell_kernels_apart():
    made = [CopyRuns(0), CopyRuns(1), CopyCells(), Turn(True), Turn(False)]
    symbols = {kernel.symbol for kernel in made}
    assert len(symbols) == len(made)
    assert CopyRuns(1).symbol in symbols
    assert all(symbol.isidentifier() for symbol in symbols)


def test_a_kernel_without_code_is_named():
    with pytest.raises(TypeError, match="Kernel has no code"):
        source(NEON, Kernel())


@pytest.mark.parametrize("kernel", [CopyRuns(2), CopyCells(), Turn(True)])
def test_code_is_the_same_every_time(kernel):
    assert source(NEON, kernel) == source(NEON, kernel)
    assert source(NEON, kernel) != source(NEON, kernel, checked=True)
    assert kernel.symbol in source(NEON, kernel)
