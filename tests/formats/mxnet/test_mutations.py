"""Damaged files: one clear error or a network, in bounded time and memory."""

import json

import numpy as np
import pytest

from zqcnn_xp.formats.mxnet import reader

BOMBS = ["0", "-1", "2147483647", "2147483648", "9223372036854775808", "nan", "", "(", "(0, 0)"]


@pytest.fixture(scope="module")
def files(mxnet):
    rng = np.random.default_rng(0)
    norm = ("gamma", "beta", "mean", "var")
    arrays = {"w": rng.normal(size=(4, 3, 3, 3)), "b": np.zeros(4), "fw": rng.normal(size=(5, 64))}
    arrays |= {name: np.ones(4) for name in norm}
    conv = {"num_filter": 4, "kernel": "(3, 3)", "stride": "(2, 2)", "pad": "(1, 1)"}
    nodes = [("null", "data", [], {}), *(("null", name, [], {}) for name in arrays)]
    nodes += [
        ("Convolution", "c", ["data", "w", "b"], conv),
        ("BatchNorm", "n", ["c", *norm], {"eps": 1e-5}),
        ("LeakyReLU", "r", ["n"], {"act_type": "leaky"}),
        ("Pooling", "p", ["r"], {"kernel": "(2, 2)", "stride": "(2, 2)", "pool_type": "max"}),
        ("FullyConnected", "f", ["p", "fw"], {"num_hidden": 5, "no_bias": "True"}),
        ("Reshape", "s", ["f"], {"shape": "(-1, 5)"}),
    ]
    return mxnet.symbol(nodes).encode(), mxnet.params(arrays)


@pytest.fixture(scope="module")
def judge(damage):
    return damage.Judge(reader.read, placed=False)


def mutate_json(rng, text):
    """Damage that keeps the JSON: other numbers, nodes dropped, doubled and moved."""
    found = json.loads(text)
    nodes = found["nodes"]
    node = rng.choice(nodes)
    kind = rng.randrange(6)
    if kind == 0 and node.get("attrs"):
        node["attrs"][rng.choice(list(node["attrs"]))] = rng.choice(BOMBS)
    elif kind == 1 and node["inputs"]:
        rng.choice(node["inputs"])[rng.randrange(2)] = rng.choice([0, 3, -1, 1 << 31, 1 << 63, "x"])
    elif kind == 2:
        nodes.remove(node)
    elif kind == 3:
        nodes.insert(rng.randrange(len(nodes)), node)
    elif kind == 4:
        node[rng.choice(["op", "name"])] = rng.choice(["null", "Convolution", "relu", "c", "", 7])
    else:
        node["inputs"] = rng.choice([[], node["inputs"] * 2, node["inputs"][1:], [[0, 0]] * 9])
    return json.dumps(found).encode()


def test_every_truncation(files, judge):
    assert judge.counted(*files)
    assert not any(judge.cuts(files, 0)[:-1])
    assert not any(judge.cuts(files, 1)[:-1])


def test_mutations(files, judge, damage):
    text, weights = files
    makers = [
        lambda rng: (damage.mutate(rng, text), weights),
        lambda rng: (mutate_json(rng, text), weights),
        lambda rng: (text, damage.mutate(rng, weights)),
    ]
    judge.trials(makers, seed=3, worked=(0.05, 0.95))


def test_bombs_in_every_attribute(files, judge):
    text, weights = files
    for place, node in enumerate(json.loads(text)["nodes"]):
        for key in node.get("attrs", {}):
            for bomb in BOMBS:
                found = json.loads(text)
                found["nodes"][place]["attrs"][key] = bomb
                judge(json.dumps(found).encode(), weights)


def test_many_layers(mxnet, judge):
    def chain(count):
        nodes = [{"op": "null", "name": "data", "inputs": [], "attrs": {"__shape__": "(1,2)"}}]
        nodes += [{"op": "relu", "name": f"r{k}", "inputs": [[k, 0]]} for k in range(count)]
        return json.dumps({"nodes": nodes, "heads": [[count, 0]]}).encode()

    assert judge.counted(chain(5000), mxnet.params({}))
    assert not judge.plain(chain(100_000), mxnet.params({}))
