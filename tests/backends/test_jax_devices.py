"""Names of JAX devices."""

from __future__ import annotations

import subprocess
import sys

import jax
import pytest

from zqcnn_xp import BackendUnavailable, InputError
from zqcnn_xp_jax.devices import accelerator_plugin, choose_device, device_name, device_names

CPU = jax.devices("cpu")[0]


@pytest.mark.parametrize("wanted", ["cpu", "cpu:0", "CPU", " cpu:0 ", CPU])
def test_the_cpu_has_names(wanted):
    assert choose_device(jax, wanted) is CPU


@pytest.mark.parametrize("wanted", [None, 0, "0"])
def test_the_default_platform_needs_none(wanted):
    assert choose_device(jax, wanted) is jax.devices()[0]


def test_the_default_device_of_a_scope_is_heeded():
    with jax.default_device(CPU):
        assert choose_device(jax) is CPU


@pytest.mark.parametrize(
    "wanted", ["", "gpu:", "gpu:x", ":0", "disk", "cpu:0:0", -1, 1.5, True, []]
)
def test_what_is_no_name_is_refused(wanted):
    with pytest.raises(InputError, match="expected a number, 'cpu'"):
        choose_device(jax, wanted)


@pytest.mark.parametrize("wanted", ["cpu:99", 99, "99", "gpu:99", "tpu:99"])
def test_an_absent_device_lists_those_there_are(wanted):
    with pytest.raises(BackendUnavailable, match="cpu:0"):
        choose_device(jax, wanted)


def test_an_absent_gpu_comes_with_a_command():
    if any(d.platform == "gpu" for d in jax.devices()):
        pytest.skip("there is a GPU")
    with pytest.raises(BackendUnavailable, match=r"pip install 'jax\[cuda"):
        choose_device(jax, "gpu")


def test_every_listed_name_is_taken():
    names = device_names(jax)
    assert "cpu:0" in names
    assert [device_name(choose_device(jax, name)) for name in names] == list(names)


def test_looking_for_accelerators_imports_nothing():
    code = (
        "import sys; from zqcnn_xp_jax.devices import accelerator_plugin; accelerator_plugin();"
        "from zqcnn_xp_jax import JaxBackend; JaxBackend.auto_score();"
        "assert not {m for m in sys.modules if m.split('.')[0] in ('jax', 'jaxlib')}"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_plugin_is_named(monkeypatch):
    monkeypatch.setattr("zqcnn_xp_jax.devices.find_spec", lambda name: name == "libtpu" or None)
    assert accelerator_plugin() == "libtpu"
    monkeypatch.setattr("zqcnn_xp_jax.devices.find_spec", lambda name: None)
    assert accelerator_plugin() is None
