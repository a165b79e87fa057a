"""Where the levels of a pyramid lie in an image: what follows from the image's size alone.

A detector that sees frames of one size looks this up instead of computing it for every frame.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.vision.pyramid import mips_for, scales, scales_zqcnn
from zqcnn_xp.vision.resize import Taps, positions, taps

__all__ = ["Grid", "Grids", "grid_for", "scales_for"]

# Sizes of images remembered. The taps of one take 20 bytes for each row and column of its levels:
# about 100 kB for 1080p.
_MOST = 16


class Grid(NamedTuple):
    """Where the pixels of one level lie.

    Parameters
    ----------
    mip
        How often the image is halved before it is sampled.
    y, x
        Taps of the rows and columns, in the halved image.
    ratio
        (4,) pixels of the image in one of the level, along x, y, x, y: sides are rounded up, so
        that the two differ a little.
    """

    mip: int
    y: Taps
    x: Taps
    ratio: NDArray[np.floating]


def scales_for(width: int, height: int, options: Options) -> NDArray[np.floating]:
    """Return the scales of the levels; none for an image smaller than the P network's window.

    Examples
    --------
    >>> scales_for(48, 24, Options()).tolist(), scales_for(500, 11, Options()).tolist()
    ([0.6, 0.5], [])
    """
    window = options.pnet_size
    if min(width, height) < window:
        return np.empty(0)
    if not options.exact:
        smallest = int(options.min_face)
        return scales_zqcnn(width, height, smallest, window, big=options.big_faces)
    return scales(width, height, options.min_face, window, options.factor, big=options.big_faces)


def grid_for(
    width: int, height: int, scale: np.floating, options: Options, *, transposed: bool
) -> Grid:
    """Return the grid of a level: ceil(side * scale) pixels a side.

    Parameters
    ----------
    width, height
        Of the upright image.
    transposed
        Rows and columns of what is sampled are exchanged.

    Examples
    --------
    >>> found = grid_for(100, 60, np.float64(0.25), Options(), transposed=False)
    >>> found.mip, found.y.share.shape, found.x.share.shape, found.ratio.tolist()
    (2, (15,), (25,), [4.0, 4.0, 4.0, 4.0])
    """
    exact = options.exact
    number = np.float64 if exact else np.float32
    shape = (width, height) if transposed else (height, width)
    sides = tuple(math.ceil(number(side) * scale - (1e-9 if exact else 0)) for side in shape)
    mip = int(mips_for(max(shape), np.array(1 / float(scale)))) if exact else 0
    shrinks = all(new <= old for new, old in zip(sides, shape, strict=True))
    found = []
    for new, old in zip(sides, shape, strict=True):
        at = positions(new, old / 2**mip, accumulate=not exact and sides != shape)
        found.append(taps(at, -(-old // 2**mip), "edge" if exact or not shrinks else "zero"))
    tall, wide = sides[::-1] if transposed else sides
    ratio = [number(width) / number(wide), number(height) / number(tall)]
    return Grid(mip, found[0], found[1], np.array(ratio * 2, number))


class Grids:
    """The grids of all levels for images of any size, the sizes met last remembered.

    May be shared between threads.

    Examples
    --------
    >>> grids = Grids(Options(), transposed=False)
    >>> len(grids(48, 24)), grids(48, 24) is grids(48, 24)
    (2, True)
    """

    def __init__(self, options: Options, *, transposed: bool) -> None:
        def made(width: int, height: int) -> tuple[Grid, ...]:
            return tuple(
                grid_for(width, height, scale, options, transposed=transposed)
                for scale in scales_for(width, height, options)
            )

        self._made = lru_cache(_MOST)(made)

    def __call__(self, width: int, height: int) -> tuple[Grid, ...]:
        """Return the grids by descending scale."""
        return self._made(width, height)
