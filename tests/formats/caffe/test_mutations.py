"""Damaged files: one clear error or a network, in bounded time and memory."""

import random
import re
import time
import tracemalloc
import warnings

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats import Limits
from zqcnn_xp.formats.caffe import reader

SECONDS, MEMORY = 2.0, 256 << 20
BOMBS = [
    *(b"0", b"-1", b"2147483647", b"2147483648", b"-2147483648", b"9223372036854775807"),
    *(b"nan", b"inf", b"1e999", b"", b"9" * 400, b"0.5", b"65536", b'"3"', b"{ }", b"TEST"),
]


@pytest.fixture(scope="module")
def files(shared_data):
    folder = shared_data / "caffe"
    return (folder / "det1.prototxt").read_bytes(), (folder / "det1.caffemodel").read_bytes()


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
        assert problem.found
        assert problem.expected
    return problem is None


@pytest.fixture
def attempt():
    """`works`, within the bound of memory too."""

    def read(text, weights):
        tracemalloc.start()
        try:
            # Tracing takes several times as long.
            worked = works(text, weights, seconds=20)
            assert tracemalloc.get_traced_memory()[1] < MEMORY
        finally:
            tracemalloc.stop()
        return worked

    return read


def mutate(rng, data, head=None):
    """One of the usual damages: flipped bits, cut, inserted, repeated, zeroed."""
    data = bytearray(data)
    place = rng.randrange(min(len(data), head or len(data)))
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
        found = rng.choice(list(re.finditer(rb": ([-0-9.]+)", text)))
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
    # Layers end at closing brackets: only there is a shorter network one.
    assert all(text[:size].rstrip().endswith(b"}") for size, ok in enumerate(worked) if ok)


def test_every_truncation_of_the_weights(files, cf):
    text = cf.net(
        cf.layer("Convolution", "convolution_param { num_output: 3 kernel_size: 3 }", name="a"),
        cf.layer("PReLU", "", "y", "y", "b"),
    )
    whole = cf.weights(a=[cf.noise(3, 4, 3, 3), cf.noise(3)], b=[cf.noise(3)])
    for size in range(len(whole) + 1):
        assert works(text, whole[:size]) == (size == len(whole))
    text, weights = files
    for size in (*range(1500), *range(3000, len(weights) - 700, 53)):
        assert not works(text, weights[:size])


def test_mutations(files, attempt):
    rng = random.Random(10)
    text, weights = files
    outcomes = []
    for count in range(2000):
        judge = attempt if count % 20 < 4 else works
        if count % 4 == 0:
            outcomes.append(judge(mutate(rng, text), weights))
        elif count % 4 == 1:
            outcomes.append(judge(mutate_text(rng, text), weights))
        elif count % 4 == 2:
            outcomes.append(judge(text, mutate(rng, weights)))
        else:
            outcomes.append(judge(text, mutate(rng, weights, head=1800)))
    assert 200 < sum(outcomes) < 1800  # both outcomes occur


@pytest.mark.parametrize("name", ["yufacedetectnet-open-v1", "slim-320", "landmark106"])
def test_mutations_of_other_layers(shared_data, attempt, name):
    rng = random.Random(name)
    folder = shared_data / "caffe"
    text = (folder / f"{name}.prototxt").read_bytes()
    weights = (folder / f"{name}.caffemodel").read_bytes()
    outcomes = [attempt(mutate_text(rng, text), weights) for _ in range(20)]
    assert 1 < sum(outcomes) < 19


def test_mutations_of_a_whole_binary_network(cf, attempt):
    rng = random.Random(3)
    shape = b"".join(cf.varint(n) for n in (1, 4, 6, 8))
    conv = b"".join((cf.field(1, 3), cf.field(4, 3)))
    layer = b"".join(
        (cf.field(1, "a"), cf.field(2, "Convolution"), cf.field(3, "x"), cf.field(4, "y"),
         cf.field(106, conv), cf.field(7, cf.blob(cf.noise(3, 4, 3, 3))),
         cf.field(7, cf.blob(cf.noise(3))))
    )  # fmt: skip
    whole = cf.field(1, "n") + cf.field(3, "x") + cf.field(8, cf.field(1, shape))
    whole += cf.field(100, layer)
    assert attempt(whole, None)
    outcomes = [works(b"\n\x01n" + mutate(rng, whole[3:]), None) for _ in range(600)]
    assert 20 < sum(outcomes) < 580


def test_bombs_in_every_number(files):
    text, weights = files
    numbers = list(re.finditer(rb"(?<=num_output: )\d+|(?<=_size: )\d|(?<=_dim: )\d+|"
                               rb"(?<=stride: )\d", text))  # fmt: skip
    assert len(numbers) > 15
    for found in numbers:
        for bomb in BOMBS:
            works(text[: found.start()] + bomb + text[found.end() :], weights)


@pytest.mark.parametrize(
    "text",
    [
        b"layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'x' }\n" * 1_000_000,
        b"layer{}" * 1_000_000,
        b"name: 'n' input_dim: 1\n" * 1_000_000,
        b"layer {" * 1_000_000,
        b"layer { input_param { shape { dim: [" + b"1," * 5_000_000,
        b"name: '" + b"a" * 10_000_000,
        b"name: 'n' #" + b"#" * 10_000_000,
        b"name: 'n'" + b" " * 10_000_000 + b"@",
        b"layer { blobs { " + b"data: 1 " * 1_000_000,
        b"layer { blobs { data: " + b"1" * 5_000_000 + b"x",
        b'name: "n" "' + b'a" "' * 1_000_000,
    ],
)
def test_text_bombs(attempt, text):
    assert not works(text, b"\n\x01n")
    if text.startswith((b"name: 'n' input_dim", b"layer { blobs { data: 1 data")):
        assert not attempt(text, b"\n\x01n")


@pytest.mark.parametrize(
    "data",
    [
        b"\xa2\x06\x00" * 1_000_000,
        b"\n\x01n" + b"\x1a\x00" * 2_000_000,
        b"\xa2\x06\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\n\x01n" + b"\x42\x80\x80\x80\x02" + b"\x0a\xfa\xff\xff\x01" + b"\x01" * 4_194_298,
        b"\n\x01n\xa2\x06\x02\x3a\x00" * 200_000,
    ],
)
def test_binary_bombs(attempt, data):
    assert not works(data, None)
    if data.endswith(b"\x3a\x00"):
        assert not attempt(data, None)
    assert not works(b"name: 'n' input: 'x' input_shape { dim: 1 } layer { }", data)


def test_as_many_layers_as_the_limit():
    bounds = Limits(max_layers=20_000)
    lines = "\n".join(
        f'layer {{ name: "l{i}" type: "ReLU" bottom: "x" top: "x" }}' for i in range(20_000)
    )
    text = f'input: "x" input_shape {{ dim: 1 dim: 1 }}\n{lines}'.encode()
    assert len(reader.read(text, b"\n\x01n", limits=bounds).nodes) == 20_000
    with pytest.raises(FormatError, match="more than 20,000 layers"):
        reader.read(text + b"layer { }", b"\n\x01n", limits=bounds)
