"""Bundles on their way out and in again: the same graph, the same bits, the same results."""

import io
import json
import pickle

import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import FormatError, GraphError, InputError
from zqcnn_xp.formats import find_reader, list_formats, read_graph
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.safetensors import load_state, reader, to_safetensors
from zqcnn_xp.session import Session

GRAPH = "zqcnn_xp.graph"


def test_found_by_content_and_by_name(bundle, tmp_path):
    data = bundle.pack(bundle.small())
    assert find_reader(data)[0].name == "safetensors"
    assert "safetensors" in list_formats()
    assert reader.sniff(b"", "MODEL.SafeTensors")
    for head in (b"", b"{}", b'{"nodes": []}', b"\x08\x07\x12\x00\x3a\x00", b"Input name=x C=3"):
        assert not reader.sniff(head, "x.json")
        assert not reader.sniff(head)


def test_the_small_graph_comes_back(bundle, tmp_path):
    graph = bundle.small()
    path = tmp_path / "small.safetensors"
    to_safetensors(graph, path)
    bundle.assert_same(graph, reader.read(path))
    bundle.assert_same(graph, reader.read(path.read_bytes()))
    with path.open("rb") as stream:
        bundle.assert_same(graph, reader.read(stream))
    x = np.random.default_rng(0).random((2, 3, 8, 8), dtype=np.float32)
    session = zqcnn_xp.load(path, backend="numpy")
    np.testing.assert_array_equal(session(x)["fc"], Session(graph, "numpy")(x)["fc"])


def test_every_network_of_zqcnn_comes_back_bit_for_bit(bundle, shared_data, tmp_path):
    seen = 0
    for path in sorted((shared_data / "zqcnn").glob("*.zqparams")):
        graph = read_graph(path, "random:5")
        target = tmp_path / "x.safetensors"
        to_safetensors(graph, target)
        bundle.assert_same(graph, reader.read(target))
        seen += 1
    assert seen >= 20


def test_files_are_mapped_not_read(bundle, tmp_path):
    path = tmp_path / "small.safetensors"
    to_safetensors(bundle.small(), path)
    for node in reader.read(path).nodes:
        for weight in node.weights.values():
            base = weight
            while isinstance(base, np.ndarray) and base.base is not None:
                base = base.base
            assert type(base.obj).__name__ == "mmap"
            assert weight.flags.aligned
            assert not weight.flags.writeable


def test_half_precision_halves_kernels_only(bundle):
    graph = bundle.small()
    data = bundle.pack(graph, fp16=True)
    header, _ = bundle.split(data)
    kinds = {name: e["dtype"] for name, e in header.items() if name != "__metadata__"}
    assert kinds["conv.weight"] == kinds["fc.weight"] == "F16"
    assert set(kinds.values()) == {"F16", "F32"}
    back = reader.read(data)
    for one, two in zip(graph.nodes, back.nodes, strict=True):
        for name, weight in one.weights.items():
            half = weight.astype(np.float16).astype(np.float32) if weight.ndim > 1 else weight
            assert two.weights[name].dtype == np.float32
            np.testing.assert_array_equal(two.weights[name], half)


def test_half_precision_refuses_what_it_cannot_hold(bundle):
    graph = bundle.small()
    graph.nodes[0].weights["weight"][0, 0, 0, 0] = 70000
    with pytest.raises(GraphError, match=r"Conv2D 'conv', net.txt:3: found weight beyond 65504"):
        bundle.pack(graph, fp16=True)


def test_other_programs_read_the_weights(bundle):
    from safetensors.numpy import load

    graph = bundle.small()
    found = load(bundle.pack(graph))
    assert len(found) == sum(len(node.weights) for node in graph.nodes)
    np.testing.assert_array_equal(found["conv.weight"], graph.nodes[0].weights["weight"])


def test_state_dicts_are_told_from_bundles(bundle):
    from safetensors.numpy import save

    data = save({"conv.weight": np.ones((2, 3), np.float32)})
    with pytest.raises(FormatError, match=r"found 1 tensors without a graph.*load_state"):
        reader.read(data)
    np.testing.assert_array_equal(load_state(data)["conv.weight"], np.ones((2, 3)))


def test_a_pickle_is_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps({"a": Bomb()}))
    with pytest.raises(FormatError):
        load_state(path)
    assert not (tmp_path / "exploded").exists()


def test_options_of_others_are_refused(bundle):
    data = bundle.pack(bundle.small())
    with pytest.raises(InputError, match="weights beside"):
        reader.read(data, b"")
    with pytest.raises(InputError, match="compat='zqcnn'"):
        reader.read(data, compat="zqcnn")
    with pytest.raises(InputError, match="did you mean 'limits'"):
        reader.read(data, limit=3)
    with pytest.raises(FormatError, match=r"Limits.max_file"):
        reader.read(data, limits=Limits(max_file=10))


def test_limits_and_kinds_of_files(bundle, tmp_path):
    path = tmp_path / "small.safetensors"
    path.write_bytes(b"")
    with pytest.raises(FormatError, match="an empty file"):
        reader.read(path)
    to_safetensors(bundle.small(), path)
    with pytest.raises(FormatError, match=r"small.safetensors: found .* bytes, .*max_file"):
        reader.read(path, limits=Limits(max_file=10))
    with pytest.raises(InputError, match="folder"):
        reader.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        reader.read(tmp_path / "absent.safetensors")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda g: g["nodes"][0].update(op="Conv3D"), "node 0 'conv': found op type 'Conv3D'"),
        (lambda g: g["nodes"][0]["attributes"].update(colour=1), "found attribute 'colour'"),
        (lambda g: g["nodes"][0]["attributes"].update(kernel=[3]), r"Conv2D.kernel: found \[3\]"),
        (lambda g: g["nodes"][0]["attributes"].update(bias=1), "Conv2D.bias: found 1"),
        (lambda g: g["nodes"][0]["attributes"].pop("kernel"), "found no attribute kernel"),
        (lambda g: g["nodes"][0]["attributes"].update(pads="valid"), "Conv2D.pads: found 'valid'"),
        (lambda g: g["nodes"][0]["attributes"].update(stride=[0, 1]), "found kernel .3, 3., st"),
        (lambda g: g["nodes"][0]["attributes"].update(out_channels=5), "found weights"),
        (lambda g: g["nodes"][0]["weights"].remove("slope"), "tensor 'conv.slope': found no node"),
        (lambda g: g["nodes"][0]["weights"].append("x"), "expected a tensor 'conv.x'"),
        (lambda g: g["nodes"][0]["weights"].append("bias"), "expected a tensor 'conv.bias'"),
        (lambda g: g["nodes"][3].update(inputs=["clip", "y"]), "found input 'y', which no earlier"),
        (lambda g: g["nodes"].reverse(), "which no earlier node writes"),
        (lambda g: g["nodes"][1].update(outputs=["x"]), "which is already written"),
        (lambda g: g["nodes"][5].update(name="pool"), "found a second node of this name"),
        (lambda g: g.update(outputs=["nothing"]), "which no node writes"),
        (lambda g: g.update(version=2), "found version 2, expected version 1"),
        (lambda g: g.update(extra=1), "expected exactly"),
        (lambda g: g["inputs"][0].update(shape=[None, 5, 8, 8], nominal=None), "found"),
        (lambda g: g["inputs"][0].update(nominal=[1, 3, 1 << 20, 1 << 20]), "found"),
        (lambda g: g["blobs"].update(a=5), "blobs: found 5, expected a name"),
    ],
)
def test_graphs_that_do_not_hold_together(bundle, change, match):
    header, rest = bundle.split(bundle.pack(bundle.small()))
    graph = json.loads(header["__metadata__"][GRAPH])
    change(graph)
    header["__metadata__"][GRAPH] = json.dumps(graph)
    with pytest.raises(FormatError, match=match):
        reader.read(bundle.join(header, rest))


def test_weights_of_other_types_are_refused(bundle):
    header, rest = bundle.split(bundle.pack(bundle.small()))
    header["conv.weight"]["dtype"] = "I32"
    with pytest.raises(FormatError, match=r"tensor 'conv.weight': found dtype I32"):
        reader.read(bundle.join(header, rest))


def test_a_failed_write_leaves_the_old_file(bundle, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"old")
    graph = bundle.small()
    graph.nodes[0].weights["bias"] = np.zeros(4)
    with pytest.raises(GraphError, match="found bias of float64, expected float32"):
        to_safetensors(graph, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        to_safetensors(bundle.small(), Full())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("library", ["numpy", "jax", "array_api_strict", "torch"])
def test_mapped_weights_run_on_every_library(bundle, tmp_path, library):
    namespace = pytest.importorskip(library)
    path = tmp_path / "small.safetensors"
    to_safetensors(bundle.small(), path)
    graph = reader.read(path)
    if library == "torch":
        namespace = pytest.importorskip("array_api_compat.torch")
    on = library if library in ("numpy", "jax") else Backend(namespace)
    x = np.random.default_rng(0).random((2, 3, 8, 8), dtype=np.float32)
    found, want = (Session(graph, name)(x)["fc"] for name in (on, "numpy"))
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)
