"""Damaged files: one clear error or a network, in bounded time and memory."""

import warnings
from functools import partial
from pathlib import Path

import pytest

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats.zqcnn import reader

NET = "det1-dw20-fast"
NEEDED = 5640  # bytes of weights that the network reads
RARE = Path(__file__).with_name("rare.zqparams").read_bytes()


@pytest.fixture(scope="module")
def files(shared_data):
    folder = shared_data / "zqcnn"
    return (folder / f"{NET}.zqparams").read_bytes(), (folder / f"{NET}.nchwbin").read_bytes()


@pytest.fixture(scope="module")
def judge(damage):
    return damage.Judge(reader.read)


def test_every_truncation_of_the_text(files, judge):
    worked = judge.cuts(files, 0)
    assert worked[-1]
    assert not any(worked[: len(files[0].splitlines()[0])])


def test_every_truncation_of_the_weights(files, judge):
    worked = judge.cuts(files, 1)
    assert worked == [size >= NEEDED for size in range(len(files[1]) + 1)]


def test_the_rest_is_named_to_the_byte(files):
    text, weights = files
    for rest, match in ((4, r"1 floats \(4 bytes\)"), (7, "1 floats and 3 bytes")):
        with pytest.warns(TrailingWeightsWarning, match=match):
            reader.read(text, weights[: NEEDED + rest])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.read(text, weights[:NEEDED])


@pytest.mark.parametrize("compat", [None, "zqcnn"])
def test_mutations(files, damage, compat):
    text, weights = files
    judge = damage.Judge(partial(reader.read, compat=compat))
    makers = [
        lambda rng: (damage.mutate(rng, text), weights),
        lambda rng: (damage.mutate_text(rng, text), weights),
        lambda rng: (text, damage.mutate(rng, weights)),
    ]
    judge.trials(makers, seed=20 if compat else 10, count=1000, worked=(0.1, 0.9))


def test_integer_bombs_in_every_number(files, judge, damage):
    text, weights = files
    for damaged in damage.bombed(text, least=30):
        judge.traced(damaged, weights)


@pytest.mark.parametrize("name", ["libfacedetection", "headposegaze-112-gray", "model-face"])
def test_mutations_of_other_layers(shared_data, judge, damage, name):
    folder = shared_data / "zqcnn"
    text = (folder / f"{name}.zqparams").read_bytes()
    weights = (folder / f"{name}.nchwbin").read_bytes()
    maker = lambda rng: (damage.mutate_text(rng, text), weights)  # noqa: E731
    judge.trials([maker], seed=name, count=150, worked=(0.03, 0.97))


def test_random_weights_for_a_bomb_are_refused_before_memory_is_taken(judge):
    text = b"Input name=x C=3 H=9 W=9\nConvolution name=c bottom=x top=y kernel_size=9 num_output="
    assert judge.traced(text + b"8", "random")
    assert not judge.traced(text + b"2147483647", "random")
    assert not judge.traced(text + b"8000000", "random")


@pytest.mark.parametrize("count", [100_000, 100_001])
def test_a_hundred_thousand_layers(judge, count):
    lines = [f"Copy name=c{i} bottom=x top=x" for i in range(count - 1)]
    text = "\n".join(["Input name=x C=1", *lines]).encode()
    assert judge.plain(text, b"") == (count == 100_000)
    assert judge.counted("\n".join(["Input name=x C=1", *lines[:10_000]]).encode(), b"")


def rare_weights():
    graph = reader.read(RARE, "random:3")
    return bytes(4 * sum(w.size for node in graph.nodes for w in node.weights.values()))


def test_the_layers_that_published_networks_lack(judge, damage):
    weights = rare_weights()
    for compat in (None, "zqcnn"):
        for size in (*range(0, len(weights), 41), len(weights) - 1, len(weights)):
            assert judge(RARE, weights[:size], compat=compat) == (size == len(weights))
    for damaged in damage.bombed(RARE, least=50):
        judge(damaged, "random")
    maker = lambda rng: (damage.mutate_text(rng, RARE), weights)  # noqa: E731
    judge.trials([maker], seed=5, count=200, worked=(0.025, 0.975))
