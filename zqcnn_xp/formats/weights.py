"""Weights in the order in which a network reads them: from the bytes of a file, or random.

The file holds float32, little-endian; shapes come from elsewhere. Every count is compared with
the bytes that remain, in Python integers, before an array is made.
"""

from __future__ import annotations

import re
import warnings
from math import prod, sqrt
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError, TrailingWeightsWarning
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.place import Place
from zqcnn_xp.formats.source import Source

__all__ = ["FileWeights", "RandomWeights", "WeightStream", "random_weights"]

_DENORMAL = float(np.finfo(np.float32).tiny)
_RANDOM = re.compile(r"random(?::([0-9]{1,9}))?")


class WeightStream(Protocol):
    """Where a reader takes weights from, one array after the other."""

    def take(
        self, record: Place, name: str, shape: tuple[int, ...], *, cut: bool = True
    ) -> NDArray[np.float32]:
        """Return the next array."""
        ...

    def finish(self) -> None:
        """Say that the network wants no more."""
        ...


class FileWeights:
    """Arrays from the bytes of a file.

    Parameters
    ----------
    source
        The file.
    cut
        Values of a smaller magnitude become 0. The default is the smallest normal float32:
        denormal numbers slow a CPU down a hundredfold and carry no information.
    limits
        ``max_tensors`` and ``max_elements`` are checked here.
    offset
        Where the first array starts: the size of a header.
    """

    def __init__(self, source: Source, cut: float | None, limits: Limits, offset: int = 0) -> None:
        self.source = source
        self.cut = _DENORMAL if cut is None else cut
        self.limits = limits
        self.offset = offset
        self.tensors = 0

    def take(
        self, record: Place, name: str, shape: tuple[int, ...], *, cut: bool = True
    ) -> NDArray[np.float32]:
        """Return the next ``prod(shape)`` floats.

        Raises
        ------
        FormatError
            If fewer remain; names the layer, its line and the byte offset.
        """
        count = prod(shape)
        remaining = len(self.source.data) - self.offset
        if 4 * count > remaining:
            raise FormatError(
                self.source.name,
                f"byte {self.offset}",
                f"{remaining:,} bytes for {name!r} of layer {record.name!r} "
                f"({record.kind}, {record.file} line {record.line})",
                f"{4 * count:,} bytes for shape {shape}",
            )
        self.tensors += 1
        _check_count(record, name, count, self.tensors, self.limits)
        flat = np.frombuffer(self.source.data, "<f4", count, self.offset).astype(np.float32)
        self.offset += 4 * count
        if cut and self.cut > 0:
            flat[np.abs(flat) < self.cut] = 0
        return flat.reshape(shape)

    def finish(self) -> None:
        """Warn where bytes are left over.

        Warns
        -----
        TrailingWeightsWarning
            With the size of the rest.
        """
        rest = len(self.source.data) - self.offset
        if rest:
            floats, odd = divmod(rest, 4)
            size = f"{floats:,} floats" + (f" and {odd} bytes" if odd else "")
            msg = (
                f"{self.source.name}: {size} ({rest:,} bytes) after byte {self.offset} are not "
                "used; the text file may have layers commented out, or belong to other weights"
            )
            warnings.warn(msg, TrailingWeightsWarning, stacklevel=2)


class RandomWeights:
    """Seeded stand-ins of a plausible size, for shapes and speed where there is no file.

    Kernels are normal with variance 2 / fan-in (He et al. 2015), means and biases near 0,
    variances and scales near 1, slopes 0.25, so that activations neither vanish nor overflow.
    """

    def __init__(self, seed: int, limits: Limits) -> None:
        self.rng = np.random.default_rng(seed)
        self.limits = limits
        self.bytes = 0
        self.tensors = 0

    def take(
        self, record: Place, name: str, shape: tuple[int, ...], *, cut: bool = True
    ) -> NDArray[np.float32]:
        """Return random numbers in ``shape``."""
        count = prod(shape)
        self.bytes += 4 * count
        self.tensors += 1
        _check_count(record, name, count, self.tensors, self.limits)
        if self.bytes > self.limits.max_file:
            raise record.error(
                f"{self.bytes:,} bytes of weights up to here",
                f"at most {self.limits.max_file:,} (Limits.max_file)",
            )
        if name.endswith("weight"):
            noise = self.rng.standard_normal(shape, dtype=np.float32)
            return noise * np.float32(sqrt(2 / max(prod(shape[1:]), 1)))
        if name == "slope":
            return np.full(shape, 0.25, np.float32)
        centre = 0.0 if name.endswith(("bias", "mean")) else 1.0
        noise = self.rng.uniform(-0.1, 0.1, shape).astype(np.float32)
        return noise + np.float32(centre)

    def finish(self) -> None:
        """Nothing can be left over."""


def random_weights(source: Any, limits: Limits) -> RandomWeights | None:
    """Return random weights if ``source`` is ``"random"`` or ``"random:SEED"``, else None.

    Examples
    --------
    >>> random_weights("model.bin", Limits()) is None
    True
    """
    match = _RANDOM.fullmatch(source) if isinstance(source, str) else None
    return RandomWeights(int(match[1] or 0), limits) if match else None


def _check_count(record: Place, name: str, count: int, tensors: int, limits: Limits) -> None:
    if count > limits.max_elements:
        found = f"{count:,} elements in {name!r} of layer {record.name!r}"
        raise record.error(found, f"at most {limits.max_elements:,} (Limits.max_elements)")
    if tensors > limits.max_tensors:
        found = f"more than {limits.max_tensors:,} weight arrays"
        raise record.error(found, "fewer (Limits.max_tensors)")
