"""Tapes: blocks, borders, repeated vectors, and a ufunc buffer that is as before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp_numpy.tape import Tape, blocks


@given(st.integers(0, 5), st.integers(0, 30), st.integers(0, 9), st.integers(1, 200))
def test_blocks_cover_every_row_once(n, h, row, most):
    seen = np.zeros((n, h), int)
    for samples, rows in blocks(n, h, row, most):
        part = seen[samples, rows]
        part += 1
        assert part.size
        assert part.size * row <= most or part.shape == (1, 1)
    assert (seen == (1 if n * h * row else 0)).all()


def test_calls_run_in_order_on_the_arrays_they_were_given():
    tape = Tape()
    x = np.zeros(3, np.float32)
    tape.add(np.add, x, 1.0, out=x)
    tape.add(np.multiply, x, 5.0, out=x)
    tape.run()
    tape.run()
    np.testing.assert_array_equal(x, 30.0)


def test_the_buffer_of_ufuncs_is_as_before():
    before = np.getbufsize()
    seen = []
    tape = Tape()
    tape.add(lambda: seen.append(np.getbufsize()))
    tape.add(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tape.run()
    assert seen[0] != before
    assert np.getbufsize() == before


def test_a_border_is_a_view_where_there_is_one():
    tape = Tape()
    base = np.zeros((1, 7, 8, 2), np.float32)
    inner = base[:, 2:5, 1:6]
    tape.frame(inner, base, (2, 2, 1, 2))
    found = tape.bordered(inner, (1, 2, 1, 0))
    assert np.shares_memory(found, base)
    assert found.shape == (1, 6, 6, 2)
    assert not tape.calls
    inner[:] = 3.0
    assert (found[:, 1:4, 1:] == 3.0).all()
    assert found[:, 0].max() == found[:, 4:].max() == 0.0


@pytest.mark.parametrize(("pads", "value"), [((3, 0, 0, 0), 0.0), ((1, 1, 1, 1), -np.inf)])
def test_a_border_is_a_copy_where_there_is_none(pads, value):
    tape = Tape()
    base = np.zeros((1, 7, 8, 2), np.float32)
    inner = base[:, 2:5, 1:6]
    tape.frame(inner, base, (2, 2, 1, 2))
    inner[:] = 1.0
    found = tape.bordered(inner, pads, value)
    tape.run()
    assert not np.shares_memory(found, base)
    assert found.sum(where=np.isfinite(found)) == inner.size
    assert found[0, 0, 0, 0] == value


def test_vectors_are_repeated_once():
    tape = Tape()
    vector = np.float32([1, 2])
    row = tape.tiled(vector, 6)
    np.testing.assert_array_equal(row, [1, 2, 1, 2, 1, 2])
    assert tape.tiled(vector, 6) is row
    assert tape.row(2.0, 3) is tape.row(2.0, 3)


def test_bytes_are_those_of_its_own_arrays():
    tape = Tape()
    tape.add(np.add, np.zeros(1000), 1)
    assert tape.nbytes == 0
    tape.scratch("a", (16,))
    tape.scratch("a", (4, 4))
    assert tape.nbytes == 64
    tape.row(1.0, 4)
    assert tape.nbytes == 80
