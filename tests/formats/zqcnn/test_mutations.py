"""Damaged files: one clear error or a network, in bounded time and memory."""

import random
import re
import time
import tracemalloc
import warnings
from pathlib import Path

import pytest

from zqcnn_xp.errors import FormatError, TrailingWeightsWarning
from zqcnn_xp.formats.zqcnn import reader

NET = "det1-dw20-fast"
NEEDED = 5640  # bytes of weights that the network reads
SECONDS, MEMORY = 2.0, 256 << 20
BOMBS = [
    *(b"0", b"-1", b"2147483647", b"2147483648", b"-2147483648", b"9223372036854775807"),
    *(b"nan", b"inf", b"1e999", b"", b"9" * 400, b"0.5", b"65536"),
]


RARE = Path(__file__).with_name("rare.zqparams").read_bytes()


@pytest.fixture(scope="module")
def files(shared_data):
    folder = shared_data / "zqcnn"
    return (folder / f"{NET}.zqparams").read_bytes(), (folder / f"{NET}.nchwbin").read_bytes()


def works(text, weights, seconds=SECONDS, **options):
    """Read; return whether it worked. Anything but FormatError, or too much time, fails."""
    start = time.process_time()
    problem = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reader.read(text, weights, **options)
        except FormatError as error:
            problem = error
    assert time.process_time() - start < seconds
    if problem is not None:
        assert 0 < len(str(problem)) < 2000
        assert problem.found
        assert problem.expected
    return problem is None


@pytest.fixture
def attempt():
    """`works`, within the bound of memory too."""
    tracemalloc.start()

    def read(text, weights, **options):
        tracemalloc.reset_peak()
        base = tracemalloc.get_traced_memory()[0]
        worked = works(text, weights, **options)
        assert tracemalloc.get_traced_memory()[1] - base < MEMORY
        return worked

    yield read
    tracemalloc.stop()


def mutate(rng, data):
    """One of the usual damages: flipped bits, cut, inserted, repeated, zeroed."""
    data = bytearray(data)
    place = rng.randrange(len(data))
    length = rng.choice([1, 2, 4, 16, 100])
    kind = rng.randrange(8)
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[place : place + length]
    elif kind == 2:
        data[place:place] = rng.randbytes(length)
    elif kind == 3:
        data[place : place + length] = bytes(length)
    elif kind == 4:
        data[place : place + length] = b"\xff" * length
    elif kind == 5:
        data[place:place] = data[rng.randrange(len(data)) :][:length]
    elif kind == 6:
        for _ in range(length):
            data[rng.randrange(len(data))] = rng.randrange(256)
    else:
        del data[place:]
    return bytes(data)


def mutate_text(rng, text):
    """Damage that keeps the grammar: numbers, words and lines."""
    kind = rng.randrange(5)
    if kind == 0:
        found = rng.choice(list(re.finditer(rb"=(\d+)", text)))
        return text[: found.start(1)] + rng.choice(BOMBS) + text[found.end(1) :]
    lines = text.split(b"\n")
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    if kind == 1:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 2:
        lines.insert(place, lines[other])
    elif kind == 3:
        words = lines[place].split() or [b""]
        words[rng.randrange(len(words))] = rng.choice(lines[other].split() or [b"x"])
        lines[place] = b" ".join(words)
    else:
        del lines[place]
    return b"\n".join(lines)


def test_every_truncation_of_the_text(files):
    text, weights = files
    worked = [works(text[:size], weights) for size in range(len(text) + 1)]
    assert worked[-1]
    assert not any(worked[: len(text.splitlines()[0])])


def test_every_truncation_of_the_weights(files):
    text, weights = files
    for size in range(len(weights) + 1):
        assert works(text, weights[:size]) == (size >= NEEDED)


def test_the_rest_is_named_to_the_byte(files):
    text, weights = files
    for rest, match in ((4, r"1 floats \(4 bytes\)"), (7, "1 floats and 3 bytes")):
        with pytest.warns(TrailingWeightsWarning, match=match):
            reader.read(text, weights[: NEEDED + rest])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.read(text, weights[:NEEDED])


@pytest.mark.parametrize("compat", [None, "zqcnn"])
def test_mutations(files, attempt, compat):
    rng = random.Random(20 if compat else 10)
    text, weights = files
    outcomes = []
    for count in range(1000):
        if count % 3 == 0:
            outcomes.append(attempt(mutate(rng, text), weights, compat=compat))
        elif count % 3 == 1:
            outcomes.append(attempt(mutate_text(rng, text), weights, compat=compat))
        else:
            outcomes.append(attempt(text, mutate(rng, weights), compat=compat))
    assert 100 < sum(outcomes) < 900  # both outcomes occur


def test_integer_bombs_in_every_number(files, attempt):
    text, weights = files
    numbers = list(re.finditer(rb"=(\d+)", text))
    assert len(numbers) > 30
    for found in numbers:
        for bomb in BOMBS:
            damaged = text[: found.start(1)] + bomb + text[found.end(1) :]
            attempt(damaged, weights)


@pytest.mark.parametrize("name", ["libfacedetection", "headposegaze-112-gray", "model-face"])
def test_mutations_of_other_layers(shared_data, attempt, name):
    rng = random.Random(name)
    folder = shared_data / "zqcnn"
    text = (folder / f"{name}.zqparams").read_bytes()
    weights = (folder / f"{name}.nchwbin").read_bytes()
    outcomes = [attempt(mutate_text(rng, text), weights) for _ in range(150)]
    assert 5 < sum(outcomes) < 145


def test_random_weights_for_a_bomb_are_refused_before_memory_is_taken(attempt):
    text = b"Input name=x C=3 H=9 W=9\nConvolution name=c bottom=x top=y kernel_size=9 num_output="
    assert attempt(text + b"8", "random")
    assert not attempt(text + b"2147483647", "random")
    assert not attempt(text + b"8000000", "random")


@pytest.mark.parametrize("count", [100_000, 100_001])
def test_a_hundred_thousand_layers(count):
    lines = [f"Copy name=c{i} bottom=x top=x" for i in range(count - 1)]
    text = "\n".join(["Input name=x C=1", *lines]).encode()
    assert works(text, b"", seconds=30) == (count == 100_000)


def rare_weights():
    graph = reader.read(RARE, "random:3")
    return bytes(4 * sum(w.size for node in graph.nodes for w in node.weights.values()))


def test_the_layers_that_published_networks_lack(attempt):
    weights = rare_weights()
    for compat in (None, "zqcnn"):
        for size in (*range(0, len(weights), 41), len(weights) - 1, len(weights)):
            assert works(RARE, weights[:size], compat=compat) == (size == len(weights))
    numbers = list(re.finditer(rb"=(\d+)", RARE))
    assert len(numbers) > 50
    for found in numbers:
        for bomb in BOMBS:
            damaged = RARE[: found.start(1)] + bomb + RARE[found.end(1) :]
            attempt(damaged, "random")
    rng = random.Random(5)
    outcomes = [attempt(mutate_text(rng, RARE), weights) for _ in range(200)]
    assert 5 < sum(outcomes) < 195
