"""A strip of features, compared by bounds with blocks of others: by bytes, or in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.gallery.scanners import TooManyHits, find_scanner
from zqcnn_xp.gallery.sketches import Sketch, rounded_bytes
from zqcnn_xp.gallery.work import block_rows

__all__ = ["ByteStrip", "FloatStrip", "Strip", "strip_sizes"]

Floats = NDArray[np.float32]
Near = tuple[NDArray[np.int64], NDArray[np.int64]]

# Rows of a strip of bytes, and of the blocks that it is compared with: 16 million pairs a call,
# for which a strip of 8 MB of float32 is read once.
_BYTES, _VALUES, _BLOCK = 1 << 14, 1 << 21, 1 << 10
_FLOATS = 1 << 10
# Where products or their squares may overflow float32 no bound holds.
_LARGE = 1e15
# Of so many pairs one vector of scores may be kept; more is too many.
_ROOM, _LEAST_ROOM = 256, 1 << 12


class Strip(Protocol):
    """Features that blocks are compared with.

    Attributes
    ----------
    features
        (q, d) float32.
    """

    features: Floats

    @property
    def parallel(self) -> bool:
        """Whether several threads may compare with it at once, and gain by it."""

    def near(self, short: Floats, lengths: Floats, least: float, count: int) -> Near:
        """Return all pairs that may reach a score, and some that do not.

        Parameters
        ----------
        short, lengths
            (m, w) and (m,): sketches of a block, as `Sketch.of` has them; finite.
        least
            The score.
        count
            Compare with the first so many features of the strip.

        Returns
        -------
        query, row
            (h,) rows of the strip and of the block.

        Raises
        ------
        TooManyHits
            If there is no bound, or too many pass theirs.
        """


class ByteStrip:
    """A strip that is compared by products of bytes.

    Parameters
    ----------
    native
        A backend's scanner for ``"int8-pairs"``.
    sketch
        How features are made shorter.
    features
        (q, d) float32, finite.
    """

    parallel: ClassVar[bool] = True

    def __init__(self, native: Callable[..., Any], sketch: Sketch, features: Floats) -> None:
        self.features = features
        short, self.lengths = sketch.of(features)
        self.slack = sketch.slack
        self.longest = float(self.lengths.max(initial=0))
        if not self.longest <= _LARGE:
            short = np.zeros_like(short)  # sketches may be no numbers, and are not compared
        held = rounded_bytes(short)
        self.errors = held.errors
        self.scanner = native(held.values, held.scales)
        self.scanner.room = max(len(features) * _BLOCK // _ROOM, _LEAST_ROOM)

    def near(self, short: Floats, lengths: Floats, least: float, count: int) -> Near:
        """Return pairs whose products of bytes reach the score less what rounding took."""
        longest = float(lengths.max(initial=0))
        if longest > _LARGE or self.longest > _LARGE:
            raise TooManyHits("found features too long for a bound")
        held = rounded_bytes(short)
        lost = float(held.errors.max(initial=0))
        own, errors = self.lengths[:count], self.errors[:count]
        # |q.x - q'.x'| <= |q'| |x - x'| + |q - q'| |x|, and |q'| <= |q| + |q - q'|. The factor is
        # for the rounding of these lines, the last term for that of a score to float32.
        slack = (own + errors) * lost + errors * longest + own * (self.slack * longest)
        floors = least - slack * np.float32(1.0001) - (abs(least) * 2.0**-22 + 1e-37)
        query, row, _, _ = self.scanner(held.values, held.scales, floors.astype(np.float32))
        return query, row


class FloatStrip:
    """A strip that is compared in float32, on any backend.

    Parameters
    ----------
    backend
        Where products are computed.
    sketch, features
        As in `ByteStrip`.
    block
        Rows of a full block.
    """

    def __init__(self, backend: Backend, sketch: Sketch, features: Floats, block: int) -> None:
        self.features = features
        short, self.lengths = sketch.of(features)
        self.slack = sketch.slack
        self.longest = float(self.lengths.max(initial=0))
        found = find_scanner(backend, short, "float32", block)
        assert found is not None  # noqa: S101 - float32 is always served
        self.scanner = found
        self.parallel = found.parallel

    def near(self, short: Floats, lengths: Floats, least: float, count: int) -> Near:
        """Return pairs whose products reach the score less what rounding took."""
        longest = float(lengths.max(initial=0))
        if longest > _LARGE or self.longest > _LARGE:
            raise TooManyHits("found features too long for a bound")
        slack = self.slack
        if not self.scanner.bounded:
            # Four times the bound: matrix units that split float32 into shorter numbers need two.
            slack += 4 * (short.shape[1] + 2) * 2.0**-24
        # And what is below normal numbers, which libraries may take for zero.
        lost = short.shape[1] * 2.0**-126 * (1 + self.lengths + longest)
        floors = least - self.lengths * (slack * longest) * 1.0001 - lost
        floors = floors - (abs(least) * 2.0**-22 + 1e-37)
        query, row, _, _ = self.scanner(short, None, floors.astype(np.float32))
        keep = query < count
        return query[keep], row[keep]


def strip_sizes(dim: int, block: int | None, in_bytes: bool) -> tuple[int, int]:
    """Return rows of a strip, and of the blocks that it is compared with.

    Examples
    --------
    >>> strip_sizes(128, None, True), strip_sizes(512, None, True), strip_sizes(128, 7, False)
    ((16384, 1024), (4096, 1024), (1024, 7))
    """
    if not in_bytes:
        return _FLOATS, block_rows(_FLOATS, dim, block)
    high = min(max(_VALUES // max(dim, 1), _FLOATS), _BYTES)
    return high, _BLOCK if block is None else block_rows(high, dim, block)
