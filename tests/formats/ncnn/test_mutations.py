"""Damaged files: one clear error or a network, in bounded time and memory."""

import random
import re
import time
import tracemalloc
import warnings

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.ncnn import reader

NET = "det3-dw48-fast"
SMALL = "det1-dw20-fast"
BOMBS = [
    *(b"0", b"-1", b"2147483647", b"2147483648", b"-2147483648", b"9223372036854775808"),
    *(b"nan", b"inf", b"1e999", b"", b"9" * 400, b"0.5", b"65536", b"-233"),
]


def works(text, weights):
    """Read; return whether it worked. Anything but FormatError, or too much time, fails."""
    start = time.process_time()
    problem = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reader.read(text, weights)
        except FormatError as error:
            problem = error
    assert time.process_time() - start < 2
    if problem is not None:
        assert 0 < len(str(problem)) < 3000
        assert problem.file == "<bytes>"
    return problem is None


def attempt(text, weights):
    """`works`, within the bound of memory too."""
    tracemalloc.start()
    worked = works(text, weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 256 << 20
    return worked


@pytest.fixture(scope="module")
def files(shared_data):
    return {
        name: tuple(
            (shared_data / "ncnn" / f"{name}{end}").read_bytes() for end in (".param", ".bin")
        )
        for name in (NET, SMALL)
    }


def mutate(rng, data):
    data = bytearray(data)
    place = rng.randrange(len(data))
    length = rng.choice([1, 2, 4, 16])
    kind = rng.randrange(6)
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[place : place + length]
    elif kind == 2:
        data[place:place] = rng.randbytes(length)
    elif kind == 3:
        data[place : place + length] = b"\xff" * length
    elif kind == 4:
        del data[place:]
    else:
        data[place:place] = data[rng.randrange(len(data)) :][:length]
    return bytes(data)


def mutate_text(rng, text):
    """Damage that keeps the grammar: numbers, words and lines."""
    if rng.random() < 0.4:
        found = rng.choice(list(re.finditer(rb"=(\d+)", text)))
        return text[: found.start(1)] + rng.choice(BOMBS) + text[found.end(1) :]
    lines = text.rstrip(b"\n").split(b"\n")
    place, other = rng.randrange(2, len(lines)), rng.randrange(2, len(lines))
    kind = rng.randrange(3)
    if kind == 0:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 1:
        words = lines[place].split()
        words[rng.randrange(len(words))] = rng.choice(lines[other].split())
        lines[place] = b" ".join(words)
    else:
        del lines[place]
        layers, blobs = lines[1].split()
        lines[1] = b"%d %s" % (int(layers) - 1, blobs)
    return b"\n".join(lines)


def test_every_truncation(files):
    text, weights = files[SMALL]
    assert works(text, weights)
    lines = text.rstrip().split(b"\n")
    last = len(text.rstrip()) - len(lines[-1])
    assert not any(works(text[:size], weights) for size in range(last))
    assert not any(works(text, weights[:size]) for size in range(0, len(weights), 3))


def test_mutations(files):
    rng = random.Random(4)
    outcomes = []
    for count in range(2000):
        text, weights = files[NET if count % 10 == 0 else SMALL]
        read = attempt if count % 10 == 0 else works
        if count % 3 == 0:
            outcomes.append(read(mutate(rng, text), weights))
        elif count % 3 == 1:
            outcomes.append(read(mutate_text(rng, text), weights))
        else:
            outcomes.append(read(text, mutate(rng, weights)))
    assert 100 < sum(outcomes) < 1900


def test_bombs_in_every_number(files):
    text, weights = files[SMALL]
    for found in re.finditer(rb"(?:=| )(\d+)(?= |\n|$)", text):
        for bomb in BOMBS:
            works(text[: found.start(1)] + bomb + text[found.end(1) :], weights)


def test_many_layers(ncnn):
    def chain(count):
        lines = ["Input x 0 1 b0 0=2 1=2 2=3"]
        lines += [f"ReLU r{k} 1 1 b{k} b{k + 1}" for k in range(count)]
        return ncnn.param(*lines)

    assert works(chain(5000), b"")
    assert not works(chain(100_000), b"")
