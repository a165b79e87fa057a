"""Devices, streams, events, memory: guarded allocations and a detector of races."""

from __future__ import annotations

import itertools
import threading
import types
import weakref
from contextlib import contextmanager

import numpy as np

DEVICES = 2
GUARD = 512  # bytes on either side, and the alignment of CuPy's own allocations
_GUARD_BYTE = 0xFF  # float32 of these bytes is NaN: reading a guard poisons the result


class CUDARuntimeError(RuntimeError):
    pass


class OutOfMemoryError(MemoryError):
    def __init__(self, size: int, total: int, limit: int = 0) -> None:
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes, "
            f"limit set to: {limit:,} bytes)."
        )


class FaultError(AssertionError):
    """Something that a GPU would do wrongly and silently."""


class _Local(threading.local):
    def __init__(self) -> None:
        self.devices = [0]
        self.streams: dict[int, list[Stream]] = {}
        self.allocators = [None]
        self.handle = None


local = _Local()
# Streams are shared by host threads.
_lock = threading.RLock()
# What the host has waited for: everything launched later comes after it.
host_clock: dict[int, int] = {}


class Device:
    def __init__(self, device: int | None = None) -> None:
        self.id = local.devices[-1] if device is None else int(device)

    def __enter__(self) -> Device:
        local.devices.append(self.id)
        return self

    def __exit__(self, *unused: object) -> None:
        local.devices.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


class Event:
    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ) -> None:
        self.clock: dict[int, int] = {}


class Stream:
    """A stream with a vector clock: for each stream, up to where its work is known to be done."""

    _ptrs = itertools.count(1)

    def __init__(
        self,
        null: bool = False,
        non_blocking: bool = False,
        ptds: bool = False,
        priority: int | None = None,
    ) -> None:
        self.key = next(self._ptrs)
        self.ptr = 0 if null else self.key
        self.device_id = local.devices[-1]
        self.non_blocking = non_blocking
        self.clock: dict[int, int] = {}

    def __enter__(self) -> Stream:
        if self.device_id != local.devices[-1]:
            raise FaultError("a stream of another device was made current")
        local.streams.setdefault(self.device_id, []).append(self)
        return self

    def __exit__(self, *unused: object) -> None:
        local.streams[self.device_id].pop()

    def advance(self) -> int:
        with _lock:
            _merge(self.clock, host_clock)
            self.clock[self.key] = self.clock.get(self.key, 0) + 1
            return self.clock[self.key]

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        with _lock:
            self.advance()
            event.clock = dict(self.clock)
        return event

    def wait_event(self, event: Event) -> None:
        with _lock:
            _merge(self.clock, event.clock)

    def synchronize(self) -> None:
        with _lock:
            self.advance()
            _merge(host_clock, self.clock)


def _merge(into: dict[int, int], other: dict[int, int]) -> None:
    for key, value in other.items():
        into[key] = max(into.get(key, 0), value)


_null = {}
for _device in range(DEVICES):
    with Device(_device):
        _null[_device] = Stream(null=True)


def get_current_stream(device_id: int = -1) -> Stream:
    device = local.devices[-1] if device_id < 0 else device_id
    stack = local.streams.get(device)
    return stack[-1] if stack else _null[device]


class Allocation:
    """Bytes on a device between two guards; knows which stream wrote them last, and when."""

    def __init__(self, nbytes: int) -> None:
        self.device = local.devices[-1]
        self.nbytes = nbytes
        self.raw = np.full(nbytes + 3 * GUARD, _GUARD_BYTE, np.uint8)
        self.offset = GUARD + -(self.raw.ctypes.data + GUARD) % GUARD
        self.start = self.raw.ctypes.data + self.offset
        self.written: tuple[int, int] | None = None
        with _lock:
            live[self.start] = self

    def body(self) -> np.ndarray:
        return self.raw[self.offset : self.offset + self.nbytes]

    def check(self) -> None:
        before = self.raw[: self.offset]
        after = self.raw[self.offset + self.nbytes :]
        if not ((before == _GUARD_BYTE).all() and (after == _GUARD_BYTE).all()):
            raise FaultError("a kernel wrote outside of its array")


live: weakref.WeakValueDictionary[int, Allocation] = weakref.WeakValueDictionary()


def find(pointer: int, nbytes: int) -> Allocation:
    """Return the allocation that holds these bytes."""
    with _lock:
        allocations = list(live.values())
    for allocation in allocations:
        if allocation.start <= pointer and pointer + nbytes <= allocation.start + allocation.nbytes:
            return allocation
    raise FaultError(f"{nbytes} bytes at {pointer:#x} are not inside one allocation")


def touch(reads: list[Allocation], writes: list[Allocation]) -> None:
    """Account for one operation on the current stream; refuse a race or a wrong device."""
    with _lock:
        _touch(reads, writes)


def _touch(reads: list[Allocation], writes: list[Allocation]) -> None:
    stream = get_current_stream()
    time = stream.advance()
    if stream.ptr == 0 or not stream.non_blocking:
        _merge(stream.clock, _null[stream.device_id].clock)
    for allocation in (*reads, *writes):
        if allocation.device != local.devices[-1]:
            raise FaultError(
                f"memory of device {allocation.device} used on device {local.devices[-1]}"
            )
        if allocation.written is not None:
            writer, when = allocation.written
            if stream.clock.get(writer, 0) < when:
                raise FaultError("memory used before the stream that writes it was waited for")
    for allocation in writes:
        allocation.written = (stream.key, time)


class MemoryPool:
    def __init__(self, allocator: object = None) -> None:
        self.limit = 0
        self.used = 0
        self.peak = 0

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        self.limit = int(fraction * 2**30) if size is None else size

    def get_limit(self) -> int:
        return self.limit

    def used_bytes(self) -> int:
        return self.used

    def malloc(self, size: int) -> Allocation:
        if self.limit and self.used + size > self.limit:
            raise OutOfMemoryError(size, self.used, self.limit)
        allocation = Allocation(size)
        with _lock:
            self.used += size
            self.peak = max(self.peak, self.used)
        weakref.finalize(allocation, self._free, size)
        return allocation

    def _free(self, size: int) -> None:
        with _lock:
            self.used -= size


default_pool = MemoryPool()


def alloc(size: int) -> Allocation:
    return (local.allocators[-1] or default_pool.malloc)(size)


@contextmanager
def using_allocator(allocator=None):
    local.allocators.append(allocator)
    try:
        yield
    finally:
        local.allocators.pop()


def get_cublas_handle() -> int:
    if local.handle is None:
        local.handle = {"math": 0, "pointer": 0}
    return local.handle


def module(cublas: object) -> types.SimpleNamespace:
    runtime = types.SimpleNamespace(
        getDeviceCount=lambda: DEVICES,
        getDeviceProperties=lambda device: {"name": f"Simulated {device}".encode()},
        CUDARuntimeError=CUDARuntimeError,
    )
    return types.SimpleNamespace(
        Device=Device, Stream=Stream, Event=Event, MemoryPool=MemoryPool,
        using_allocator=using_allocator, get_current_stream=get_current_stream,
        get_cublas_handle=get_cublas_handle, cublas=cublas, runtime=runtime,
        memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        nvrtc=types.SimpleNamespace(getVersion=lambda: (12, 9)),
    )  # fmt: skip
