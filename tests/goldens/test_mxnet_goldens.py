"""Networks against the outputs of MXNet 1.9."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import re
import struct
from functools import cache

import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.formats.mxnet import reader
from zqcnn_xp.registry import get_backend
from zqcnn_xp.session import Session

FILES = {
    "mobilefacenet-y1": ("mobilefacenet/model-symbol.json", "mobilefacenet/model-0000.params"),
    "GA112": ("GA112-symbol.json", "GA112-0100.params"),
}
RECIPE = "LResNet34E-IR-recipe"
TOLERANCE = 1e-4


@contextlib.contextmanager
def strictest():
    array_api_strict = pytest.importorskip("array_api_strict")
    before = array_api_strict.get_array_api_strict_flags()
    array_api_strict.set_array_api_strict_flags(boolean_indexing=False, data_dependent_shapes=False)
    yield Backend(array_api_strict)
    array_api_strict.set_array_api_strict_flags(**before)


@pytest.fixture(params=["numpy", "llvm", "jax", "array_api_strict"])
def backend(request):
    if request.param == "array_api_strict":
        with strictest() as made:
            yield made
        return
    pytest.importorskip({"llvm": "llvmlite"}.get(request.param, request.param))
    yield get_backend(request.param)


def weight_shapes(symbol):
    """Shape of every array of the symbol, channels followed from node to node."""
    nodes = json.loads(symbol)["nodes"]
    channels, shapes = {0: 3}, {}
    for place, node in enumerate(nodes):
        if node["op"] == "null":
            continue
        sources = [entry[0] for entry in node["inputs"]]
        attributes = node.get("attrs", {})
        c = channels[sources[0]]
        if node["op"] == "Convolution":
            kernel = tuple(map(int, re.findall(r"\d+", attributes["kernel"])))
            channels[place] = int(attributes["num_filter"])
            shapes[sources[1]] = (channels[place], c, *kernel)
        elif node["op"] == "FullyConnected":
            channels[place] = int(attributes["num_hidden"])
            shapes[sources[1]], shapes[sources[2]] = (channels[place], c * 49), (channels[place],)
        else:
            channels[place] = c
            if node["op"] in ("BatchNorm", "LeakyReLU"):
                shapes.update(dict.fromkeys(sources[1:], (c,)))
    return {nodes[place]["name"]: shape for place, shape in shapes.items()}


def params(arrays):
    """A .params file, as MXNet 1.x writes it."""
    data = [struct.pack("<QQQ", 0x112, 0, len(arrays))]
    for array in arrays.values():
        head = struct.pack(f"<IiI{array.ndim}q", 0xF993FAC9, 0, array.ndim, *array.shape)
        data += [head, struct.pack("<iii", 1, 0, 0), array.tobytes()]
    data.append(struct.pack("<Q", len(arrays)))
    for name in arrays:
        kind = "aux" if "_moving_" in name else "arg"
        raw = f"{kind}:{name}".encode()
        data += [struct.pack("<Q", len(raw)), raw]
    return b"".join(data)


@cache
def recipe(data):
    folder = data / "golden" / "peers"
    spec = importlib.util.spec_from_file_location("recipe", folder / "recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    symbol = (folder / "mxnet" / f"{RECIPE}-symbol.json").read_bytes()
    arrays = {n: module.make(n, s, gain=0.5) for n, s in weight_shapes(symbol).items()}
    meta = json.loads((folder / "mxnet" / f"{RECIPE}.json").read_text())
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    assert digest.hexdigest() == meta["weights_sha256"]
    return symbol, arrays


@cache
def graph(data, name):
    if name == RECIPE:
        symbol, arrays = recipe(data)
        return reader.read(symbol, params(arrays))
    return reader.read(*(data / "mxnet" / file for file in FILES[name]))


@cache
def golden(data, name):
    with np.load(data / "golden" / "peers" / "mxnet" / f"{name}.npz") as file:
        return dict(file)


def wanted(arrays, prefix):
    """Blob name -> (slices, expected)."""
    found = {}
    for key, value in arrays.items():
        kind, _, rest = key.partition("/")
        if prefix == "real/":
            if key.startswith("real/out/"):
                found[key.removeprefix("real/out/")] = (..., value)
        elif kind in ("out", "mid"):
            found[rest] = (..., value)
        elif kind == "mid_slice":
            blob, _, steps = rest.partition("[")
            parts = [tuple(p.split(":")) for p in steps.rstrip("]").split(",")]
            place = tuple(slice(*(int(n) if n else None for n in p)) for p in parts)
            found[blob] = (place, value)
    assert found
    return found


def check(session, x, expected):
    found = session(x, list(expected))
    for name, (place, want) in expected.items():
        have = found[name][place]
        assert have.shape == want.shape, name
        error = float(np.abs(have - want).max()) / max(1.0, float(np.abs(want).max()))
        assert error <= TOLERANCE, name


@pytest.mark.parametrize("name", [*FILES, RECIPE])
@pytest.mark.parametrize("fold", [True, False])
def test_outputs_and_inner_blobs(shared_data, backend, name, fold):
    if name == RECIPE and not fold and backend.name != "numpy":
        pytest.skip("4.5 billion multiply-adds: once is enough")
    arrays = golden(shared_data, name)
    session = Session(graph(shared_data, name), backend, fold=fold)
    check(session, arrays["input"], wanted(arrays, ""))


@pytest.mark.parametrize("name", [*FILES, RECIPE])
def test_a_real_image(shared_data, name):
    arrays = golden(shared_data, name)
    x = arrays["real/input_u8_hwc"].astype(np.float32).transpose(2, 0, 1)[None]
    if name == "GA112":
        x = (x - 127.5) / 128
    session = Session(graph(shared_data, name), "numpy")
    check(session, np.ascontiguousarray(x, np.float32), wanted(arrays, "real/"))


def test_the_training_batch_of_a_label_does_not_matter(shared_data):
    """GA112 as a whole cannot be bound by MXNet at another batch; here its heads just run."""
    arrays = golden(shared_data, "GA112")
    found = Session(graph(shared_data, "GA112"), "numpy")(np.repeat(arrays["input"], 2, axis=0))
    assert len(found) == 73
    heads = [value for name, value in found.items() if name.endswith("_output")]
    pairs = np.stack([value for value in heads if value.shape == (2, 2)], axis=1)
    for sample in pairs:
        np.testing.assert_allclose(sample, arrays["softmax_pairs"][0], atol=1e-5)


def test_pairs_of_a_real_face(shared_data):
    arrays = golden(shared_data, "GA112")
    image = arrays["real/input_u8_hwc"].astype(np.float32).transpose(2, 0, 1)[None]
    found = Session(graph(shared_data, "GA112"), "numpy")((image - 127.5) / np.float32(128))
    pairs = [value for name, value in found.items() if value.shape == (1, 2)]
    assert len(pairs) == 72
    np.testing.assert_allclose(np.stack(pairs, axis=1), arrays["real/softmax_pairs"], atol=1e-5)


def test_parameters_are_the_published_ones(shared_data):
    symbol, arrays = recipe(shared_data)
    learned = sum(a.size for name, a in arrays.items() if "_moving_" not in name)
    assert learned == 34_139_328
    read = graph(shared_data, RECIPE)
    # Two normalisations fix gamma at 1: what the file holds there is no parameter.
    fixed = sum(
        arrays[f"{node['name']}_gamma"].size
        for node in json.loads(symbol)["nodes"]
        if node["op"] == "BatchNorm" and node.get("attrs", {}).get("fix_gamma") == "True"
    )
    assert read.parameters == learned + 25_856 - fixed
    assert read.inputs[0].shape == (None, 3, 112, 112)
    assert graph(shared_data, "mobilefacenet-y1").inputs[0].shape == (None, 3, 112, 112)
