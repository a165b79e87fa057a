"""Where and when work runs: the device, the stream, and the memory it may take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from zqcnn_xp.errors import InputError
from zqcnn_xp_cupy.errors import DeviceMemoryError

__all__ = ["Scope", "device_index"]


def device_index(device: Any, count: int) -> int:
    """Turn a device argument into an index.

    Parameters
    ----------
    device
        None (device 0), an index, ``"1"``, ``"cuda"``, ``"cuda:1"``, ``"gpu:1"``, or an object
        with an ``id``, such as ``cupy.cuda.Device``.
    count
        Number of devices there are.

    Raises
    ------
    InputError
        If it names none of them.

    Examples
    --------
    >>> device_index("cuda:1", 2), device_index(None, 2)
    (1, 0)
    """
    wanted = getattr(device, "id", device)
    if isinstance(wanted, str):
        text = wanted.strip().lower().removeprefix("cuda").removeprefix("gpu").removeprefix(":")
        wanted = int(text) if text.isdecimal() else (0 if not text else wanted)
    if wanted is None:
        return 0
    if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 <= wanted < count:
        names = ", ".join(f"'cuda:{i}'" for i in range(count))
        msg = f"found device {device!r}, expected one of {names}, or its number"
        raise InputError(msg)
    return wanted


class Scope:
    """Enter a device, a stream and a memory pool together, and order them with the caller's work.

    With a stream of our own, it first waits for what the caller's current stream has queued, and
    the caller's current stream afterwards waits for ours. So arrays may be handed in and out
    without a thought about streams, and a block of memory freed on one stream is not reused
    before the other has read it. The host never waits.

    Parameters
    ----------
    cupy
        The module.
    device
        Index of the device.
    stream
        None runs on the caller's current stream; ``"own"`` makes a non-blocking one; or a
        ``cupy.cuda.Stream``.
    memory_limit
        Bytes, or a fraction of the device's memory; makes a pool of our own. None takes memory
        from CuPy's current allocator (by default its shared pool) and sets no limit. cuBLAS
        keeps a workspace of some MiB outside of any pool.
    """

    def __init__(
        self, cupy: Any, device: int, stream: Any = None, memory_limit: float | None = None
    ) -> None:
        self._cupy = cupy
        self.device = cupy.cuda.Device(device)
        self.pool: Any = None
        self._inside = threading.local()
        if not (stream is None or stream == "own" or hasattr(stream, "wait_event")):
            msg = f"found stream {stream!r}, expected None, 'own' or a cupy.cuda.Stream"
            raise InputError(msg)
        with self.device:
            self.stream = cupy.cuda.Stream(non_blocking=True) if stream == "own" else stream
            if memory_limit is not None:
                self.pool = _limited_pool(cupy, memory_limit)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Enter; inside an entered scope of the same thread this does nothing.

        Raises
        ------
        DeviceMemoryError
            If the work inside runs out of memory.
        """
        if getattr(self._inside, "entered", False):
            yield
            return
        self._inside.entered = True
        try:
            with self.device, self._ordered(), self._allocating():
                yield
        except self._cupy.cuda.memory.OutOfMemoryError as error:
            raise DeviceMemoryError(str(error)) from error
        finally:
            self._inside.entered = False

    @contextmanager
    def _ordered(self) -> Iterator[None]:
        caller = self._cupy.cuda.get_current_stream()
        if self.stream is None or self.stream.ptr == caller.ptr:
            yield
            return
        self.stream.wait_event(caller.record(self._event()))
        try:
            with self.stream:
                yield
        finally:
            caller.wait_event(self.stream.record(self._event()))

    def _event(self) -> Any:
        return self._cupy.cuda.Event(disable_timing=True)

    def _allocating(self) -> Any:
        if self.pool is None:
            return nullcontext()
        return self._cupy.cuda.using_allocator(self.pool.malloc)

    def synchronize(self) -> None:
        """Wait on the host until the stream is idle."""
        with self():
            self._cupy.cuda.get_current_stream().synchronize()


def _limited_pool(cupy: Any, limit: float) -> Any:
    fraction = isinstance(limit, float)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
        msg = f"found memory_limit {limit!r}, expected bytes (int) or a fraction up to 1.0 (float)"
        raise InputError(msg)
    if fraction and limit > 1.0:
        msg = f"found memory_limit {limit!r}, expected a fraction up to 1.0; bytes are an int"
        raise InputError(msg)
    pool = cupy.cuda.MemoryPool()
    if fraction:
        pool.set_limit(fraction=limit)
    else:
        pool.set_limit(size=limit)
    return pool
