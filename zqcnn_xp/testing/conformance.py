"""What a conformance run finds: the error that prints its case, and the report of a good run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.testing.check_op import CheckError

__all__ = ["ConformanceError", "ConformanceReport", "Judge"]


class ConformanceError(CheckError):
    """A backend does not do what its contract says; the message holds the whole case."""


@dataclass(frozen=True)
class ConformanceReport:
    """What `check_backend` ran.

    Parameters
    ----------
    backend
        Its ``repr``.
    counts
        Comparisons made, by check.
    largest_error
        Over all comparisons, relative to the largest expected magnitude or 1.
    seconds
        Wall time.
    skipped
        What could not be checked here, and why.
    """

    backend: str
    counts: Mapping[str, int]
    largest_error: float
    seconds: float
    skipped: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Number of comparisons."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        """Return one line a check."""
        lines = [f"{self.backend} conforms: {self.total} comparisons in {self.seconds:.1f} s"]
        lines += [f"  {name}: {count}" for name, count in self.counts.items()]
        lines.append(f"  largest error: {self.largest_error:.2g}")
        return "\n".join([*lines, *(f"  skipped: {what}" for what in self.skipped)])


@dataclass
class Judge:
    """Compares, counts, and raises with everything that is needed to run the case again."""

    backend: Backend
    rtol: float
    counts: dict[str, int] = field(default_factory=dict)
    largest_error: float = 0.0
    skipped: list[str] = field(default_factory=list)

    def demand(self, holds: bool, check: str, case: Any, found: Any, expected: Any) -> None:
        """Count one comparison; raise unless it holds.

        Raises
        ------
        ConformanceError
            With the backend, the check, the case, what was found and what was expected.
        """
        if not holds:
            msg = (
                f"backend {self.backend!r} fails the check {check!r}\n"
                f"  case: {case}\n  found: {found}\n  expected: {expected}"
            )
            raise ConformanceError(msg)
        self.counts[check] = self.counts.get(check, 0) + 1

    def same(self, check: str, case: Any, y: Any, wish: NDArray[Any]) -> None:
        """Compare an array of the backend with NumPy's, by shape, dtype and value."""
        shape = tuple(int(size) for size in y.shape)
        self.demand(shape == wish.shape, check, case, f"shape {shape}", f"shape {wish.shape}")
        dtype = str(y.dtype).rpartition(".")[2]
        self.demand(dtype == "float32", check, case, f"dtype {dtype}", "dtype float32")
        found = self.backend.to_numpy(y)
        regular = np.isfinite(wish)
        kept = np.array_equal(found[~regular], wish[~regular], equal_nan=True)
        self.demand(kept, check, case, "other infinities or NaNs", "those of the reference")
        error = np.abs(found.astype(np.float64) - np.where(regular, wish, 0.0))
        error = np.where(regular, error, 0.0)
        scale = max(1.0, float(np.max(np.abs(wish[regular]), initial=0.0)))
        worst = float(np.max(error, initial=0.0)) / scale
        if not worst <= self.rtol:
            worst_at = np.argmax(np.nan_to_num(error, nan=np.inf))
            place = tuple(int(i) for i in np.unravel_index(worst_at, error.shape))
            self.demand(
                False,
                check,
                case,
                f"{found[place]!r} at {place} (storage order), an error of {worst:.3g}",
                f"{wish[place]!r}, within {self.rtol:g} of the largest magnitude {scale:.4g}",
            )
        self.largest_error = max(self.largest_error, worst)
