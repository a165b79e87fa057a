"""What can be set on a detector, checked once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, Literal

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.blur import blur_rule
from zqcnn_xp.vision.nms_grid import Stencil, stencil

__all__ = ["Blur", "Options"]

Blur = tuple[int, float]


def _numbers(name: str, values: Any, low: float, high: float) -> tuple[float, float, float]:
    try:
        found = tuple(float(v) for v in values)
    except (TypeError, ValueError):
        found = ()
    if len(found) != 3 or not all(low <= v <= high for v in found):
        raise InputError(f"{name}={values!r}: expected three numbers from {low:g} to {high:g}")
    return found


def _number(value: Any) -> float:
    """Return a real number as it is, and NaN, which is in no range, for anything else."""
    return float(value) if isinstance(value, Real) else math.nan


def _integer(name: str, value: Any, low: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < low:
        raise InputError(f"{name}={value!r}: expected an integer of at least {low}")
    return int(value)


@dataclass(frozen=True)
class Options:
    """Settings of a detector; `MTCNN` explains them.

    Examples
    --------
    >>> Options(compat="zqcnn").overlap_count, Options().overlap_count
    (4, 0)
    >>> Options(thresholds=(0.6, 0.7))
    Traceback (most recent call last):
    zqcnn_xp.errors.InputError: thresholds=(0.6, 0.7): expected three numbers from 0 to 1
    """

    min_face: float = 20
    thresholds: Sequence[float] = (0.6, 0.7, 0.7)
    nms_thresholds: Sequence[float] | None = None
    nms_per_scale: float | None = None
    factor: float = 0.709
    pnet_size: int = 12
    pnet_stride: int = 2
    overlap_count: int | None = None
    big_faces: bool = False
    limits: Sequence[int | None] = (None, None, None)
    early_accept: float | None = None
    compat: Literal["zqcnn"] | None = None
    threads: int = 1
    block: int | None = None
    blur: Literal["auto"] | Blur | None = None
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        if self.compat not in (None, "zqcnn"):
            raise InputError(f"compat={self.compat!r}: expected None or 'zqcnn'")
        put(self, "pnet_size", _integer("pnet_size", self.pnet_size, 2))
        put(self, "pnet_stride", _integer("pnet_stride", self.pnet_stride, 1))
        put(self, "threads", _integer("threads", self.threads, 1))
        if self.block is not None:
            put(self, "block", _integer("block", self.block, 4 * self.pnet_size))
        if self.max_pixels is not None:
            put(self, "max_pixels", _integer("max_pixels", self.max_pixels, 1))
        if not 1 <= _number(self.min_face) < math.inf:
            raise InputError(f"min_face={self.min_face!r}: expected pixels, 1 or more")
        if not 0.1 <= _number(self.factor) <= 0.97:
            raise InputError(f"factor={self.factor!r}: expected a number from 0.1 to 0.97")
        put(self, "thresholds", _numbers("thresholds", self.thresholds, 0, 1))
        nms = self.nms_thresholds
        if nms is None:
            nms = (0.7, 0.7, 0.7) if self.compat is None else (0.4, 0.5, 0.5)
        put(self, "nms_thresholds", _numbers("nms_thresholds", nms, 0, 10))
        self._set_nms()
        self._set_limits()
        if self.early_accept is not None and not _number(self.early_accept) >= 0:
            raise InputError(f"early_accept={self.early_accept!r}: expected a score or None")
        if self.blur not in (None, "auto"):
            put(self, "blur", _kernel(self.blur))

    def _set_nms(self) -> None:
        count, share = self.overlap_count, self.nms_per_scale
        if count is None:
            count = 0 if self.compat is None else 4
        if share is None:
            share = 0.5
            if self.compat is not None:
                share = 0.45 if (self.pnet_size, self.pnet_stride) == (20, 4) else 0.495
        if not 0 <= _number(share) <= 10:
            raise InputError(f"nms_per_scale={share!r}: expected a number from 0 to 10")
        object.__setattr__(self, "overlap_count", _integer("overlap_count", count, 0))
        object.__setattr__(self, "nms_per_scale", float(share))

    def _set_limits(self) -> None:
        limits = self.limits
        if not isinstance(limits, Sequence) or len(limits) != 3:
            raise InputError(f"limits={limits!r}: expected three integers or None")
        # 0 is the original's way to say none.
        checked = tuple(_integer("limits", n, 0) if n is not None else 0 for n in limits)
        object.__setattr__(self, "limits", tuple(n or None for n in checked))

    @property
    def exact(self) -> bool:
        """Whether the mathematically right rules hold, not the original's."""
        return self.compat is None

    @property
    def smallest(self) -> float:
        """Side of the smallest face looked for: one the P network's window can hold."""
        return max(self.min_face, self.pnet_size)

    def threshold(self, stage: int) -> float:
        """Least score of a stage; the original takes none below 0.1."""
        value = self.thresholds[stage]
        return value if self.exact else max(value, 0.1)

    @cached_property
    def near(self) -> Stencil:
        """Where the cells lie that a better one beside them suppresses within a level."""
        share = self.nms_per_scale or 0.0
        return stencil(self.pnet_size, self.pnet_stride, share, compat=self.compat)

    def blur_for(self, width: int, height: int) -> Blur | None:
        """Return the kernel side and sigma of the blur for an image of this size."""
        if self.blur != "auto":
            return self.blur
        return blur_rule(width, height) if self.min_face <= 40 else None


def _kernel(blur: Any) -> Blur:
    try:
        side, sigma = blur
        good = int(side) == side and int(side) % 2 == 1 and 1 <= side <= 99 and 0 < sigma < 100
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InputError(f"blur={blur!r}: expected None, 'auto' or (odd kernel side, sigma)")
    return int(side), float(sigma)
