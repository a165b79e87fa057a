"""Damaged files: one clear error or a network, in bounded time and memory."""

import pytest

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats import Limits
from zqcnn_xp.formats.caffe import reader

NUMBER = rb": ([-0-9.]+)"
WORDS = [b'"3"', b"{ }", b"TEST"]


@pytest.fixture(scope="module")
def files(shared_data):
    folder = shared_data / "caffe"
    return (folder / "det1.prototxt").read_bytes(), (folder / "det1.caffemodel").read_bytes()


@pytest.fixture(scope="module")
def judge(damage):
    return damage.Judge(reader.read)


@pytest.fixture(scope="module")
def bombs(damage):
    return [*damage.NUMBERS, *WORDS]


def test_every_truncation_of_the_text(files, judge):
    text, _ = files
    worked = judge.cuts(files, 0)
    assert worked[-1]
    # Layers end at closing brackets: only there is a shorter network one.
    assert all(text[:size].rstrip().endswith(b"}") for size, ok in enumerate(worked) if ok)


def test_every_truncation_of_the_weights(files, cf, judge):
    text = cf.net(
        cf.layer("Convolution", "convolution_param { num_output: 3 kernel_size: 3 }", name="a"),
        cf.layer("PReLU", "", "y", "y", "b"),
    )
    whole = cf.weights(a=[cf.noise(3, 4, 3, 3), cf.noise(3)], b=[cf.noise(3)])
    *shorter, worked = judge.cuts((text, whole), 1)
    assert worked
    assert not any(shorter)
    sizes = (*range(1500), *range(3000, len(files[1]) - 700, 53))
    assert not any(judge.cuts(files, 1, sizes))


def test_mutations(files, judge, damage, bombs):
    text, weights = files
    makers = [
        lambda rng: (damage.mutate(rng, text), weights),
        lambda rng: (damage.mutate_text(rng, text, NUMBER, bombs), weights),
        lambda rng: (text, damage.mutate(rng, weights)),
        lambda rng: (text, damage.mutate(rng, weights, rng.randrange(1800))),
    ]
    judge.trials(makers, seed=10, worked=(0.1, 0.9))


@pytest.mark.parametrize("name", ["yufacedetectnet-open-v1", "slim-320", "landmark106"])
def test_mutations_of_other_layers(shared_data, judge, damage, bombs, name):
    folder = shared_data / "caffe"
    text = (folder / f"{name}.prototxt").read_bytes()
    weights = (folder / f"{name}.caffemodel").read_bytes()
    maker = lambda rng: (damage.mutate_text(rng, text, NUMBER, bombs), weights)  # noqa: E731
    judge.trials([maker], seed=name, count=20, worked=(0.05, 0.95))


def test_mutations_of_a_whole_binary_network(cf, judge, damage):
    shape = b"".join(cf.varint(n) for n in (1, 4, 6, 8))
    conv = b"".join((cf.field(1, 3), cf.field(4, 3)))
    layer = b"".join(
        (cf.field(1, "a"), cf.field(2, "Convolution"), cf.field(3, "x"), cf.field(4, "y"),
         cf.field(106, conv), cf.field(7, cf.blob(cf.noise(3, 4, 3, 3))),
         cf.field(7, cf.blob(cf.noise(3))))
    )  # fmt: skip
    whole = cf.field(1, "n") + cf.field(3, "x") + cf.field(8, cf.field(1, shape))
    whole += cf.field(100, layer)
    assert judge.traced(whole, None)
    maker = lambda rng: (b"\n\x01n" + damage.mutate(rng, whole[3:]), None)  # noqa: E731
    judge.trials([maker], seed=3, count=600, worked=(0.03, 0.97))


def test_bombs_in_every_number(files, judge, damage, bombs):
    text, weights = files
    number = rb"(?:(?:num_output|_size|_dim|stride): )(\d+)"
    for damaged in damage.bombed(text, number, bombs, least=15):
        judge(damaged, weights)


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
def test_text_bombs(damage, text):
    judge = damage.Judge(reader.read, placed=False)
    assert not judge.plain(text, b"\n\x01n")
    # An eighth, within an eighth of the bounds: counting and tracing are slow.
    part = text[: len(text) // 8]
    if text.startswith((b"name: 'n' input_dim", b"layer { blobs { data: 1 data")):
        assert not judge.traced(part, b"\n\x01n", memory=damage.MEMORY // 8)
    else:
        assert not judge.counted(part, b"\n\x01n")


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
def test_binary_bombs(damage, judge, data):
    assert not judge.plain(data, None)
    part = data[: len(data) // 8]
    if data.endswith(b"\x3a\x00"):
        assert not judge.traced(part, None, memory=damage.MEMORY // 8)
    else:
        assert not judge.counted(part, None)
    assert not judge.counted(b"name: 'n' input: 'x' input_shape { dim: 1 } layer { }", part)


def test_as_many_layers_as_the_limit():
    bounds = Limits(max_layers=20_000)
    lines = "\n".join(
        f'layer {{ name: "l{i}" type: "ReLU" bottom: "x" top: "x" }}' for i in range(20_000)
    )
    text = f'input: "x" input_shape {{ dim: 1 dim: 1 }}\n{lines}'.encode()
    assert len(reader.read(text, b"\n\x01n", limits=bounds).nodes) == 20_000
    with pytest.raises(FormatError, match="more than 20,000 layers"):
        reader.read(text + b"layer { }", b"\n\x01n", limits=bounds)
