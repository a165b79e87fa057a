"""Broken files: a clear error or a graph, quickly and in little memory."""

from __future__ import annotations

import numpy as np
import pytest

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


@pytest.fixture(scope="module")
def judge(damage):
    return damage.Judge(reader.read, placed=False)


@pytest.fixture(scope="module")
def files(net):
    made = network(net)
    return made.xml(), made.bin


def test_mutants_give_errors_of_ours_or_graphs(files, judge, damage):
    xml, weights = files
    assert judge.traced(xml, weights)
    makers = [
        lambda rng: (damage.mutate(rng, xml), weights),
        lambda rng: (damage.mutate_text(rng, xml, rb"(\d)", NUMBERS), weights),
    ]
    judge.trials(makers, seed=0, worked=(0.025, 0.975))


def test_mutants_of_the_weights(files, judge, damage):
    xml, weights = files
    maker = lambda rng: (xml, damage.mutate(rng, weights))  # noqa: E731
    judge.trials([maker], seed=1, count=200, worked=(0.025, 0.975))


def test_truncation_anywhere(files, judge):
    xml, weights = files
    assert not any(judge.cuts(files, 0, range(len(xml))))
    assert not any(judge.cuts(files, 1, range(len(weights))))


def test_every_number_in_turn(files, judge, damage):
    xml, weights = files
    for damaged in damage.bombed(xml, rb'(?<=[", ])(\d)', NUMBERS, least=100):
        judge(damaged, weights)
