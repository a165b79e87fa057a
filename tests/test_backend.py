"""The base backend: arrays in and out, devices, and the default hooks."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest

from zqcnn_xp.backend import Backend, Choice, host_array
from zqcnn_xp.errors import BackendUnavailable, InputError
from zqcnn_xp.executable import Walk
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Activation, Conv2D

torch = pytest.importorskip("torch")
jnp = pytest.importorskip("jax.numpy")


def ramp(*shape):
    return np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)


NAMESPACES = [np, torch, jnp, array_api_strict]
names = [xp.__name__ for xp in NAMESPACES]


@pytest.fixture(params=NAMESPACES, ids=names)
def backend(request):
    return Backend(request.param)


def test_a_namespace_is_needed():
    with pytest.raises(BackendUnavailable, match=r"for example Backend\(numpy\)"):
        Backend()


def test_numpy_arrays_make_the_round_trip(backend):
    x = ramp(2, 3, 4)
    there = backend.from_numpy(x)
    back = backend.to_numpy(there)
    assert type(back) is np.ndarray
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, x)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize(
    "view",
    [
        read_only,
        lambda x: x[::-1],
        lambda x: x.T,
        lambda x: x[:, ::2],
        lambda x: x[:0],
        lambda x: np.broadcast_to(x[0], (5, 4)),
        lambda x: x.astype(np.float64),
    ],
    ids=["read-only", "negative", "transposed", "strided", "empty", "broadcast", "float64"],
)
def test_odd_views_are_taken(backend, view, recwarn):
    if backend.xp is jnp and view(ramp(1, 1)).dtype == np.float64:
        pytest.skip("JAX has no float64 unless it is switched on")
    x = view(ramp(3, 4))
    np.testing.assert_array_equal(backend.to_numpy(backend.from_array(x)), x)
    assert not recwarn.list


@pytest.mark.parametrize("source", NAMESPACES, ids=names)
def test_arrays_of_any_library_are_taken(backend, source):
    x = source.asarray(ramp(2, 3))
    found = backend.from_array(x)
    assert type(found) is type(backend.from_numpy(ramp(2, 3)))
    np.testing.assert_array_equal(backend.to_numpy(found), ramp(2, 3))


def test_torch_memory_is_shared_and_not_copied():
    x = torch.zeros(4, 5)
    on_numpy = Backend(np).from_array(x)
    x[1, 2] = 7
    assert on_numpy[1, 2] == 7
    on_torch = Backend(torch).from_array(x)
    assert on_torch.data_ptr() == x.data_ptr()
    ours = ramp(3)
    assert np.shares_memory(Backend(torch).from_numpy(ours).numpy(), ours)


def test_jax_memory_is_shared_and_not_copied():
    x = jnp.zeros((64, 64), "float32")
    found = Backend(np).from_array(x)
    assert found.__array_interface__["data"][0] == x.unsafe_buffer_pointer()


def test_a_tensor_that_needs_a_gradient_is_taken():
    x = torch.ones(3, requires_grad=True)
    for xp in (np, torch):
        found = Backend(xp).from_array(x)
        np.testing.assert_array_equal(Backend(xp).to_numpy(found), np.ones(3))
    np.testing.assert_array_equal(Backend(torch).to_numpy(x), np.ones(3))
    np.testing.assert_array_equal(host_array(x), np.ones(3))


@pytest.mark.parametrize("wrong", [None, 3.0, [1.0], "x", object()])
def test_what_is_no_array_is_refused(backend, wrong):
    with pytest.raises(InputError, match=f"found {type(wrong).__name__}, expected an array"):
        backend.from_array(wrong)


def test_arrays_come_to_the_backend_s_device():
    device = array_api_strict.Device("device1")
    backend = Backend(array_api_strict, device)
    moved = backend.from_array(array_api_strict.asarray([1.0]))
    assert moved.device == device
    there = array_api_strict.asarray([1.0], device=device)
    assert backend.from_array(there).device == device
    assert Backend(array_api_strict).from_array(there).device == array_api_strict.Device(
        "CPU_DEVICE"
    )


def test_meta_tensors_show_that_the_device_is_used():
    assert Backend(torch, "meta").from_numpy(ramp(2)).device.type == "meta"


def test_the_namespace_follows_the_standard():
    assert Backend(np).xp is np
    assert Backend(torch).xp.__name__ == "array_api_compat.torch"
    assert Backend(array_api_strict).xp is array_api_strict


def test_the_default_hooks(backend):
    op = Conv2D(2, (1, 1))
    assert backend.kernel(op, (1, 3, 4, 4)) is None
    assert backend.threads is None
    assert backend.choice == Choice()
    weights = {"weight": ramp(1, 1, 3, 2), "bias": ramp(2)}
    prepared = backend.prepare(op, weights)
    for name, w in weights.items():
        np.testing.assert_array_equal(backend.to_numpy(prepared[name]), w)
    backend.synchronize(*prepared.values())
    assert type(backend).auto_score()[0] == 0
    assert type(backend).probe().ready
    assert "device=None" in repr(backend)


def test_compile_walks_and_prepares_when_nobody_has(backend):
    node = Node("c", Conv2D(2, (1, 1), bias=False), ("x",), ("y",), {"weight": ramp(1, 1, 3, 2)})
    graph = Graph((GraphInput("x", (None, 3, None, None)),), (node,), ("y",))
    shapes = {"x": (1, 3, 2, 2)}
    for run in (
        backend.compile(graph, shapes),
        backend.compile(graph, shapes, backend.prepare_graph(graph)),
    ):
        assert isinstance(run, Walk)
        y = run({"x": backend.from_numpy(np.ones((1, 2, 2, 3), np.float32))})["y"]
        np.testing.assert_array_equal(backend.to_numpy(y)[0, 0, 0], [6, 9])


def test_a_kernel_takes_the_place_of_the_reference():
    class Own(Backend):
        def kernel(self, op, *shapes):
            self.asked = (op, shapes)
            return lambda w, x: (x * 100,)

    own = Own(np)
    graph = Graph(
        (GraphInput("x", (None, 2)),), (Node("r", Activation("relu"), ("x",), ("y",)),), ("y",)
    )
    y = own.compile(graph, {"x": (1, 2)})({"x": ramp(1, 2)})["y"]
    np.testing.assert_array_equal(y, [[0, 100]])
    assert own.asked == (Activation("relu"), ((1, 2),))
