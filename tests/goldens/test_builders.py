"""Networks built here against PyTorch's and MXNet's own, with the same named weights."""

import json
import re
import runpy
from ast import literal_eval

import array_api_strict
import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats import Limits, read_graph, read_source
from zqcnn_xp.formats.mxnet.params import parse_params
from zqcnn_xp.session import Session
from zqcnn_xp_models import iresnet, lightcnn, mobilefacenet

TOLERANCE = 1e-4  # of the largest value
_MXNET = {"_gamma": ("scale", "slope"), "_beta": ("bias",), "_moving_mean": ("mean",)}
_MXNET |= {"_moving_var": ("variance",), "_weight": ("weight",), "_bias": ("bias",)}


@pytest.fixture(params=["numpy", "llvm", "jax", "array_api_strict"])
def on(request):
    pytest.importorskip({"llvm": "llvmlite"}.get(request.param, request.param))
    if request.param != "array_api_strict":
        yield request.param
        return
    before = array_api_strict.get_array_api_strict_flags()
    array_api_strict.set_array_api_strict_flags(boolean_indexing=False, data_dependent_shapes=False)
    yield Backend(array_api_strict)
    array_api_strict.set_array_api_strict_flags(**before)


@pytest.fixture(scope="module")
def peers(shared_data):
    return shared_data / "golden" / "peers"


@pytest.fixture(scope="module")
def recipe(peers):
    found = runpy.run_path(str(peers / "recipe.py"))
    return found["make"], found["digest"]


@pytest.fixture(scope="module")
def torch_weights(peers, recipe):
    """Named arrays as PyTorch's state dict has them, checked by their hash."""
    make, digest = recipe

    def load(name):
        meta = json.loads((peers / "torch" / f"{name}.json").read_text())
        gain = float(re.search(r"gain=([0-9.]+)", meta["weights"])[1])
        found = {}
        for line in (peers / "torch" / f"{name}.state_dict.txt").read_text().splitlines():
            key, shape, _ = line.split("\t")
            found[key] = make(key, literal_eval(shape), gain)
        assert digest(found) == meta["weights_sha256"]
        return found

    return load


def mxnet_shape(node, leaf):
    """Shape of a weight as MXNet has it."""
    name = next(name for name in _MXNET[leaf] if name in node.weights)
    shape = node.weights[name].shape
    if len(shape) < 4:
        return shape
    height, width, inner, outer = shape
    matrix = type(node.op).__name__ == "Dense"
    return (outer, inner * height * width) if matrix else (outer, inner, height, width)


def mxnet_weights(recipe, names, graph):
    nodes = {node.name: node for node in graph.nodes}
    found = {}
    for name in names.tolist():
        leaf = next(leaf for leaf in _MXNET if name.endswith(leaf))
        found[name] = recipe[0](name, mxnet_shape(nodes[name.removesuffix(leaf)], leaf), 0.5)
    return found


def compare(graph, golden, on, rename=lambda name: name):
    """Run once for all blobs that the golden file has; return the worst relative error."""
    keys = [key for key in golden if key.startswith(("out/", "mid/", "mid_slice/"))]
    blobs = {key: rename(key.partition("/")[2].partition("[")[0]) for key in keys}
    found = Session(graph, on)(golden["input"], list(blobs.values()))
    assert len(keys) > 5
    worst = 0.0
    for key, blob in blobs.items():
        value = found[blob]
        if key.startswith("mid_slice/"):
            assert key.endswith("[:,:4,::4,::4]")
            value = value[:, :4, ::4, ::4]
        want = golden[key]
        assert value.size == want.size
        error = float(np.abs(value.reshape(want.shape) - want).max() / np.abs(want).max())
        assert error < TOLERANCE, (key, error)
        worst = max(worst, error)
    return worst


@pytest.fixture(scope="module")
def light(torch_weights):
    def make(variant):
        weights = torch_weights(f"LightCNN_{variant}Layers")
        return lightcnn.build(variant, classes=10, weights=weights)

    return {variant: make(variant) for variant in ("9", "29")}


@pytest.mark.parametrize("variant", ["9", "29"])
def test_lightcnn(peers, light, variant, on):
    golden = np.load(peers / "torch" / f"LightCNN_{variant}Layers.npz")
    names = {"0": "fc2", "1": "fc1" if variant == "9" else "fc"}
    assert compare(light[variant], golden, on, lambda name: names.get(name, name)) < 2e-5


@pytest.fixture(scope="module")
def mbf(torch_weights):
    return mobilefacenet.build("mbf", weights=torch_weights("insight-mobilefacenet-mbf"))


def test_mobilefacenet_mbf(peers, mbf, on):
    golden = np.load(peers / "torch" / "insight-mobilefacenet-mbf.npz")
    assert compare(mbf, golden, on, lambda name: "features" if name == "0" else name) < 2e-5


@pytest.fixture(scope="module")
def iresnet34(torch_weights):
    return iresnet.build("iresnet34", weights=torch_weights("insight-iresnet34"))


def test_iresnet34(peers, iresnet34, on):
    golden = np.load(peers / "torch" / "insight-iresnet34.npz")
    rename = {"0": "embedding"}
    assert compare(iresnet34, golden, on, lambda name: rename.get(name, name)) < 2e-5


@pytest.fixture(scope="module")
def resnet(peers, recipe):
    golden = np.load(peers / "mxnet" / "LResNet34E-IR-recipe.npz")
    meta = json.loads((peers / "mxnet" / "LResNet34E-IR-recipe.json").read_text())
    plain = iresnet.build("LResNet34E-IR")
    weights = mxnet_weights(recipe, golden["tensor_names"], plain)
    assert recipe[1](weights) == meta["weights_sha256"]
    return iresnet.build("LResNet34E-IR", weights=weights)


def test_lresnet34e_ir(peers, resnet, on):
    golden = np.load(peers / "mxnet" / "LResNet34E-IR-recipe.npz")
    blobs = {"fc1_output": "fc1_output"}
    rename = lambda name: blobs.get(name, name.removesuffix("_output"))  # noqa: E731
    assert compare(resnet, golden, on, rename) < 2e-5
    image = golden["real/input_u8_hwc"].transpose(2, 0, 1)[None].astype(np.float32)
    found = Session(resnet, on)(image)["fc1_output"]
    want = golden["real/out/fc1_output"]
    assert np.abs(found - want).max() < TOLERANCE * np.abs(want).max()


def test_the_scale_of_mxnets_last_norm_is_one_whatever_the_file_holds(resnet):
    last = next(node for node in resnet.nodes if node.name == "fc1")
    assert np.array_equal(last.weights["scale"], np.ones(512, np.float32))
    assert last.op.eps == 2e-5


def test_mobilefacenet_of_mxnets_file_by_name_and_by_order(shared_data, peers):
    folder = shared_data / "mxnet" / "mobilefacenet"
    named = parse_params(read_source(folder / "model-0000.params"), Limits()).arrays
    given = read_graph(folder / "model-symbol.json", folder / "model-0000.params")
    golden = np.load(peers / "mxnet" / "mobilefacenet-y1.npz")
    for weights in (named, {f"arg:{key}": value for key, value in named.items()}, given):
        graph = mobilefacenet.build("y1", weights=weights)
        found = Session(graph, "numpy")(golden["input"])["fc1_output"]
        want = golden["out/fc1_output"]
        assert np.abs(found - want).max() < TOLERANCE * np.abs(want).max()


def test_mobilefacenet_of_zqcnns_file_by_order(shared_data):
    """The file has a wrong blob name, which the order repairs as the original's merging does."""
    folder = shared_data / "zqcnn"
    with pytest.warns(TrailingWeightsWarning):
        given = read_graph(
            folder / "mobilefacenet-v1.zqparams", folder / "mobilefacenet-v1.nchwbin"
        )
    session = Session(mobilefacenet.build("v1", weights=given), "numpy")
    golden = np.load(shared_data / "golden" / "zqcnn" / "mobilefacenet-v1_faces.npz")
    for face in ("00_", "01_", "AE_"):
        image = golden[f"bgr/{face}"].transpose(2, 0, 1)[None].astype(np.float32)
        (found,) = session((image - np.float32(127.5)) * np.float32(0.0078125)).values()
        want = golden[f"merge/{face}"]
        assert np.abs(found.ravel() - want).max() < TOLERANCE * np.abs(want).max()
