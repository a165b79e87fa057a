"""Damaged files: one clear error or a network, in bounded time and memory."""

import pytest

from zqcnn_xp.formats.ncnn import reader

NET = "det3-dw48-fast"
SMALL = "det1-dw20-fast"


@pytest.fixture(scope="module")
def judge(damage):
    return damage.Judge(reader.read, placed=False)


@pytest.fixture(scope="module")
def files(shared_data):
    return {
        name: tuple(
            (shared_data / "ncnn" / f"{name}{end}").read_bytes() for end in (".param", ".bin")
        )
        for name in (NET, SMALL)
    }


def test_every_truncation(files, judge):
    text, weights = files[SMALL]
    assert judge.counted(text, weights)
    lines = text.rstrip().split(b"\n")
    last = len(text.rstrip()) - len(lines[-1])
    assert not any(judge.cuts((text, weights), 0, range(last)))
    assert not any(judge.cuts((text, weights), 1, range(0, len(weights), 3)))


def test_mutations(files, judge, damage):
    bombs = [*damage.NUMBERS, b"-233"]

    def mutate_text(rng, text):
        """The number of layers follows, so that what is wrong is elsewhere."""
        magic, counts, body = text.rstrip(b"\n").split(b"\n", 2)
        body = damage.mutate_text(rng, body, bombs=bombs)
        layers = len([line for line in body.split(b"\n") if line.strip()])
        return b"\n".join((magic, b"%d %s" % (layers, counts.split()[1]), body))

    def chosen(rng):
        return files[NET if rng.randrange(10) == 0 else SMALL]

    def bytes_of_text(rng):
        text, weights = chosen(rng)
        return damage.mutate(rng, text), weights

    def words(rng):
        text, weights = chosen(rng)
        return mutate_text(rng, text), weights

    def bytes_of_weights(rng):
        text, weights = chosen(rng)
        return text, damage.mutate(rng, weights)

    judge.trials([bytes_of_text, words, bytes_of_weights], seed=4, worked=(0.05, 0.95))


def test_bombs_in_every_number(files, judge, damage):
    text, weights = files[SMALL]
    number, bombs = rb"(?:=| )(\d+)(?= |\n|$)", [*damage.NUMBERS, b"-233"]
    for damaged in damage.bombed(text, number, bombs, least=50):
        judge(damaged, weights)


def test_many_layers(ncnn, judge):
    def chain(count):
        lines = ["Input x 0 1 b0 0=2 1=2 2=3"]
        lines += [f"ReLU r{k} 1 1 b{k} b{k + 1}" for k in range(count)]
        return ncnn.param(*lines)

    assert judge.counted(chain(5000), b"")
    assert not judge.plain(chain(100_000), b"")
