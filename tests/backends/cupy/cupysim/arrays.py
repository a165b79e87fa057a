"""Simulated device arrays: a wrapper, so that nothing turns into a NumPy array unasked."""

from __future__ import annotations

import operator
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import cuda


class ndarray:  # noqa: N801 - CuPy's name
    """One array in device memory."""

    __array_priority__ = 100

    def __init__(self, host: np.ndarray, memory: cuda.Allocation) -> None:
        self._host = host
        self._memory = memory

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: self._host.flags)
    device = property(lambda self: cuda.Device(self._memory.device))
    data = property(lambda self: SimpleNamespace(ptr=self._host.ctypes.data))
    T = property(lambda self: apply(lambda a: a.T, self))
    mT = property(lambda self: apply(lambda a: a.mT, self))  # noqa: N815 - the standard's name

    def __array__(self, *unused: Any, **more: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {"shape": self.shape, "typestr": self.dtype.str, "version": 3,
                "data": (self.data.ptr, False)}  # fmt: skip

    def get(self) -> np.ndarray:
        return asnumpy(self)

    def copy(self) -> ndarray:
        # CuPy copies to the current device.
        source = self._host
        result = allocate(source.shape, source.dtype)
        result._host[...] = source
        return result

    def reshape(self, *shape: Any) -> ndarray:
        return apply(lambda a: a.reshape(*shape), self)

    def __getitem__(self, key: Any) -> ndarray:
        return apply(lambda a: a[key], self)

    def __len__(self) -> int:
        return len(self._host)

    def __bool__(self) -> bool:
        return bool(asnumpy(self))

    def __float__(self) -> float:
        return float(asnumpy(self))

    def __int__(self) -> int:
        return int(asnumpy(self))

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, self._memory.device)

    def __dlpack__(self, **unused: Any) -> Any:
        return self._host.__dlpack__()


def _operator(name: str) -> Any:
    def method(self: ndarray, *others: Any) -> ndarray:
        return apply(getattr(operator, name), self, *others)

    return method


def _reflected(name: str) -> Any:
    def method(self: ndarray, other: Any) -> ndarray:
        return apply(lambda a, b: getattr(operator, name)(b, a), self, other)

    return method


for _name in (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
    "and_",
    "or_",
    "xor",
    "neg",
    "abs",
    "invert",
):
    setattr(ndarray, f"__{_name.rstrip('_')}__", _operator(_name))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(ndarray, f"__r{_name}__", _reflected(_name))
ndarray.__hash__ = None


def allocate(shape: tuple[int, ...], dtype: Any) -> ndarray:
    """Take memory from the current allocator; its bytes read as NaN."""
    dtype = np.dtype(dtype)
    nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    memory = cuda.alloc(nbytes)
    return ndarray(memory.body().view(dtype).reshape(shape), memory)


def unwrap(value: Any, found: list[ndarray]) -> Any:
    """Replace device arrays by their host data, deeply; refuse NumPy arrays as CuPy does."""
    if isinstance(value, ndarray):
        found.append(value)
        return value._host
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, list | tuple):
        return type(value)(unwrap(item, found) for item in value)
    return value


def wrap(value: Any, sources: list[ndarray]) -> Any:
    """Wrap results: a view keeps its memory, anything else gets guarded memory of its own."""
    if isinstance(value, list | tuple):
        return type(value)(wrap(item, sources) for item in value)
    if not isinstance(value, np.ndarray | np.generic):
        return value
    value = np.asarray(value)
    for source in sources:
        if value.size and np.may_share_memory(value, source._memory.body()):
            return ndarray(value, source._memory)
    result = allocate(value.shape, value.dtype)
    result._host[...] = value
    cuda.touch([source._memory for source in sources], [result._memory])
    return result


def apply(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Run a NumPy function on device arrays."""
    found: list[ndarray] = []
    plain = [unwrap(arg, found) for arg in args]
    named = {key: unwrap(arg, found) for key, arg in kwargs.items()}
    with np.errstate(all="ignore"):  # a GPU does not warn
        value = function(*plain, **named)
    return wrap(value, found)


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return allocate((shape,) if isinstance(shape, int) else tuple(shape), dtype)


def asarray(
    a: Any, dtype: Any = None, order: str | None = None, *, copy: Any = None, blocking: bool = False
) -> ndarray:
    if isinstance(a, ndarray):
        return a if dtype in (None, a.dtype) else apply(lambda x: x.astype(dtype), a)
    host = np.array(a, dtype=dtype)
    result = allocate(host.shape, host.dtype)
    result._host[...] = host
    cuda.touch([], [result._memory])
    return result


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    return a if a.flags.c_contiguous else apply(np.ascontiguousarray, a)


def asnumpy(
    a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True
) -> np.ndarray:
    if not isinstance(a, ndarray):
        return np.asarray(a)
    with cuda.Device(a._memory.device):
        cuda.touch([a._memory], [])
        cuda.get_current_stream().synchronize()
    return a._host.copy()


def from_dlpack(array: Any, *, device: Any = None, copy: bool | None = None) -> ndarray:
    kind, where = array.__dlpack_device__()
    if kind != 2 or where != cuda.local.devices[-1]:
        raise BufferError("not an array of the current CUDA device")
    exporter = SimpleNamespace(
        __dlpack__=lambda **unused: array.__dlpack__(), __dlpack_device__=lambda: (1, 0)
    )
    host = np.from_dlpack(exporter)
    return ndarray(host, cuda.find(host.ctypes.data, host.nbytes))
