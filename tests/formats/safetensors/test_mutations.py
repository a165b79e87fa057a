"""Damaged bundles: one clear error or a network, in bounded time and memory."""

import json

import pytest

from zqcnn_xp.formats.safetensors import load_state, reader

BOMBS = [0, -1, 1 << 31, 1 << 48, 1 << 63, 10**400, 0.5, 1e300, True, None, "", "x" * 300, [], {}]


@pytest.fixture(scope="module")
def judge(damage):
    return damage.Judge(reader.read)


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


def test_truncation_at_every_byte(bundle, judge):
    *shorter, worked = judge.cuts((bundle.pack(bundle.small()),), 0)
    assert worked
    assert not any(shorter)


def test_two_thousand_mutations(bundle, judge, damage):
    data = bundle.pack(bundle.small())
    maker = lambda rng: (damage.mutate(rng, data),)  # noqa: E731
    judge.trials([maker], seed=3, worked=(0.01, 0.95))
    damage.Judge(load_state).trials([maker], seed=4, count=300, worked=(0.01, 0.95))


def test_every_value_of_the_header_replaced(bundle, judge):
    header, rest = bundle.split(bundle.pack(bundle.small()))
    outcomes = []
    for path in places(header):
        for bomb in BOMBS:
            # The text of the graph is looked at by itself below.
            outcomes.append(judge(bundle.join(changed(header, path, bomb), rest)))
    assert sum(outcomes) < len(outcomes) / 20


def test_every_value_of_the_graph_replaced_or_removed(bundle, judge):
    header, rest = bundle.split(bundle.pack(bundle.small()))
    text = json.loads(header["__metadata__"]["zqcnn_xp.graph"])
    outcomes = []
    for path in places(text):
        for bomb in [0, -1, 1 << 31, 1 << 63, 1e300, None, "", [], *([...] if path else [])]:
            header["__metadata__"]["zqcnn_xp.graph"] = json.dumps(changed(text, path, bomb))
            outcomes.append(judge(bundle.join(header, rest)))
    # Free texts, what has a default, and sizes that do not matter for so small a map.
    assert 20 < sum(outcomes) < len(outcomes) / 4


def test_a_million_layers(bundle, judge):
    header, rest = bundle.split(bundle.pack(bundle.small()))
    text = json.loads(header["__metadata__"]["zqcnn_xp.graph"])
    for many in ([{}] * 1_000_000, [text["nodes"][-1]] * 100_001, [0] * 1_000_000):
        text["nodes"] = many
        header["__metadata__"]["zqcnn_xp.graph"] = json.dumps(text)
        assert not judge.traced(bundle.join(header, rest))


@pytest.mark.parametrize("opened", [b"[", b'{"a":', b'{"__metadata__":{"zqcnn_xp.graph":"['])
def test_deep_nesting(bundle, judge, opened):
    assert not judge.traced(bundle.join(b"{" + opened * 200_000, b""))
    header, rest = bundle.split(bundle.pack(bundle.small()))
    header["__metadata__"]["zqcnn_xp.graph"] = "[" * 1_000_000
    assert not judge.traced(bundle.join(header, rest))
