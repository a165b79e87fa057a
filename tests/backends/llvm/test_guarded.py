"""Memory between guard words."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from zqcnn_xp_llvm.guarded import Guarded


def test_guard_words_show_writes_around_a_buffer():
    memory = Guarded("x", 64)
    assert memory.address % 64 == 0
    assert np.isnan(memory.floats).all()
    memory.floats[:] = 1.0
    assert memory.touched() is None
    memory._whole[memory._stop] = 0
    assert memory.touched() == "a write behind, at byte 64"
    memory = Guarded("x", 64)
    memory._whole[memory._start - 2] = 0
    assert memory.touched() == "a write in front, at byte -8"


def test_what_was_written_is_forgotten():
    memory = Guarded("x", 64)
    memory.floats[:] = 1.0
    memory.poison()
    assert np.isnan(memory.floats).all()
    assert memory.touched() is None
