"""Broken files: a clear error or a graph, quickly and in little memory."""

from __future__ import annotations

import random
import time
import tracemalloc
import warnings

import numpy as np
import pytest

from zqcnn_xp import FormatError
from zqcnn_xp.formats.openvino import reader

WINDOW = {
    "strides": "1,1", "dilations": "1,1", "pads_begin": "1,1", "pads_end": "1,1",
    "auto_pad": "explicit",
}  # fmt: skip
NUMBERS = [b"0", b"-1", b"2147483648", b"9223372036854775808", b"99999", b"1e99", b"nan", b"?"]


def network(net):
    rng = np.random.default_rng(0)
    made = net()
    x = made.parameter((1, 3, 8, 8))
    weight = made.const(rng.standard_normal((4, 3, 3, 3)).astype(np.float16))
    wide = made.layer("Convert", [weight], {"destination_type": "f32"})
    y = made.layer("Convolution", [x, wide], WINDOW)
    y = made.layer("Add", [y, made.const(np.ones((1, 4, 1, 1), np.float32))], {})
    y = made.layer("PReLU", [y, made.const(np.float32([0.1, 0.2, 0.3, 0.4]))])
    y = made.layer("MaxPool", [y], {**WINDOW, "kernel": "2,2", "rounding_type": "ceil"})
    shape = made.layer("ShapeOf", [y], {"output_type": "i64"}, "opset3")
    zero = made.const(np.int64(0))
    batch = made.layer("Gather", [shape, made.const(np.int64([0])), zero], {}, "opset8")
    target = made.layer("Concat", [batch, made.const(np.int64([-1]))], {"axis": "0"})
    y = made.layer("Reshape", [y, target], {"special_zero": "true"})
    y = made.layer("MatMul", [y, made.const(np.ones((324, 2), np.float32))], {})
    made.result(made.layer("SoftMax", [y], {"axis": "1"}))
    return made


def attempt(xml, weights):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(xml, weights)
    except FormatError:
        return False
    return True


def mutant(data, seed):
    rng = random.Random(seed)
    data = bytearray(data)
    place = rng.randrange(len(data))
    kind = seed % 6
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[place : place + rng.randrange(1, 30)] = b""
    elif kind == 2:
        data[place:place] = rng.randbytes(rng.randrange(1, 9))
    elif kind == 3:
        # Another number in the place of one.
        digits = [k for k, byte in enumerate(data) if 48 <= byte < 58]
        place = rng.choice(digits)
        data[place : place + 1] = rng.choice(NUMBERS)
    elif kind == 4:
        lines = bytes(data).split(b"\n")
        a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        return b"\n".join(lines)
    else:
        lines = bytes(data).split(b"\n")
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
        return b"\n".join(lines)
    return bytes(data)


def test_mutants_give_errors_of_ours_or_graphs(net):
    made = network(net)
    xml = made.xml()
    assert attempt(xml, made.bin)
    counts = {True: 0, False: 0}
    slowest = 0.0
    for seed in range(2000):
        data = mutant(xml, seed)
        if seed == 1900:
            tracemalloc.start()  # which slows everything down
        begin = time.perf_counter()
        counts[attempt(data, made.bin)] += 1
        slowest = max(slowest, time.perf_counter() - begin)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert min(counts.values()) > 50
    assert slowest < 2
    assert peak < 256 << 20


def test_truncation_anywhere(net):
    made = network(net)
    xml = made.xml()
    for end in range(len(xml)):
        assert not attempt(xml[:end], made.bin)
    for end in range(len(made.bin)):
        assert not attempt(xml, made.bin[:end])


@pytest.mark.parametrize("number", NUMBERS)
def test_every_number_in_turn(net, number):
    made = network(net)
    xml = made.xml()
    places = [
        k for k in range(1, len(xml)) if xml[k : k + 1].isdigit() and xml[k - 1 : k] in b'", '
    ]
    for place in places:
        attempt(xml[:place] + number + xml[place + 1 :], made.bin)
