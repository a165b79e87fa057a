"""Weights as text: exact, and damaged text is refused."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp import FormatError
from zqcnn_xp.formats.code.weights import WIDTH, pack, unpack


@settings(max_examples=50, deadline=None)
@given(
    shapes=st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=5),
    halves=st.lists(st.booleans(), min_size=5, max_size=5),
    seed=st.integers(0, 99),
)
def test_arrays_come_back(shapes, halves, seed):
    rng = np.random.default_rng(seed)
    kinds = [np.float16 if half else np.float32 for half in halves]
    arrays = [rng.normal(size=s).astype(k) for s, k in zip(shapes, kinds, strict=False)]
    lines, size = pack(arrays)
    found = list(lines)
    assert all(len(line) <= WIDTH for line in found)
    assert not set("\"'\\") & set("".join(found))
    take = unpack("\n".join(["", *found, ""]), size)
    for array in arrays:
        again = take(*array.shape, half=array.dtype == np.float16)
        assert again.dtype == np.float32
        np.testing.assert_array_equal(again, array)
    with pytest.raises(FormatError, match=r"found 0 bytes for an array of shape \(1,\)"):
        take(1)


def text_of(*numbers):
    lines, size = pack([np.float32(numbers)])
    return "".join(lines), size


@pytest.mark.parametrize(
    "damage",
    [
        lambda t: t[:-7],
        lambda t: t[5:],
        lambda t: "",
        lambda t: t.replace(t[8], '"'),
        lambda t: t[:6] + "é" + t[7:],
        lambda t: base64.b85encode(b"no zlib at all").decode(),
        lambda t: base64.b85encode(zlib.compress(bytes(11))).decode(),
        lambda t: base64.b85encode(zlib.compress(bytes(13))).decode(),
    ],
)
def test_damaged_text(damage):
    text, size = text_of(1, 2, 3)
    with pytest.raises(FormatError, match="weights"):
        unpack(damage(text), size)


def test_a_bomb_does_not_grow():
    bomb = base64.b85encode(zlib.compress(bytes(1 << 28), 9)).decode()
    with pytest.raises(FormatError, match="more than 12 bytes, expected 12"):
        unpack(bomb, 12)
