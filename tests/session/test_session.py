"""Sessions: arrays of every library, clear refusals, partial runs, exact folding, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import array_api_strict
import numpy as np
import pytest

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import GraphError, InputError, ShapeError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import (
    Elementwise,
    Identity,
    Reshape,
    Scale,
)
from zqcnn_xp.session import Session

torch = pytest.importorskip("torch")
jnp = pytest.importorskip("jax.numpy")

RNG = np.random.default_rng(2)


def floats(*shape, rng=RNG):
    return rng.standard_normal(shape).astype(np.float32)


def two_inputs():
    return Graph(
        (GraphInput("a", (None, 2, None, None)), GraphInput("b", (None, 2, None, None))),
        (
            Node("twice", Scale(bias=False), ("a",), ("twice",), {"scale": np.float32([2, 2])}),
            Node("sum", Elementwise("sum"), ("twice", "b"), ("sum",)),
        ),
        ("sum",),
    )


# Values and array types ----------------------------------------------------------------------


def reference(graph, x):
    """The graph by loops of NumPy, logical layout, independent of the library's own layout."""
    w = {node.name: node.weights for node in graph.nodes}
    n = x.shape[0]
    k = w["conv1"]["weight"]
    conv1 = np.zeros((n, 4, 6, 6))
    for i in range(3):
        for j in range(3):
            patch = x[:, :, i : i + 6, j : j + 6].astype(float)
            conv1 += np.einsum("nchw,co->nohw", patch, k[i, j])
    conv1 += w["conv1"]["bias"][None, :, None, None]
    relu = np.maximum(conv1, 0)
    fc = np.einsum("nchw,hwco->no", relu, w["fc"]["weight"]) + w["fc"]["bias"]
    e = np.exp(fc - fc.max(1, keepdims=True))
    side = np.einsum("nchw,co->nohw", relu, w["side"]["weight"][0, 0])
    return {
        "conv1@conv1": conv1,
        "conv1": relu,
        "prob": (e / e.sum(1, keepdims=True))[:, :, None, None],
        "side": side + w["side"]["bias"][None, :, None, None],
    }


BACKENDS = {
    "numpy": "numpy",
    "jax": "jax",
    **({"llvm": "llvm"} if find_spec("llvmlite") else {}),
    "Backend(numpy)": Backend(np),
    "Backend(torch)": Backend(torch),
    "Backend(strict)": Backend(array_api_strict),
}
LIBRARIES = {"numpy": np.asarray, "torch": torch.asarray, "jax": jnp.asarray}
LIBRARIES["strict"] = array_api_strict.asarray


def host(y):
    return y if isinstance(y, np.ndarray) else np.asarray(y)


@pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES.keys())
@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS.keys())
def test_every_library_in_and_out_on_every_backend(net, x, backend, make):
    given_array = make(x.copy())
    found = Session(net, backend)(given_array, outputs=["prob", "side", "conv1", "conv1@conv1"])
    want = reference(net, x)
    for name, y in found.items():
        assert type(y) is type(given_array)
        assert str(y.dtype).endswith("float32")
        assert tuple(y.shape) == want[name].shape
        np.testing.assert_allclose(host(y), want[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backend", ["numpy", Backend(torch)], ids=["numpy", "torch"])
def test_torch_goes_through_without_a_copy(backend):
    graph = Graph(
        (GraphInput("x", (None, 2, None, None)),),
        (Node("y", Identity(), ("x",), ("y",)),),
        ("y",),
    )
    given_array = torch.ones(1, 2, 3, 4)
    found = Session(graph, backend)(given_array)["y"]
    assert found.data_ptr() == given_array.data_ptr()
    assert found.shape == given_array.shape


def test_numpy_goes_to_torch_and_back_without_a_copy():
    graph = Graph(
        (GraphInput("x", (None, 2, None, None)),),
        (Node("y", Identity(), ("x",), ("y",)),),
        ("y",),
    )
    given_array = np.ones((1, 2, 3, 4), np.float32)
    assert np.shares_memory(Session(graph, Backend(torch))(given_array)["y"], given_array)


OURS = ["numpy", *(["llvm"] if find_spec("llvmlite") else []), "jax"]


@pytest.mark.parametrize("backend", OURS)
def test_results_may_be_written_to(net, x, backend):
    found = Session(net, backend)(x)
    found["side"][...] = 0
    assert not found["side"].any()


@pytest.mark.parametrize("backend", OURS)
def test_a_view_is_as_good_as_a_copy(net, x, backend):
    session = Session(net, backend)
    odd = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)[:, ::-1]
    odd.flags.writeable = False
    np.testing.assert_allclose(
        session(odd)["side"], session(np.ascontiguousarray(odd))["side"], rtol=1e-5, atol=1e-6
    )


def test_the_input_is_not_changed(net, x):
    before = x.copy()
    Session(net, "numpy")(x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("backend", BACKENDS.values(), ids=BACKENDS.keys())
def test_a_batch_of_none(net, backend):
    found = Session(net, backend)(np.zeros((0, 3, 8, 8), np.float32), ["prob", "side", "conv1"])
    assert {name: y.shape for name, y in found.items()} == {
        "prob": (0, 5, 1, 1),
        "side": (0, 2, 6, 6),
        "conv1": (0, 4, 6, 6),
    }


def test_nan_stays_where_it_is(net, x):
    x = x.copy()
    x[0] = np.nan
    found = Session(net, "numpy")(x)["side"]
    assert np.isnan(found[0]).any()
    assert not np.isnan(found[1]).any()


# Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        (np.zeros((1, 3, 8, 8)), InputError, "found dtype float64, expected float32"),
        (np.zeros((1, 3, 8, 8), np.uint8), InputError, "found dtype uint8"),
        (np.zeros((1, 3, 8, 8), ">f4"), InputError, "found dtype >f4"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.float16), InputError, r"torch\.float16"),
        (np.zeros((3, 8, 8), np.float32), ShapeError, r"\(3, 8, 8\), expected \(any, 3, 8, 8\)"),
        (np.zeros((1, 1, 3, 8, 8), np.float32), ShapeError, "expected"),
        (np.zeros((1, 3, 8, 9), np.float32), ShapeError, r"found shape \(1, 3, 8, 9\)"),
        (np.zeros((1, 8, 8, 3), np.float32), ShapeError, r"found shape \(1, 8, 8, 3\)"),
        (np.float32(1), ShapeError, r"found shape \(\)"),
        ([[1.0]], InputError, "found list, expected a float32 array"),
        (None, InputError, "found NoneType"),
        ({}, InputError, "no array for input 'data'"),
        ({"dta": np.zeros(1)}, InputError, "found input 'dta', expected data; did you mean 'data'"),
        ({3: np.zeros(1)}, InputError, "found input 3, expected data"),
    ],
)
@pytest.mark.parametrize("backend", ["numpy", Backend(torch)], ids=["numpy", "torch"])
def test_a_wrong_input_is_refused_in_words(net, backend, wrong, kind, words):
    with pytest.raises(kind, match=words):
        Session(net, backend)(wrong)


def test_an_array_of_an_unknown_library_is_refused(net):
    class Foreign:
        dtype = "float32"
        shape = (1, 3, 8, 8)

    with pytest.raises(InputError, match=r"Foreign, expected an array of NumPy"):
        Session(net, "numpy")(Foreign())


@pytest.mark.parametrize("backend", [*OURS, Backend(np)], ids=[*OURS, "plain"])
def test_a_size_that_the_weights_do_not_fit_is_a_shape_error(net, backend):
    free = Graph((GraphInput("data", (None, 3, None, None)),), net.nodes, net.outputs)
    session = Session(free, backend)
    session(np.zeros((1, 3, 8, 8), np.float32))
    with pytest.raises(ShapeError, match=r"Dense 'fc'.*found weights"):
        session(np.zeros((1, 3, 9, 8), np.float32))
    with pytest.raises(ShapeError, match="Conv2D 'conv1'"):
        session(np.zeros((1, 3, 2, 2), np.float32))


def test_unknown_outputs_suggest(net, x):
    with pytest.raises(GraphError, match="no blob 'prop' in the network; did you mean prob"):
        Session(net, "numpy")(x, outputs="prop")


@pytest.mark.parametrize("wrong", [[], (), ["prob", 3], [None]])
def test_outputs_of_the_wrong_kind_are_refused(net, x, wrong):
    with pytest.raises(InputError, match="expected at least one blob name"):
        Session(net, "numpy")(x, outputs=wrong)


def test_a_graph_that_is_not_well_formed_is_refused():
    with pytest.raises(GraphError, match="no earlier node writes"):
        Session(
            Graph((GraphInput("x", (None,)),), (Node("r", Identity(), ("q",), ("y",)),), ("y",)),
            "numpy",
        )


# Outputs and inputs by name ------------------------------------------------------------------


def test_outputs_as_a_string_a_list_or_a_generator(net, x):
    session = Session(net, "numpy")
    assert list(session(x)) == ["prob", "side"]
    assert list(session(x, "side")) == ["side"]
    assert list(session(x, ["side", "prob", "side"])) == ["side", "prob"]
    assert list(session(x, (name for name in ("conv1",)))) == ["conv1"]


def test_the_graph_s_input_can_be_asked_for(net, x):
    for backend in (*OURS, Backend(torch)):
        found = Session(net, backend)(x, ["data", "side"])
        np.testing.assert_array_equal(found["data"], x)
        np.testing.assert_array_equal(Session(net, backend)(x, "data")["data"], x)


def test_every_listed_blob_can_be_asked_for(net, x):
    session = Session(net, "numpy")
    assert set(session.blobs) == {*net.blobs, *net.values}
    found = session(x, session.blobs)
    assert list(found) == list(session.blobs)


def test_several_inputs_by_name():
    session = Session(two_inputs(), "numpy")
    a, b = floats(1, 2, 3, 4), floats(1, 2, 3, 4)
    np.testing.assert_allclose(session({"b": b, "a": a})["sum"], 2 * a + b, rtol=1e-6)
    with pytest.raises(InputError, match="found one array, expected a dict of arrays for a, b"):
        session(a)
    with pytest.raises(InputError, match="no array for input 'b'"):
        session({"a": a})


def test_a_partial_run_needs_only_its_own_inputs():
    session = Session(two_inputs(), "numpy")
    a = floats(1, 2, 3, 4)
    for given_input in (a, {"a": a}, {"a": a, "b": "not looked at"}):
        np.testing.assert_array_equal(session(given_input, "twice")["twice"], 2 * a)


def test_the_first_input_decides_the_type_of_the_results():
    session = Session(two_inputs(), "numpy")
    a = floats(1, 2, 3, 4)
    assert type(session({"a": torch.asarray(a), "b": a})["sum"]) is torch.Tensor


# Threads -------------------------------------------------------------------------------------


def test_eight_threads_give_the_serial_results(net):
    rng = np.random.default_rng(5)
    jobs = [
        (
            floats(1 + i % 5, 3, 8, 8, rng=rng),
            [None, "side", "conv1", ["prob", "conv1@conv1"]][i % 4],
        )
        for i in range(64)
    ]
    serial = Session(net, "numpy")
    want = [serial(x, outputs) for x, outputs in jobs]
    shared = Session(net, "numpy")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: shared(*job), jobs))
    for have, expected in zip(found, want, strict=True):
        assert list(have) == list(expected)
        for name, y in expected.items():
            np.testing.assert_array_equal(have[name], y)


# The rest ------------------------------------------------------------------------------------


def test_ranks_other_than_four():
    graph = Graph(
        (GraphInput("x", (None, 6)),),
        (Node("m", Reshape((0, 2, 3, 1)), ("x",), ("m",)),),
        ("m",),
    )
    x = floats(4, 6)
    found = Session(graph, "numpy")(x, ["x", "m"])
    np.testing.assert_array_equal(found["x"], x)
    np.testing.assert_array_equal(found["m"], x.reshape(4, 2, 3, 1))


def test_what_a_session_says_of_itself(net):
    session = Session(net, "numpy")
    assert session.input_shape == (None, 3, 8, 8)
    assert repr(session) == "<Session small: data(None, 3, 8, 8) -> prob, side on numpy>"
