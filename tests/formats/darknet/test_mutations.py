"""Damaged files: one clear error or a network, in bounded time and memory."""

import random
import re
import time
import tracemalloc
import warnings

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.darknet import reader

SECONDS, MEMORY = 2.0, 256 << 20
BOMBS = [
    *(b"0", b"-1", b"2147483647", b"2147483648", b"-2147483648", b"9223372036854775808"),
    *(b"nan", b"1e999", b"", b"9" * 400, b"0.5", b"65536", b"1,2,3"),
]
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


def works(text, weights, seconds=SECONDS):
    """Read; return whether it worked. Anything but FormatError, or too much time, fails."""
    start = time.process_time()
    problem = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reader.read(text, weights)
        except FormatError as error:
            problem = error
    assert time.process_time() - start < seconds
    if problem is not None:
        assert 0 < len(str(problem)) < 2000
        assert problem.file
        assert problem.where
    return problem is None


@pytest.fixture
def attempt():
    """`works`, within the bound of memory too."""
    tracemalloc.start()

    def read(text, weights):
        tracemalloc.reset_peak()
        base = tracemalloc.get_traced_memory()[0]
        worked = works(text, weights)
        assert tracemalloc.get_traced_memory()[1] - base < MEMORY
        return worked

    yield read
    tracemalloc.stop()


def mutate(rng, data):
    data = bytearray(data)
    place, length = rng.randrange(len(data)), rng.choice([1, 2, 4, 16, 100])
    kind = rng.randrange(6)
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[place : place + length]
    elif kind == 2:
        data[place:place] = rng.randbytes(length)
    elif kind == 3:
        data[place : place + length] = bytes(length)
    elif kind == 4:
        data[place:place] = data[rng.randrange(len(data)) :][:length]
    else:
        del data[place:]
    return bytes(data)


def mutate_text(rng, text):
    """Damage that keeps the grammar: numbers, and lines."""
    kind = rng.randrange(4)
    if kind == 0:
        found = rng.choice(list(re.finditer(rb"=([-\d,]+)", text)))
        return text[: found.start(1)] + rng.choice(BOMBS) + text[found.end(1) :]
    lines = text.split(b"\n")
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    if kind == 1:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 2:
        lines.insert(place, lines[other])
    else:
        del lines[place]
    return b"\n".join(lines)


def test_every_truncation(small):
    text, weights = small
    assert works(text, weights)
    # What is left without the last activation or the head wants the same weights.
    complete = text.index(b"activation=linear")
    assert not any(works(text[:size], weights) for size in range(complete - 1))
    for size in range(complete, len(text)):
        works(text[:size], weights)
    assert not any(works(text, weights[:size]) for size in range(len(weights)))


def test_mutations_of_a_small_network(small, attempt):
    rng = random.Random(1)
    text, weights = small
    outcomes = []
    for count in range(1600):
        if count % 4 == 0:
            outcomes.append(attempt(mutate(rng, text), weights))
        elif count % 4 == 1:
            outcomes.append(attempt(mutate_text(rng, text), weights))
        elif count % 4 == 2:
            outcomes.append(attempt(mutate_text(rng, text), "random"))
        else:
            outcomes.append(attempt(text, mutate(rng, weights)))
    assert 200 < sum(outcomes) < 1400


def test_mutations_of_a_real_network(shared_data, attempt):
    rng = random.Random(2)
    folder = shared_data / "darknet"
    text = (folder / "yoloface-500k-v2.cfg").read_bytes()
    weights = (folder / "yoloface-500k-v2.weights").read_bytes()
    outcomes = [attempt(mutate_text(rng, text), weights) for _ in range(80)]
    outcomes += [attempt(text, mutate(rng, weights)) for _ in range(40)]
    assert 10 < sum(outcomes) < 110


def test_bombs_in_every_number(small, attempt):
    text, weights = small
    numbers = list(re.finditer(rb"=([-\d,]+)", text))
    assert len(numbers) > 20
    for found in numbers:
        for bomb in BOMBS:
            damaged = text[: found.start(1)] + bomb + text[found.end(1) :]
            attempt(damaged, weights)
            attempt(damaged, "random")


def test_a_hundred_thousand_layers():
    text = b"[net]\nwidth=1\nheight=1\nchannels=1\n" + b"[dropout]\n" * 100_000
    assert works(text, "random", seconds=30)


def test_channels_that_double():
    text = b"[net]\nwidth=1\nheight=1\nchannels=1\n[maxpool]\n"
    assert works(text + b"[route]\nlayers=-1,-1\n" * 30, "random")
    assert not works(text + b"[route]\nlayers=-1,-1\n" * 1000, "random")
