"""Damaged files: one clear error or a network, in bounded time and memory."""

import json
import random
import time
import tracemalloc
import warnings

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError
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


def works(text, weights):
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


def mutate(rng, data):
    data = bytearray(data)
    place = rng.randrange(len(data))
    length = rng.choice([1, 2, 4, 8, 40])
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
        data[place:place] = data[rng.randrange(len(data)) :][:length]
    else:
        data[place : place + length] = bytes(length)
    return bytes(data)


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


def test_every_truncation(files):
    text, weights = files
    assert works(text, weights)
    assert not any(works(text[:size], weights) for size in range(len(text)))
    assert not any(works(text, weights[:size]) for size in range(len(weights)))


def test_mutations(files):
    rng = random.Random(3)
    text, weights = files
    outcomes = []
    for count in range(2000):
        # Counting memory is slow: one in ten.
        read = attempt if count % 10 < 1 else works
        if count % 3 == 0:
            outcomes.append(read(mutate(rng, text), weights))
        elif count % 3 == 1:
            outcomes.append(read(mutate_json(rng, text), weights))
        else:
            outcomes.append(read(text, mutate(rng, weights)))
    assert 100 < sum(outcomes) < 1900


def test_bombs_in_every_attribute(files):
    text, weights = files
    for place, node in enumerate(json.loads(text)["nodes"]):
        for key in node.get("attrs", {}):
            for bomb in BOMBS:
                found = json.loads(text)
                found["nodes"][place]["attrs"][key] = bomb
                works(json.dumps(found).encode(), weights)


def test_many_layers(mxnet):
    def chain(count):
        nodes = [{"op": "null", "name": "data", "inputs": [], "attrs": {"__shape__": "(1,2)"}}]
        nodes += [{"op": "relu", "name": f"r{k}", "inputs": [[k, 0]]} for k in range(count)]
        return json.dumps({"nodes": nodes, "heads": [[count, 0]]}).encode()

    assert works(chain(5000), mxnet.params({}))
    assert not works(chain(100_000), mxnet.params({}))
