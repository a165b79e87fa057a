"""Memory that instructions refer to, before it has an address."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from copy import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from zqcnn_xp_llvm.kernels.base import Kernel
from zqcnn_xp_llvm.planner.layout import Layout
from zqcnn_xp_llvm.target import Target

__all__ = ["NOWHERE", "Buffer", "Instruction", "Place", "Pool", "Storage", "aligned", "instruction"]

ALIGNMENT = 64
# Zeros behind the last packed weight, which nothing reads: what a fault would meet first.
WEIGHT_SLACK = 256


@dataclass(frozen=True, eq=False)
class Buffer:
    """Memory of one kind.

    Parameters
    ----------
    kind
        ``"weights"`` (packed, fixed), ``"arena"`` (reused within a sample), ``"ring"`` (a
        thread's, some rows of maps), ``"scratch"`` (a
        thread's, reused by every few instructions), ``"value"`` (one array over the batch:
        inputs, outputs, what crosses phases), ``"nowhere"``.
    name
        Of the value, for messages.
    sample
        Bytes from one sample to the next.
    array
        The packed weights.
    """

    kind: Literal["weights", "arena", "ring", "scratch", "value", "nowhere"]
    name: str = ""
    sample: int = 0
    array: Any = None


NOWHERE = Buffer("nowhere")
Place = tuple[Buffer, int]
"""A buffer and bytes from its start."""


@dataclass(frozen=True, eq=False)
class Storage:
    """Where a value lies.

    Parameters
    ----------
    layout
        Its strides.
    buffer, start
        Its memory.
    """

    layout: Layout
    buffer: Buffer
    start: int = 0

    def at(self, row: int = 0, plane: int = 0, pixel: int = 0) -> Place:
        """Return the place of a pixel; rows and pixels of the border are negative or large."""
        lay = self.layout
        offset = row * lay.row + plane * lay.plane + pixel * lay.pixel
        return (self.buffer, self.start + lay.origin + offset)


@dataclass(frozen=True, eq=False)
class Instruction:
    """A kernel and what it is called with."""

    kernel: Kernel
    places: tuple[Place, ...]
    integers: tuple[int, ...]


def instruction(kernel: Kernel, places: dict[str, Place], integers: dict[str, int]) -> Instruction:
    """Return an instruction from arguments by name; pointers that are not used may be absent."""
    nothing = (NOWHERE, 0)
    return Instruction(
        kernel,
        tuple([places.get(name, nothing) for name in kernel.pointers]),
        tuple([integers.get(name, 0) for name in kernel.integers]),
    )


def aligned(size: int) -> np.ndarray[Any, Any]:
    """Return zeroed memory that starts on a cache line, as bytes."""
    whole = np.zeros(size + ALIGNMENT, np.uint8)
    start = -whole.ctypes.data % ALIGNMENT
    return whole[start : start + size]


class Pool:
    """Packed weights, each packing once.

    Parameters
    ----------
    target
        The processor they are packed for.
    exact
        Plain sums of products alone.
    cold
        The network's weights are so many that caches do not hold them from call to call.
    """

    transforms: Mapping[str, int] = MappingProxyType({})
    """Side of Winograd's tiles by name of the step, where a measurement has decided it."""

    def __init__(self, target: Target, *, exact: bool = False, cold: bool = False) -> None:
        self.target = target
        self.exact = exact
        self.cold = cold
        self._packed: dict[Hashable, Buffer] = {}
        self._lock = threading.Lock()

    def chosen(self, transforms: Mapping[str, int]) -> Pool:
        """Return a pool that shares this one's weights, with choices of its own."""
        if not transforms:
            return self
        made = copy(self)
        made.transforms = transforms
        return made

    def pack(self, key: Hashable, make: Callable[[], np.ndarray[Any, Any]]) -> Place:
        """Return where packed weights lie, packing them when they are first asked for."""
        # Programs hold addresses alone: each packing must be the only one of its key.
        with self._lock:
            found = self._packed.get(key)
            if found is None:
                made = np.ascontiguousarray(make(), np.float32).reshape(-1).view(np.uint8)
                held = aligned(made.size + WEIGHT_SLACK)
                held[: made.size] = made
                found = self._packed[key] = Buffer("weights", str(key), array=held)
        return (found, 0)

    @property
    def bytes(self) -> int:
        """Memory of all packed weights."""
        return sum(buffer.array.size for buffer in self._packed.values())
