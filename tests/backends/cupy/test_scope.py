"""Devices, streams and memory limits."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, ZqcnnError
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_cupy import CupyBackend, DeviceMemoryError
from zqcnn_xp_cupy.scope import device_index

OP, SHAPE = Conv2D(8, (3, 3), pads=(1, 1, 1, 1)), (2, 8, 16, 16)


@pytest.mark.parametrize(
    ("device", "index"),
    [(None, 0), (1, 1), ("1", 1), ("cuda", 0), ("cuda:1", 1), ("GPU:0", 0), ("gpu", 0)],
)
def test_device_names(device, index):
    assert device_index(device, 2) == index


@pytest.mark.parametrize("device", [2, -1, "cuda:2", "cpu", "cuda:x", True, 0.5])
def test_wrong_devices(device):
    with pytest.raises(InputError, match="'cuda:0', 'cuda:1'"):
        device_index(device, 2)


@pytest.mark.parametrize("device", [0, 1])
def test_work_stays_on_its_device(sim, compare, device):
    backend = CupyBackend(device)
    assert compare(backend, OP, SHAPE) is not None
    assert backend.from_numpy(np.ones(3)).device.id == device
    assert sim.cuda.Device().id == 0
    assert CupyBackend(sim.cuda.Device(1)).device.id == 1


def test_an_array_of_another_device_is_copied(sim):
    x = CupyBackend(0).from_numpy(np.arange(4.0))
    backend = CupyBackend(1)
    assert backend.from_array(x).device.id == 1
    assert backend.to_numpy(backend.from_array(x)).tolist() == [0, 1, 2, 3]


def test_an_own_stream_is_ordered_with_the_callers(sim, compare):
    """The simulator refuses an access that no event has ordered."""
    backend = CupyBackend(stream="own")
    assert backend.scope.stream.non_blocking
    assert compare(backend, OP, SHAPE) is not None
    caller = sim.cuda.Stream(non_blocking=True)
    with caller:
        x = backend.xp.ones((2, 16, 16, 8), dtype=np.float32)  # written on the caller's stream
        weights = {"weight": np.ones((3, 3, 8, 8)), "bias": np.ones(8)}
        weights = {name: w.astype(np.float32) for name, w in weights.items()}
        (y,) = backend.kernel(OP, SHAPE)(backend.prepare(OP, weights), x)
        assert float((y * 1.0)[0, 5, 5, 0]) == 73.0  # read there again


def test_a_given_stream_is_taken(sim, compare):
    stream = sim.cuda.Stream(non_blocking=True)
    backend = CupyBackend(stream=stream)
    with backend.scope():
        assert sim.cuda.get_current_stream() is stream
        with backend.scope():  # nested: nothing more to enter
            assert sim.cuda.get_current_stream() is stream
    assert sim.cuda.get_current_stream() is not stream
    assert compare(backend, OP, SHAPE) is not None


def test_without_the_events_the_order_is_wrong(sim, cupysim, monkeypatch):
    backend = CupyBackend(stream="own")
    monkeypatch.setattr(sim.cuda.Stream, "wait_event", lambda self, event: None)
    x = backend.xp.ones((1, 4, 4, 8), dtype=np.float32)
    with backend.scope(), pytest.raises(cupysim.cuda.FaultError, match="waited for"):
        _ = x + 1.0


def test_memory_limit(sim, compare):
    backend = CupyBackend(memory_limit=1 << 20)
    assert backend.scope.pool.get_limit() == 1 << 20
    assert compare(backend, OP, SHAPE) is not None
    with pytest.raises(DeviceMemoryError, match="smaller batch") as caught:
        backend.from_numpy(np.zeros(1 << 19, np.float32))
    assert isinstance(caught.value, ZqcnnError)
    assert isinstance(caught.value, MemoryError)
    # The failure leaves the backend and the caller's context as they were.
    assert compare(backend, OP, SHAPE) is not None


def test_the_limit_shrinks_the_workspace(sim):
    assert CupyBackend(memory_limit=1 << 20)._tools.workspace == 1 << 18
    assert CupyBackend(memory_limit=0.5)._tools.workspace == 128 << 20
    assert CupyBackend(memory_limit=0.5).scope.pool.get_limit() == 1 << 29


@pytest.mark.parametrize(
    "options",
    [{"memory_limit": 0}, {"memory_limit": 1.5}, {"memory_limit": -1}, {"memory_limit": "1 GiB"},
     {"memory_limit": True}, {"stream": "mine"}, {"stream": 7}, {"workspace": 0},
     {"workspace": 1.5}, {"device": 9}],
)  # fmt: skip
def test_wrong_options(sim, options):
    with pytest.raises(InputError, match="expected"):
        CupyBackend(**options)


@pytest.mark.parametrize("stream", [None, "own"])
def test_threads(sim, stream):
    backend = CupyBackend(stream=stream, memory_limit=1 << 26)
    rng = np.random.default_rng(0)
    weights = {
        name: rng.standard_normal(size).astype(np.float32)
        for name, size in OP.weights(SHAPE).items()
    }
    prepared, native = backend.prepare(OP, weights), backend.kernel(OP, SHAPE)
    inputs = [rng.standard_normal((2, 16, 16, 8)).astype(np.float32) for _ in range(8)]

    def run(x):
        return backend.to_numpy(native(prepared, backend.from_numpy(x))[0])

    wanted = [run(x) for x in inputs]
    found = [None] * 8

    def work(i):
        found[i] = run(inputs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
