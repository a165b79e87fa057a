import struct

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError, TrailingWeightsWarning
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.ncnn.record import Record
from zqcnn_xp.formats.ncnn.storage import FLOAT16, INT8, RAW, BinWeights
from zqcnn_xp.formats.source import Source

PLACE = Record("a.param", 3, "Convolution", "c", (), ())
W = np.float32([0.5, -1, 2, 4, 0.25])


def word(value):
    return struct.pack("<I", value)


def table(values):
    found = np.zeros(256, "<f4")
    found[: len(values)] = values
    return found.tobytes()


STORED = {
    "float32": word(0) + W.tobytes(),
    "raw": word(RAW) + W.tobytes(),
    "float16": word(FLOAT16) + W.astype("<f2").tobytes() + b"\0\0",
    "int8": word(INT8) + np.int8([1, -2, 3, 4, 5]).tobytes() + bytes(3),
    "table": word(0x01010101) + table(W) + bytes([0, 1, 2, 3, 4]) + bytes(3),
}


def weights(data, **limits):
    return BinWeights(Source("a.bin", data), Limits(**limits))


@pytest.mark.parametrize("kind", STORED)
def test_every_storage_and_its_padding(kind):
    found = weights(STORED[kind] + W.tobytes())
    array, coded = found.main(PLACE, "weight", (5,))
    assert coded == (kind == "int8")
    np.testing.assert_array_equal(array, [1, -2, 3, 4, 5] if coded else W)
    np.testing.assert_array_equal(found.raw(PLACE, "bias", (5,)), W)
    found.finish()
    assert array.dtype == np.float32


@pytest.mark.parametrize("kind", STORED)
def test_truncation_at_every_byte(kind):
    for size in range(len(STORED[kind])):
        with pytest.raises(FormatError, match=r"a.bin, byte \d+: found .* 'weight' of layer 'c'"):
            weights(STORED[kind][:size]).main(PLACE, "weight", (5,))


def test_bombs_are_refused_before_memory_is_taken():
    with pytest.raises(FormatError, match=r"Limits\.max_elements"):
        weights(b"").raw(PLACE, "bias", (1 << 62,))
    with pytest.raises(FormatError, match="expected 4,000,000,000 bytes"):
        weights(b"").raw(PLACE, "bias", (1_000_000_000,))
    found = weights(bytes(8), max_tensors=1)
    found.raw(PLACE, "a", (1,))
    with pytest.raises(FormatError, match=r"Limits\.max_tensors"):
        found.raw(PLACE, "b", (1,))


def test_a_rest_is_named():
    with pytest.warns(TrailingWeightsWarning, match="3 bytes after byte 0"):
        weights(bytes(3)).finish()


def test_half_precision_is_what_ncnn_takes(ncnn, x):
    w = np.random.default_rng(0).normal(size=(5, 3, 1, 1)).astype("<f2")
    data = word(FLOAT16) + w.tobytes() + bytes(2)
    ncnn.compare(ncnn.layer("Convolution", "0=5 1=1 6=15"), data, {"x": x})
    index = np.random.default_rng(1).integers(0, 5, 15).astype(np.uint8)
    data = word(0x01010101) + table(W) + index.tobytes() + b"\0"
    ncnn.compare(ncnn.layer("Convolution", "0=5 1=1 6=15"), data, {"x": x})


@pytest.mark.parametrize(
    ("kind", "keys", "count"),
    [
        ("Convolution", "0=6 1=1 6=18 8=2", 6),
        ("Convolution", "0=6 1=1 6=18 8=102", 6),
        ("ConvolutionDepthWise", "0=3 1=1 6=3 7=3 8=1", 3),
        ("ConvolutionDepthWise", "0=3 1=1 6=3 7=3 8=102", 1),
        ("InnerProduct", "0=2 2=384 8=1", 2),
    ],
)
def test_int8_weights_are_divided_by_their_scales(ncnn, x, kind, keys, count):
    rng = np.random.default_rng(0)
    size = int(keys.split("6=")[1].split()[0]) if "6=" in keys and kind != "InnerProduct" else 384
    out = int(keys.split()[0][2:])
    codes = rng.integers(-127, 128, size).astype(np.int8)
    scales = rng.uniform(10, 50, count).astype("<f4")
    tail = scales.tobytes() + W[:1].tobytes() * (2 if " 8=10" in keys else 1)
    data = word(INT8) + codes.tobytes() + bytes(-size % 4) + tail
    plain = codes.reshape(out, -1) / np.repeat(scales, out // count)[:, None]
    want = ncnn.ours(ncnn.layer(kind, keys.rpartition(" ")[0]), ncnn.flagged(plain), {"x": x})
    found = ncnn.ours(ncnn.layer(kind, keys), data, {"x": x})
    np.testing.assert_allclose(found[0], want[0], rtol=1e-5, atol=1e-5)
    with pytest.raises(FormatError, match="int8 weights without scales"):
        ncnn.ours(ncnn.layer(kind, keys.rpartition(" ")[0]), data, {"x": x})
