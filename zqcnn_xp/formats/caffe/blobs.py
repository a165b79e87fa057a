"""Weights by layer name, from a .caffemodel (or the text form of one)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats.caffe.layer import Layer
from zqcnn_xp.formats.caffe.message import Message
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.weights import RandomWeights

__all__ = ["Blobs", "blob_shape"]

_DIM_MAX = (1 << 31) - 1


class Blobs:
    """Arrays by layer name and place.

    Parameters
    ----------
    layers
        Layers of the weight file.
    file
        Its name.
    limits
        ``max_tensors`` and ``max_elements`` are checked here.
    random
        Makes arrays where there is no file.
    """

    def __init__(
        self,
        layers: Iterable[Message],
        file: str,
        limits: Limits,
        random: RandomWeights | None = None,
    ) -> None:
        self.file = file
        self.limits = limits
        self.random = random
        self.tensors = 0
        self.used: set[str] = set()
        self.blobs: dict[str, list[Message]] = {}
        self.holders: dict[str, Message] = {}
        for layer in layers:
            found, name = layer.messages("blobs"), layer.text("name")
            if not found:
                continue
            if name in self.blobs:
                raise layer.error(f"a second layer {name!r} with weights", "different names")
            self.blobs[name] = found
            self.holders[name] = layer

    def shape(self, layer: Layer, index: int) -> tuple[int, ...] | None:
        """Return the shape of a blob, None where there is none."""
        found = self.blobs.get(layer.name, [])
        return blob_shape(found[index]) if index < len(found) else None

    def expect(self, layer: Layer, count: int) -> None:
        """Refuse another number of blobs than the layer's type has.

        Raises
        ------
        FormatError
            Naming the layer in both files.
        """
        if self.random is not None:
            return
        found = self.blobs.get(layer.name)
        if found is None:
            if count:
                what = f"{layer.label}, of which {self.file} has no weights"
                raise layer.error(what, f"a layer of this name with {count} blobs")
            return
        self.used.add(layer.name)
        if len(found) != count:
            what = f"{len(found)} blobs of {layer.label} ({layer.file} line {layer.line})"
            raise self.holders[layer.name].error(what, f"{count}")

    def take(
        self, layer: Layer, index: int, role: str, shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """Return a blob of a layer.

        Ones in front of a shape do not count: old files write a bias as (1, 1, 1, O).

        Raises
        ------
        FormatError
            If it is not there, has another shape or not as many numbers.
        """
        if self.random is not None:
            return self.random.take(layer, role, shape)
        message = self.blobs[layer.name][index]
        what = f"{role} of {layer.label} ({layer.file} line {layer.line})"
        found = blob_shape(message)
        if _stripped(found) != _stripped(shape):
            raise message.error(f"shape {found} for the {what}", f"{shape}")
        self.tensors += 1
        count = prod(shape)
        if self.tensors > self.limits.max_tensors or count > self.limits.max_elements:
            bounds = f"{self.limits.max_tensors:,} arrays of {self.limits.max_elements:,} elements"
            raise message.error(f"{what}: too large a network", f"at most {bounds} (Limits)")
        numbers = _numbers(message)
        if numbers.size != count:
            raise message.error(f"{numbers.size:,} numbers in the {what}", f"{count:,}")
        return numbers.reshape(shape)

    def finish(self, dropped: Iterable[str]) -> None:
        """Warn of weights that no layer took, but those of layers left out on purpose.

        Warns
        -----
        TrailingWeightsWarning
            With the layers' names.
        """
        rest = [name for name in self.blobs if name not in self.used and name not in set(dropped)]
        if rest:
            listed = ", ".join(repr(name) for name in rest[:5]) + (" ..." if rest[5:] else "")
            msg = (
                f"{self.file}: weights of {len(rest)} layers are not used ({listed}); the network "
                "may be a part of the one that was trained, or belong to other weights"
            )
            warnings.warn(msg, TrailingWeightsWarning, stacklevel=2)


def blob_shape(message: Message) -> tuple[int, ...]:
    """Return the shape that a blob states, in the new form or the old one of four sizes."""
    if message.has("num", "channels", "height", "width"):
        sizes = ("num", "channels", "height", "width")
        return tuple(message.integer(size, 0, 0, _DIM_MAX) for size in sizes)
    return message.message("shape").integers("dim", 0, _DIM_MAX)


def _stripped(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((k for k, size in enumerate(shape) if size != 1), len(shape))
    return shape[first:]


def _numbers(message: Message) -> NDArray[np.float32]:
    if message.has("raw_data"):
        raise message.error("weights in raw_data (NVIDIA Caffe)", "weights in data")
    name = "double_data" if message.has("double_data") else "data"
    parts: list[Any] = []
    for field in message.all(name):
        whole = isinstance(field.value, np.ndarray)
        parts.append(
            field.value
            if whole
            else Message("?", message.origin, field.position, [field]).numbers(name, finite=False)
        )
    with np.errstate(over="ignore"):
        arrays = [np.asarray(part, dtype=np.float32).reshape(-1) for part in parts]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.float32)
