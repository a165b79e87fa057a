"""Networks as JAX programs: traces, array types, threads, transformations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zqcnn_xp import Session, get_backend
from zqcnn_xp.buckets import bucket_count, round_up
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Conv2D, Elementwise, Flatten, Pool2D, PReLU, Softmax
from zqcnn_xp.testing.check_op import random_weights
from zqcnn_xp_jax import JaxBackend


def network(last=None):
    """A net without padding, so that a larger image only adds cells to its result."""
    layers = (
        ("c1", Conv2D(8, (3, 3), activation=PReLU()), ("x",)),
        ("p1", Pool2D("max", (2, 2), (2, 2)), ("c1",)),
        ("dw", Conv2D(8, (3, 3), groups=8), ("p1",)),
        ("c2", Conv2D(2, (1, 1)), ("dw",)),
        ("y", last or Softmax(1), ("c2",)),
    )
    shapes = {"x": (1, 3, 24, 24)}
    nodes = []
    for seed, (name, op, inputs) in enumerate(layers):
        given = [shapes[i] for i in inputs]
        nodes.append(Node(name, op, inputs, (name,), random_weights(op, *given, seed=seed)))
        shapes[name] = op.infer(*given)[0]
    return Graph((GraphInput("x", (None, 3, None, None)),), tuple(nodes), ("y",))


def image(n, h, w, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 3, h, w)).astype(np.float32)


@pytest.fixture
def backend():
    return JaxBackend("cpu")


def assert_close(y, wish):
    assert np.abs(np.asarray(y) - wish).max(initial=0) <= 1e-5 * np.abs(wish).max(initial=0)


def test_results_are_those_of_numpy(backend):
    session, reference = Session(network(), backend), Session(network(), "numpy")
    for n, h, w in ((1, 24, 24), (3, 9, 31), (0, 24, 24), (2, 40, 17)):
        x = image(n, h, w)
        (y,), (wish,) = session(x).values(), reference(x).values()
        assert isinstance(y, np.ndarray)
        assert y.shape == wish.shape
        assert_close(y, wish)


def test_a_shape_is_traced_once(backend):
    session = Session(network(), backend)
    for seed in range(4):
        session(image(1, 24, 24, seed))
    assert backend.traces == 1
    session(image(1, 24, 25))
    assert backend.traces == 2


def test_fifty_batches_need_few_traces(backend):
    session, reference = Session(network(), backend), Session(network(), "numpy")
    for n in range(1, 51):
        x = image(n, 12, 12, n)
        assert_close(session(x)["y"], reference(x)["y"])
    assert backend.traces <= bucket_count(1, 50) < 20


def test_fifty_image_sizes_in_buckets_need_few_traces(backend):
    session, reference = Session(network(), backend), Session(network(), "numpy")
    sizes = np.linspace(12, 200, 50).astype(int)
    for side in map(int, sizes):
        x = image(1, side, 12, side)
        rows = round_up(side)
        padded = np.pad(x, ((0, 0), (0, 0), (0, rows - side), (0, 0)))
        wish = reference(x)["y"]
        assert_close(session(padded)["y"][:, :, : wish.shape[2]], wish)
    assert backend.traces <= bucket_count(12, 200) < 20


def test_batches_that_mix_are_not_padded(backend):
    session = Session(network(Softmax(0)), backend)
    reference = Session(network(Softmax(0)), "numpy")
    x = image(9, 12, 12)
    assert_close(session(x)["y"], reference(x)["y"])
    merged = Session(network(Flatten(0, form="drop")), backend)
    assert merged(x)["y"].shape == Session(network(Flatten(0, form="drop")), "numpy")(x)["y"].shape


def test_arrays_come_back_in_the_type_they_had(backend):
    torch = pytest.importorskip("torch")
    session = Session(network(), backend)
    for n in (1, 9):
        x = image(n, 24, 24)
        wish = session(x)["y"]
        y = session(jnp.asarray(x))["y"]
        assert isinstance(y, jax.Array)
        assert_close(y, wish)
        y = session(torch.from_numpy(x))["y"]
        assert isinstance(y, torch.Tensor)
        assert y.dtype == torch.float32
        assert_close(y, wish)


def test_strided_torch_input(backend):
    torch = pytest.importorskip("torch")
    x = image(1, 24, 20)
    y = Session(network(), backend)(torch.from_numpy(x.transpose(0, 1, 3, 2)).permute(0, 1, 3, 2))
    assert_close(y["y"], Session(network(), "numpy")(x)["y"])


def test_weights_are_arguments(backend):
    graph = network()
    run = backend.compile(graph, {"x": (1, 3, 24, 24)})
    leaves = len(jax.tree.leaves(run.weights)) + 1
    assert len(run.compiled.in_avals[0][0]) == len(graph.nodes)
    assert len(jax.tree.leaves(run.compiled.in_avals)) == leaves


def test_threads_share_one_trace(backend):
    session = Session(network(), backend)
    xs = [image(1, 24, 24, seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(session, xs))
    assert backend.traces == 1
    reference = Session(network(), "numpy")
    for x, y in zip(xs, found, strict=True):
        assert_close(y["y"], reference(x)["y"])


def test_a_session_can_be_part_of_a_transformation(backend):
    run = backend.compile(network(), {"x": (1, 3, 24, 24)})
    x = jnp.asarray(image(1, 24, 24).transpose(0, 2, 3, 1))

    def total(x):
        return jnp.sum(run({"x": x})["y"][..., 0])

    slope = jax.grad(total)(x)
    step = jnp.zeros_like(x).at[0, 5, 5, 1].set(0.01)
    change = (total(x + step) - total(x - step)) / 0.02
    assert float(slope[0, 5, 5, 1]) == pytest.approx(float(change), rel=0.05, abs=1e-3)
    np.testing.assert_allclose(jax.jit(total)(x), total(x), rtol=1e-5)


def test_two_inputs(backend):
    inputs = tuple(GraphInput(name, (None, 2)) for name in "ab")
    graph = Graph(inputs, (Node("n", Elementwise("sum"), ("a", "b"), ("y",)),), ("y",))
    session = Session(graph, backend)
    a = np.ones((9, 2), np.float32)
    assert session({"a": a, "b": 2 * a})["y"].tolist() == [[3, 3]] * 9


def test_real_nets_agree_with_numpy(shared_data):
    from zqcnn_xp import load

    folder = shared_data / "zqcnn"
    for model, weights, size in (
        ("det1", "det1_bgr", (60, 80)),
        ("det3", "det3_bgr", (48, 48)),
        ("det4-dw48-v2n", "det4-dw48-v2n", (48, 48)),
    ):
        files = folder / f"{model}.zqparams", folder / f"{weights}.nchwbin"
        x = image(2, *size) * 0.5
        found = load(*files, backend="jax", device="cpu")(x)
        for name, wish in load(*files, backend=get_backend("numpy"))(x).items():
            assert_close(found[name], wish)


@pytest.mark.parametrize("odd", [np.nan, -np.inf, -0.0])
def test_branches_are_taken_whatever_the_input_holds(backend, odd):
    """Stages that XLA must not fuse run in a branch, which hangs on the input's first value."""
    layers = (
        ("a", Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), "x"),
        ("b", Conv2D(8, (3, 3), pads=(1, 1, 1, 1), groups=8), "a"),
        ("c", Pool2D("max", (3, 3), (2, 2)), "b"),
    )
    rng = np.random.default_rng(0)
    nodes, shape = [], (1, 3, 12, 12)
    for name, op, value in layers:
        weights = {
            k: rng.standard_normal(s).astype(np.float32) for k, s in op.weights(shape).items()
        }
        nodes.append(Node(name, op, (value,), (name,), weights))
        (shape,) = op.infer(shape)
    graph = Graph((GraphInput("x", (None, 3, None, None)),), tuple(nodes), ("c",))
    x = image(1, 12, 12)
    x[0, 0, 0, 0] = odd
    found, wish = (Session(graph, b)(x)["c"] for b in (backend, "numpy"))
    assert np.isfinite(found).sum() >= found.size // 2
    rest = np.isfinite(wish)
    np.testing.assert_allclose(found[rest], wish[rest], rtol=1e-5, atol=1e-5)
    assert (np.isfinite(found) == rest).all()
