"""The JAX backend: conformance, arrays, precision, selection."""

from __future__ import annotations

import builtins
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zqcnn_xp import BackendUnavailable, InputError, get_backend, list_backends
from zqcnn_xp.ops import Activation, Conv2D, Dense
from zqcnn_xp.testing import check_backend
from zqcnn_xp_jax import JaxBackend


@pytest.fixture(scope="module")
def backend():
    return JaxBackend("cpu")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_it_conforms(backend):
    report = check_backend(backend, jit=jax.jit)
    assert report.counts["kernel"] > 500
    assert report.skipped == ()


@pytest.mark.gpu
@pytest.mark.timeout(1200)
def test_it_conforms_on_a_gpu():
    if not any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("JAX sees no GPU")
    report = check_backend(JaxBackend("gpu"), jit=jax.jit)
    assert report.counts["kernel"] > 500


def test_it_is_a_plugin():
    made = get_backend("jax", device="cpu:0")
    assert isinstance(made, JaxBackend)
    assert made.device == jax.devices("cpu")[0]
    assert made.jits
    (listed,) = [found.availability for found in list_backends() if found.name == "jax"]
    assert listed.ready
    assert listed.version == jax.__version__
    assert "cpu:0" in listed.devices


def test_on_a_cpu_it_is_never_taken_by_itself(monkeypatch):
    monkeypatch.setattr("zqcnn_xp_jax.backend.accelerator_plugin", lambda: None)
    score, reason = JaxBackend.auto_score()
    assert score == 0
    assert "CPU" in reason
    monkeypatch.setattr("zqcnn_xp_jax.backend.accelerator_plugin", lambda: "jax_cuda12_plugin")
    score, reason = JaxBackend.auto_score()
    assert score > get_backend("numpy").auto_score()[0]
    assert "jax_cuda12_plugin" in reason


def test_without_jax_the_pip_command_is_given(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name == "jax" or name.startswith("jax."):
            raise ImportError("No module named 'jax'")
        return real(name, *args, **options)

    monkeypatch.delitem(sys.modules, "jax")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BackendUnavailable, match=r"pip install 'zqcnn-xp\[jax\]'"):
        JaxBackend()
    found = JaxBackend.probe()
    assert not found.ready
    assert found.pip == "pip install 'zqcnn-xp[jax]'"


def test_a_driver_that_fails_is_reported(monkeypatch):
    def broken(*_):
        raise RuntimeError("no driver")

    monkeypatch.setattr(jax, "devices", broken)
    found = JaxBackend.probe()
    assert not found.ready
    assert "no driver" in found.reason
    with pytest.raises(BackendUnavailable, match="no driver"):
        JaxBackend()


def test_other_precisions_are_refused():
    with pytest.raises(InputError, match="highest, high, default"):
        JaxBackend(precision="double")


@pytest.mark.parametrize("precision", ["highest", "high", "default"])
def test_precision_holds_inside_our_calls_alone(precision):
    made = JaxBackend("cpu", precision=precision)
    for op, shape in ((Dense(4), (2, 8)), (Conv2D(4, (3, 3)), (1, 3, 5, 5))):
        weights = {n: jnp.ones(s) for n, s in op.weights(shape).items()}
        x = jnp.ones(shape if len(shape) == 2 else (1, 5, 5, 3))
        text = str(jax.make_jaxpr(made.kernel(op, shape))(weights, x))
        assert f"Precision.{precision.upper()}" in text
    assert jax.config.jax_default_matmul_precision is None
    assert "Precision" not in str(jax.make_jaxpr(lambda a: a @ a)(jnp.ones((2, 2))))


def test_configuration_is_left_alone(monkeypatch):
    # Without a folder for programs, that is: see test_jax_cache.
    monkeypatch.delenv("ZQCNN_XP_CACHE_DIR", raising=False)
    before = dict(jax.config.values)
    check_backend(JaxBackend("cpu"), cases=[])
    assert dict(jax.config.values) == before


def test_results_may_be_written_to(backend):
    y = backend.to_numpy(backend.from_numpy(np.ones(5, np.float32)))
    y += 1
    assert y.tolist() == [2] * 5


def test_jax_arrays_pass_through(backend):
    x = jax.device_put(jnp.ones((2, 3)), backend.device)
    assert backend.from_array(x).unsafe_buffer_pointer() == x.unsafe_buffer_pointer()


def test_torch_memory_is_shared(backend):
    torch = pytest.importorskip("torch")
    x = torch.zeros((1, 3, 64, 64))
    y = backend.from_array(x)
    assert y.unsafe_buffer_pointer() == x.data_ptr()


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (0, 1, 3, 2)])
def test_strided_arrays_fit_the_programs(backend, order):
    torch = pytest.importorskip("torch")
    x = torch.arange(120.0).reshape(1, 4, 5, 6).permute(*order)
    y = backend.from_array(x)
    run = jax.jit(lambda v: v + 1).lower(jax.ShapeDtypeStruct(y.shape, y.dtype)).compile()
    np.testing.assert_array_equal(run(y), x.numpy() + 1)


def test_ops_without_products_keep_their_reference(backend):
    assert backend.kernel(Activation("relu"), (1, 3, 4, 4)) is None


def test_repr_names_device_and_precision(backend):
    assert repr(backend) == "<JaxBackend device=cpu:0 precision=highest>"
