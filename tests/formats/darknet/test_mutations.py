"""Damaged files: one clear error or a network, in bounded time and memory."""

import pytest

from zqcnn_xp.formats.darknet import reader

NUMBER = rb"=([-\d,]+)"
SMALL = b"""[net]
width=16
height=12
channels=3
[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky
[convolutional]
filters=4
groups=2
activation=relu
[route]
layers=-1
groups=2
group_id=1
[maxpool]
size=2
stride=2
[upsample]
stride=2
[route]
layers=-1,1
[avgpool]
[scale_channels]
from=-2
[convolutional]
filters=14
activation=linear
[yolo]
mask=0,1
anchors=1,2,3,4
classes=2
num=2
"""


@pytest.fixture(scope="module")
def small(dk):
    graph = reader.read(SMALL, "random")
    return SMALL, dk.header() + bytes(4 * graph.parameters)


@pytest.fixture(scope="module")
def judge(damage):
    return damage.Judge(reader.read)


@pytest.fixture(scope="module")
def mutate_text(damage):
    bombs = [*damage.NUMBERS, b"1,2,3"]
    return lambda rng, text: damage.mutate_text(rng, text, NUMBER, bombs)


def test_every_truncation(small, judge):
    text, _ = small
    # What is left without the last activation or the head wants the same weights.
    complete = text.index(b"activation=linear")
    worked = judge.cuts(small, 0)
    assert worked[-1]
    assert not any(worked[: complete - 1])
    assert not any(judge.cuts(small, 1)[:-1])


def test_mutations_of_a_small_network(small, judge, damage, mutate_text):
    text, weights = small
    makers = [
        lambda rng: (damage.mutate(rng, text), weights),
        lambda rng: (mutate_text(rng, text), weights),
        lambda rng: (mutate_text(rng, text), "random"),
        lambda rng: (text, damage.mutate(rng, weights)),
    ]
    judge.trials(makers, seed=1, count=1900, worked=(0.125, 0.875))


def test_mutations_of_a_real_network(shared_data, judge, damage, mutate_text):
    folder = shared_data / "darknet"
    text = (folder / "yoloface-500k-v2.cfg").read_bytes()
    weights = (folder / "yoloface-500k-v2.weights").read_bytes()
    change = lambda rng: (mutate_text(rng, text), weights)  # noqa: E731
    makers = [change, change, lambda rng: (text, damage.mutate(rng, weights))]
    judge.trials(makers, seed=2, count=120, worked=(0.08, 0.92))


def test_bombs_in_every_number(small, judge, damage):
    text, weights = small
    for damaged in damage.bombed(text, NUMBER, [*damage.NUMBERS, b"1,2,3"], least=20):
        judge(damaged, weights)
        judge(damaged, "random")


def test_a_hundred_thousand_layers(judge):
    text = b"[net]\nwidth=1\nheight=1\nchannels=1\n" + b"[dropout]\n"
    assert judge.plain(text + b"[dropout]\n" * 99_999, "random")
    assert judge.counted(text + b"[dropout]\n" * 9_999, "random")


def test_channels_that_double(judge):
    text = b"[net]\nwidth=1\nheight=1\nchannels=1\n[maxpool]\n"
    assert judge.counted(text + b"[route]\nlayers=-1,-1\n" * 30, "random")
    assert not judge.counted(text + b"[route]\nlayers=-1,-1\n" * 1000, "random")
