"""Variants of kernels, grids and argument types."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp_cupy import launch
from zqcnn_xp_cupy.launch import Launcher, pack_for


def test_each_variant_is_compiled_once(sim):
    made = []
    sim.RawKernel = lambda *args, **options: made.append((args[1], options)) or object()
    launcher = Launcher(sim)
    first = launcher.variant("pool", pack=4)
    assert launcher.variant("pool", pack=4) is first
    assert launcher.variant("pool", pack=4, wide=True) is not first
    assert made == [
        ("pool", {"options": ("-DPACK=4",)}),
        ("pool", {"options": ("-DPACK=4", "-DWIDE_INDEX")}),
    ]


def test_arguments_get_the_types_of_the_parameters(sim):
    seen = []
    Launcher(sim)(lambda *call: seen.append(call), 1000, 7, True, 0.5, np.int64(3))
    ((grid, block, arguments),) = seen
    assert grid == (4,)
    assert block == (256,)
    assert [type(a) for a in arguments] == [np.int32, np.int32, np.float32, np.int64]


def test_the_grid_is_bounded_and_never_empty(sim):
    seen = []
    launcher = Launcher(sim)
    launcher(lambda grid, *rest: seen.append(grid), 2**40)
    launcher(lambda grid, *rest: seen.append(grid), 0)
    assert seen == [(launch.MAX_BLOCKS,)]
    # Index plus stride must not overflow 32 bits.
    assert launch.LIMIT + launch.MAX_BLOCKS * launch.THREADS < 2**31


def test_a_grid_smaller_than_the_work_strides(sim, sim_backend, compare, monkeypatch):
    from zqcnn_xp.ops.conv2d import Conv2D

    monkeypatch.setattr(launch, "MAX_BLOCKS", 1)
    assert compare(sim_backend, Conv2D(8, (3, 3)), (2, 8, 12, 12)) is not None
    assert compare(sim_backend, Conv2D(8, (3, 3), groups=8), (2, 8, 12, 12)) is not None


def test_unaligned_memory_moves_single_floats(sim, sim_backend):
    x = sim_backend.from_numpy(np.zeros(64, np.float32))
    assert pack_for(8, x) == 4
    assert pack_for(6, x) == 1
    assert pack_for(8, x, x[1:]) == 1


def test_a_view_that_starts_between_packs(backend):
    from zqcnn_xp.ops.pool2d import Pool2D

    host = np.arange(1 + 4 * 4 * 4, dtype=np.float32)
    x = backend.from_numpy(host)[1:].reshape((1, 4, 4, 4))
    (y,) = backend.kernel(Pool2D("max", (2, 2), (2, 2)), (1, 4, 4, 4))({}, x)
    assert backend.to_numpy(y)[0, 0, 0].tolist() == [21, 22, 23, 24]


def test_an_integer_beyond_32_bits_is_refused(sim):
    with pytest.raises(OverflowError):
        Launcher(sim)(lambda *call: None, 1, 2**31)
