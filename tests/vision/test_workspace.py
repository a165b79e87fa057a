from __future__ import annotations

import threading

import numpy as np

from zqcnn_xp.vision.workspace import Workspace


def test_memory_is_used_again_and_aligned() -> None:
    work = Workspace()
    first = work.array("a", (100, 7), np.uint8)
    again = work.array("a", (50,), np.float64)
    assert np.shares_memory(first, again)
    for array in (first, again, work.array("b", (3,))):
        assert array.ctypes.data % 64 == 0
        assert array.flags.c_contiguous
        assert array.flags.writeable
    assert not np.shares_memory(again, work.array("b", (3,)))


def test_grows() -> None:
    work = Workspace()
    work.array("a", (2,))
    large = work.array("a", (2000,))
    large[:] = 1
    assert large.shape == (2000,)
    assert work.array("a", (0, 3)).size == 0


def test_what_is_large_is_not_kept() -> None:
    work = Workspace(most=1000)
    small, large = work.array("a", (250,)), work.array("a", (251,))
    assert not np.shares_memory(large, work.array("a", (251,)))
    assert np.shares_memory(small, work.array("a", (250,)))


def test_threads_do_not_share() -> None:
    work = Workspace()
    mine = work.array("a", (8,))
    others: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: others.append(work.array("a", (8,))))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, others[0])
