"""Buffers of a graph's values: reused when free, borders that stay zero."""

from __future__ import annotations

import numpy as np

from zqcnn_xp_numpy.buffers import Buffers


def test_memory_is_given_again_when_nothing_lies_in_it():
    buffers = Buffers()
    first, home = buffers.plain((4, 5))
    second, _ = buffers.plain((20,))
    assert not np.shares_memory(first, second)
    buffers.leave(home)
    third, again = buffers.plain((3, 5))
    assert again is home
    assert np.shares_memory(first, third)
    assert third.flags.c_contiguous
    assert buffers.nbytes == 160


def test_a_much_larger_buffer_is_left_for_larger_values():
    buffers = Buffers()
    _, home = buffers.plain((100,))
    buffers.leave(home)
    _, other = buffers.plain((10,))
    assert other is not home


def test_the_last_of_several_values_frees():
    buffers = Buffers()
    _, home = buffers.plain((8,))
    home.users += 1
    buffers.leave(home)
    assert buffers.plain((8,))[1] is not home
    buffers.leave(home)
    assert buffers.plain((8,))[1] is home


def test_a_border_serves_equal_maps_alone():
    buffers = Buffers()
    inner, base, home = buffers.framed((1, 3, 4, 2), (1, 2, 0, 1))
    assert base.shape == (1, 6, 5, 2)
    inner[:] = 1.0
    assert base.sum() == inner.size
    buffers.leave(home)
    assert buffers.framed((1, 3, 4, 2), (1, 1, 0, 1))[2] is not home
    assert buffers.plain(base.shape)[1] is not home
    assert buffers.framed((1, 3, 4, 2), (1, 2, 0, 1))[2] is home


def test_planes_lie_in_one_piece_each():
    inner, base, _ = Buffers().framed((2, 3, 4, 3), (1, 1, 1, 1), planar=True)
    assert inner.shape == (2, 3, 4, 3)
    assert base.shape == (2, 5, 6, 3)
    assert base[0, :, :, 1].flags.c_contiguous
