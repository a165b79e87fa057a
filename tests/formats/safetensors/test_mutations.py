"""Damaged bundles: one clear error or a network, in bounded time and memory."""

import json
import random
import time
import tracemalloc
import warnings

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.safetensors import load_state, reader

SECONDS, MEMORY = 2.0, 256 << 20
BOMBS = [0, -1, 1 << 31, 1 << 48, 1 << 63, 10**400, 0.5, 1e300, True, None, "", "x" * 300, [], {}]


def works(data, read=reader.read):
    """Read; return whether it worked. Anything but FormatError, or too much time, fails."""
    start = time.process_time()
    problem = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(data)
        except FormatError as error:
            problem = error
    assert time.process_time() - start < SECONDS
    if problem is not None:
        assert problem.file == "<bytes>"
        assert problem.where
        assert problem.found
        assert problem.expected
        assert len(str(problem)) < 2000
    return problem is None


@pytest.fixture
def attempt():
    """`works`, within the bound of memory too."""
    tracemalloc.start()

    def read(data, how=reader.read):
        tracemalloc.reset_peak()
        base = tracemalloc.get_traced_memory()[0]
        worked = works(data, how)
        assert tracemalloc.get_traced_memory()[1] - base < MEMORY
        return worked

    yield read
    tracemalloc.stop()


def mutate(rng, data):
    """One of the usual damages: flipped bits, cut, inserted, repeated, zeroed."""
    data = bytearray(data)
    place = rng.randrange(len(data))
    length = rng.choice([1, 2, 4, 16, 100])
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
        data[place] = rng.choice(b'0123456789,:{}[]"-e ')
    return bytes(data)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def changed(value, path, new):
    """The value with ``new`` at a place; ``...`` removes what is there."""
    whole = json.loads(json.dumps(value))
    if not path:
        return new
    at = whole
    for key in path[:-1]:
        at = at[key]
    if new is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return whole


def test_truncation_at_every_byte(bundle):
    data = bundle.pack(bundle.small())
    assert works(data)
    for size in range(len(data)):
        assert not works(data[:size]), size


def test_two_thousand_mutations(bundle, attempt):
    rng = random.Random(3)
    data = bundle.pack(bundle.small())
    outcomes = [attempt(mutate(rng, data)) for _ in range(2000)]
    assert 20 < sum(outcomes) < 1900  # both outcomes occur
    assert all(isinstance(works(mutate(rng, data), load_state), bool) for _ in range(300))


def test_every_value_of_the_header_replaced(bundle, attempt):
    header, rest = bundle.split(bundle.pack(bundle.small()))
    outcomes = []
    for path in places(header):
        for bomb in BOMBS:
            # The text of the graph is looked at by itself below.
            outcomes.append(attempt(bundle.join(changed(header, path, bomb), rest)))
    assert sum(outcomes) < len(outcomes) / 20


def test_every_value_of_the_graph_replaced_or_removed(bundle, attempt):
    header, rest = bundle.split(bundle.pack(bundle.small()))
    text = json.loads(header["__metadata__"]["zqcnn_xp.graph"])
    outcomes = []
    for path in places(text):
        for bomb in [0, -1, 1 << 31, 1 << 63, 1e300, None, "", [], *([...] if path else [])]:
            header["__metadata__"]["zqcnn_xp.graph"] = json.dumps(changed(text, path, bomb))
            outcomes.append(attempt(bundle.join(header, rest)))
    # Free texts, what has a default, and sizes that do not matter for so small a map.
    assert 20 < sum(outcomes) < len(outcomes) / 4


def test_a_million_layers(bundle, attempt):
    header, rest = bundle.split(bundle.pack(bundle.small()))
    text = json.loads(header["__metadata__"]["zqcnn_xp.graph"])
    for many in ([{}] * 1_000_000, [text["nodes"][-1]] * 100_001, [0] * 1_000_000):
        text["nodes"] = many
        header["__metadata__"]["zqcnn_xp.graph"] = json.dumps(text)
        assert not attempt(bundle.join(header, rest))


@pytest.mark.parametrize("opened", [b"[", b'{"a":', b'{"__metadata__":{"zqcnn_xp.graph":"['])
def test_deep_nesting(bundle, attempt, opened):
    assert not attempt(bundle.join(b"{" + opened * 200_000, b""))
    header, rest = bundle.split(bundle.pack(bundle.small()))
    header["__metadata__"]["zqcnn_xp.graph"] = "[" * 1_000_000
    assert not attempt(bundle.join(header, rest))
