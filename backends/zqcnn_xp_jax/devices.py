"""Which JAX device a name means, and which accelerators are installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from zqcnn_xp.errors import BackendUnavailable, InputError

__all__ = ["accelerator_plugin", "choose_device", "device_name", "device_names"]

_PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin", "jax_rocm7_plugin", "jax_rocm60_plugin",
            "libtpu")  # fmt: skip
_PLATFORMS = ("cpu", "gpu", "cuda", "rocm", "tpu", "metal")


def accelerator_plugin() -> str | None:
    """Return the package that would give JAX an accelerator, without importing any.

    Examples
    --------
    >>> accelerator_plugin() in (None, *_PLUGINS)
    True
    """
    return next((name for name in _PLUGINS if find_spec(name) is not None), None)


def device_name(device: Any) -> str:
    """Return the name that `choose_device` takes: ``"cpu:0"``, ``"gpu:1"``."""
    return f"{device.platform}:{device.id}"


def device_names(jax: Any) -> tuple[str, ...]:
    """Return the names of all devices, those of the default platform first."""
    found = list(jax.devices())
    if jax.default_backend() != "cpu":
        found += jax.devices("cpu")
    return tuple(device_name(device) for device in found)


def choose_device(jax: Any, wanted: Any = None) -> Any:
    """Return the ``jax.Device`` that is meant.

    Parameters
    ----------
    jax
        The imported module.
    wanted
        None for JAX's default device, a number, ``"cpu"``, ``"gpu:1"``, ``"1"`` (counted among
        the devices of the default platform), or a ``jax.Device``.

    Raises
    ------
    InputError
        If this is no way to name a device.
    BackendUnavailable
        If JAX has no such device here; lists those it has.
    """
    if wanted is None:
        default = jax.config.jax_default_device
        wanted = jax.devices()[0] if default is None else default
    if isinstance(wanted, jax.Device):
        return wanted
    platform, index = _parse(wanted)
    try:
        found = jax.devices(platform)
    except RuntimeError:
        found = []
    if index >= len(found):
        have = ", ".join(device_names(jax))
        msg = f"jax has no device {wanted!r} here, only {have}"
        pip = None
        if not found and platform in ("gpu", "cuda"):
            pip = "pip install 'jax[cuda12]'"
        raise BackendUnavailable(msg, pip=pip)
    return found[index]


def _parse(wanted: Any) -> tuple[str | None, int]:
    text = str(wanted).strip().lower() if isinstance(wanted, (str, int)) else ""
    platform, colon, index = text.rpartition(":")
    if not colon and text in _PLATFORMS:
        platform, index = text, "0"
    known = not platform if not colon else platform in _PLATFORMS
    if isinstance(wanted, bool) or not index.isdecimal() or not (known or platform in _PLATFORMS):
        msg = (
            f"found device {wanted!r}, expected a number, 'cpu', 'gpu', 'gpu:1', 'tpu' "
            "or a jax.Device"
        )
        raise InputError(msg)
    return platform or None, int(index)
