"""The namespace ``array_api_compat.cupy``: that of NumPy, on simulated device arrays."""

from __future__ import annotations

import types
from functools import cache, partial
from typing import Any

import array_api_compat.numpy as host
import numpy as np

from . import arrays, cuda


def _call(function: Any, *args: Any, device: Any = None, **kwargs: Any) -> Any:
    if device is not None and not isinstance(device, cuda.Device):
        raise TypeError(f"Unsupported device {device!r}")
    with cuda.Device(None if device is None else device.id):
        return arrays.apply(function, *args, **kwargs)


def _asarray(
    obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None, **more: Any
) -> Any:
    with cuda.Device(None if device is None else device.id):
        found = arrays.asarray(obj, dtype)
        return found.copy() if copy and found is obj else found


class _Namespace(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        return _member(name)


@cache
def _member(name: str) -> Any:
    if name == "asarray":
        return _asarray
    if name == "from_dlpack":
        return arrays.from_dlpack
    value = getattr(host, name)
    if isinstance(value, types.ModuleType):
        functions = {n: getattr(value, n) for n in dir(value) if callable(getattr(value, n))}
        return types.SimpleNamespace(**{n: partial(_call, f) for n, f in functions.items()})
    if isinstance(value, type | np.dtype) or not callable(value):
        return value
    return partial(_call, value)


def module() -> types.ModuleType:
    return _Namespace("array_api_compat.cupy")
