"""The whole backend: the conformance suite, real networks, arrays in and out.

On the simulator this proves the logic and the CUDA sources; only a run of the same tests on a
GPU (marker ``gpu``) proves the GPU.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from zqcnn_xp import Session, get_backend
from zqcnn_xp.errors import InputError, ShapeError, TrailingWeightsWarning
from zqcnn_xp.formats.zqcnn import reader
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Concat, Conv2D, Pool2D, Softmax
from zqcnn_xp.pipelines import MTCNN
from zqcnn_xp.testing import check_backend
from zqcnn_xp_cupy import CupyBackend
from zqcnn_xp_cupy.tools import Framed

NETS = ["det1_bgr", "det2_bgr", "det3_bgr", "det1-dw20-fast", "det3-dw48-fast", "det5-dw112",
        "det5-112-gray", "libfacedetection", "mobilefacenet-v1", "model-face"]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [{}, {"stream": "own", "memory_limit": 1 << 30}, {"workspace": 1}],
    ids=["plain", "own-stream-and-pool", "smallest-workspace"],
)
def test_conformance(make_backend, options):
    report = check_backend(make_backend(**options))
    assert report.counts["kernel"] > 100
    assert report.counts["graph"] > 0
    assert report.counts["threads"] > 0


def test_conformance_on_another_device(sim):
    with sim.cuda.Device(1):  # the suite itself calls references, outside of any backend
        assert check_backend(CupyBackend(1)).total > 100


def read(data, name, fold):
    folder = data / "zqcnn"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrailingWeightsWarning)
        return reader.read(
            folder / f"{name.removesuffix('_bgr')}.zqparams", folder / f"{name}.nchwbin",
            compat="zqcnn", fold=fold,
        )  # fmt: skip


@pytest.mark.parametrize("fold", [False, True], ids=["plain", "merged"])
@pytest.mark.parametrize("name", NETS)
def test_networks_give_the_outputs_of_the_original(shared_data, backend, name, fold):
    graph = read(shared_data, name, fold)
    session = Session(graph, backend, fold=fold)
    reference = Session(graph, get_backend("numpy"), fold=fold)
    with np.load(shared_data / "golden" / "zqcnn" / f"{name}.npz") as golden:
        seen = 0
        for suffix in ("", "@1"):
            if f"input{suffix}" not in golden:
                continue
            prefix = f"{'merged' if fold else 'out'}{suffix}/"
            wanted = {key.removeprefix(prefix): golden[key] for key in golden
                      if key.startswith(prefix) and golden[key].size}  # fmt: skip
            x = golden[f"input{suffix}"]
            found, ours = session(x, list(wanted)), reference(x, list(wanted))
            for blob, want in wanted.items():
                scale = max(1.0, float(np.abs(want).max()))
                assert np.abs(found[blob] - want).max() <= 1e-4 * scale, blob
            largest = max(float(np.abs(y).max()) for y in ours.values())
            for blob, want in ours.items():
                assert np.abs(found[blob] - want).max() <= 1e-5 * largest, blob
                seen += 1
        assert seen


def test_native_kernels_are_taken(shared_data, backend):
    graph = read(shared_data, "mobilefacenet-v1", fold=True)
    shapes = graph.shapes({graph.inputs[0].name: (2, 3, 112, 112)})
    kinds = {Conv2D: 0, Pool2D: 0}
    for node in graph.nodes:
        native = backend.kernel(node.op, *(shapes[value] for value in node.inputs))
        if type(node.op) in kinds:
            assert isinstance(native, Framed)
            kinds[type(node.op)] += 1
    assert kinds[Conv2D] > 30
    assert backend.kernel(Softmax(1), (1, 4, 2, 2)) is None
    assert backend.kernel(Concat(1), (1, 4, 2, 2), (1, 4, 2, 2)) is None


def small():
    op = Conv2D(4, (3, 3), activation=Activation("relu"))
    rng = np.random.default_rng(0)
    weights = {"weight": rng.standard_normal((3, 3, 3, 4)).astype(np.float32),
               "bias": np.zeros(4, np.float32)}  # fmt: skip
    node = Node("conv", op, ("x",), ("y",), weights)
    return Graph((GraphInput("x", (None, 3, None, None)),), (node,), ("y",))


def test_a_cupy_array_comes_in_and_goes_out(backend):
    session = Session(small(), backend)
    x = np.random.default_rng(1).standard_normal((2, 3, 9, 8)).astype(np.float32)
    wanted = session(x)["y"]
    assert isinstance(wanted, np.ndarray)
    found = session(backend.from_numpy(x))["y"]
    assert isinstance(found, type(backend.from_numpy(x)))
    assert found.shape == (2, 4, 7, 6)
    np.testing.assert_array_equal(backend.to_numpy(found), wanted)
    assert len(session.trace(x).rows) >= 1


class Exporter:
    """An array of another library: DLPack and nothing else."""

    def __init__(self, array, place):
        self._array, self._place = array, place

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._place


def test_dlpack_without_a_copy(backend):
    x = backend.from_numpy(np.arange(6, dtype=np.float32))
    taken = backend.from_array(Exporter(x, (2, 0)))
    assert taken.data.ptr == x.data.ptr
    assert backend.from_array(x) is x


def test_dlpack_from_the_host_is_copied(backend):
    x = np.arange(6, dtype=np.float32)
    taken = backend.from_array(Exporter(x, (1, 0)))
    assert isinstance(taken, type(backend.from_numpy(x)))
    assert backend.to_numpy(taken).tolist() == [0, 1, 2, 3, 4, 5]


def test_torch_arrays(backend):
    torch = pytest.importorskip("torch")
    x = torch.arange(6, dtype=torch.float32)
    for given in (x, x.clone().requires_grad_()):
        assert backend.to_numpy(backend.from_array(given)).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("wrong", ["x", [1.0], None])
def test_what_is_no_array_is_refused(backend, wrong):
    with pytest.raises(InputError, match="expected an array"):
        backend.from_array(wrong)


def test_to_numpy_leaves_numpy_alone(backend):
    x = np.ones(2)
    assert backend.to_numpy(x) is x


@pytest.mark.parametrize("op", [Conv2D(4, (3, 3)), Conv2D(4, (3, 3), groups=4)])
def test_another_shape_than_planned_is_refused(backend, op):
    """CUDA code would read beyond the array."""
    shape = (1, 4, 6, 6)
    native = backend.kernel(op, shape)
    weights = {name: np.zeros(s, np.float32) for name, s in op.weights(shape).items()}
    prepared = backend.prepare(op, weights)
    with pytest.raises(ShapeError, match="found input"):
        native(prepared, backend.from_numpy(np.zeros((1, 5, 6, 4), np.float32)))
    prepared["bias"] = backend.from_numpy(np.zeros(3, np.float32))
    with pytest.raises(ShapeError, match="found bias"):
        native(prepared, backend.from_numpy(np.zeros((1, 6, 6, 4), np.float32)))


def test_other_dtypes_take_the_reference(backend):
    op, shape = Conv2D(2, (3, 3)), (1, 2, 5, 5)
    weights = {name: np.ones(s) for name, s in op.weights(shape).items()}
    x = backend.from_numpy(np.ones((1, 5, 5, 2)))
    (y,) = backend.kernel(op, shape)(backend.prepare(op, weights), x)
    assert y.dtype == np.float64
    assert (backend.to_numpy(y) == 19.0).all()


def test_a_view_with_strides(backend):
    """An NCHW array stored channels-last is a view; kernels see addresses, not strides."""
    op, shape = Pool2D("max", (2, 2), (2, 2)), (1, 3, 4, 6)
    host = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = backend.xp.permute_dims(backend.from_numpy(host), (0, 2, 3, 1))
    found = backend.to_numpy(backend.kernel(op, shape)({}, x)[0])
    wanted = host.reshape(1, 3, 2, 2, 3, 2).max((3, 5)).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(found, wanted)


def test_by_name(sim):
    made = get_backend("cupy", device="cuda:1", workspace=1 << 20)
    assert made.name == "cupy"
    assert made.device.id == 1


def test_faces_are_found(shared_data, make_backend):
    """The whole detector: pyramids of odd sizes, batches of crops, several networks."""
    folder = shared_data / "zqcnn"
    nets = {
        f"{stage}net": (folder / f"det{i}.zqparams", folder / f"det{i}_bgr.nchwbin")
        for i, stage in enumerate("pro", start=1)
    }
    image = shared_data / "images" / "4_320x240.jpg"
    backend = make_backend(stream="own", memory_limit=1 << 28)
    found, wanted = (
        MTCNN(**nets, backend=made, min_face=30).detect(image) for made in (backend, "numpy")
    )
    assert len(wanted) >= 3
    np.testing.assert_allclose(found.bbox, wanted.bbox, atol=1e-2)
    np.testing.assert_allclose(found.det_score, wanted.det_score, atol=1e-5)
    np.testing.assert_allclose(found.kps, wanted.kps, atol=1e-2)
