import struct

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.mxnet.params import parse_params
from zqcnn_xp.formats.source import Source

W = np.arange(6, dtype=np.float32).reshape(2, 3)


def parse(data, **limits):
    return parse_params(Source("a.params", data), Limits(**limits)).arrays


@pytest.mark.parametrize("version", [0xF993FAC8, 0xF993FAC9, 0xF993FACA, 2])
def test_every_version_of_an_array(mxnet, version):
    arrays = parse(mxnet.params({"arg:w": W, "aux:v": 2 * W}, version=version))
    assert list(arrays) == ["w", "v"]
    np.testing.assert_array_equal(arrays["w"], W)
    np.testing.assert_array_equal(arrays["v"], 2 * W)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(0, "<f4"), (1, "<f8"), (2, "<f2"), (3, "u1"), (4, "<i4"), (5, "i1"), (6, "<i8")],
)
def test_every_type_becomes_float32(mxnet, kind, dtype):
    arrays = parse(mxnet.params({"w": W}, kind=kind, dtype=dtype))
    assert arrays["w"].dtype == np.float32
    np.testing.assert_array_equal(arrays["w"], W)


def test_bfloat16_is_the_upper_half(mxnet):
    halves = (W.view(np.uint32) >> 16).astype("<u2")
    arrays = parse(mxnet.params({"w": halves}, kind=12, dtype=None))
    np.testing.assert_array_equal(arrays["w"], W)


def test_truncation_and_a_rest_are_refused(mxnet):
    data = mxnet.params({"w": W, "b": W[0]})
    assert set(parse(data)) == {"w", "b"}
    for size in range(len(data)):
        with pytest.raises(FormatError, match=r"a.params, byte \d+: found \d+ bytes"):
            parse(data[:size])
    with pytest.raises(FormatError, match="1 bytes behind the last name"):
        parse(data + b"\0")


@pytest.mark.parametrize("count", [1 << 31, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("place", [16, 32, 40])
def test_bombs_in_counts_and_sizes(mxnet, count, place):
    data = bytearray(mxnet.params({"w": W}))
    data[place : place + 8] = struct.pack("<Q", count)
    with pytest.raises(FormatError):
        parse(bytes(data))


def test_what_is_refused(mxnet):
    with pytest.raises(FormatError, match="magic 0x1, expected 0x112"):
        parse(struct.pack("<QQQ", 1, 0, 0))
    with pytest.raises(FormatError, match="second array named 'w'"):
        parse(mxnet.params({"arg:w": W, "aux:w": W}))
    with pytest.raises(FormatError, match="type 11 of array 0"):
        parse(mxnet.params({"w": W}, kind=11))
    with pytest.raises(FormatError, match=r"Limits\.max_elements"):
        parse(mxnet.params({"w": W}), max_elements=5)
    with pytest.raises(FormatError, match=r"Limits\.max_tensors"):
        parse(mxnet.params({"w": W, "b": W}), max_tensors=1)
    sparse = bytearray(mxnet.params({"w": W}))
    sparse[28:32] = struct.pack("<i", 1)
    with pytest.raises(FormatError, match="storage type 1"):
        parse(bytes(sparse))
    nameless = mxnet.params({"w": W})[:-21] + struct.pack("<Q", 0)
    with pytest.raises(FormatError, match="1 arrays and 0 names"):
        parse(nameless)
