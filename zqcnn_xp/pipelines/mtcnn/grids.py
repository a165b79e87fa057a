"""Where the levels of a pyramid lie in an image: what follows from the image's size alone.

A detector that sees frames of one size looks this up instead of computing it for every frame.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.vision.pyramid import mips_for, scales, scales_zqcnn
from zqcnn_xp.vision.resize import Taps, positions, taps

__all__ = ["Grid", "Pyramid", "Pyramids", "Together", "grid_for", "pyramid_for", "scales_for"]

# Sizes of images remembered. One takes 20 bytes for each row and column of its levels and 16 for
# each pixel of the small ones: about a megabyte.
_MOST = 8
# Pixels of a level that counts as small; all small ones together may have twice as many.
_SMALL = 1 << 15


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


class Together(NamedTuple):
    """Small levels of one mip, sampled in one go: calls would cost more than their pixels.

    Parameters
    ----------
    mip
        How often the image is halved before it is sampled.
    levels
        Which levels, and where their pixels lie among those of all of them.
    places, x_share, y_share
        (pixels,) for `blend.blend_at`.
    """

    mip: int
    levels: tuple[tuple[int, slice], ...]
    places: NDArray[np.intp]
    x_share: NDArray[np.float32]
    y_share: NDArray[np.float32]


class Pyramid(NamedTuple):
    """All that the size of an image says about its levels.

    Parameters
    ----------
    grids
        One a level, by descending scale.
    together
        The small ones of them.
    heights, widths
        (levels,) of the upright levels, in pixels.
    ratios
        (levels, 4) of the grids.
    """

    grids: tuple[Grid, ...]
    together: tuple[Together, ...]
    heights: NDArray[np.intp]
    widths: NDArray[np.intp]
    ratios: NDArray[np.floating]


def pyramid_for(width: int, height: int, options: Options, *, transposed: bool) -> Pyramid:
    """Return the pyramid of an image of this size.

    Examples
    --------
    >>> found = pyramid_for(100, 60, Options(compat="zqcnn"), transposed=False)
    >>> found.widths.tolist(), [number for number, _ in found.together[0].levels]
    ([61, 43, 31, 22, 20], [0, 1, 2, 3, 4])
    """
    grids = tuple(
        grid_for(width, height, scale, options, transposed=transposed)
        for scale in scales_for(width, height, options)
    )
    sides = np.array([(g.y.share.size, g.x.share.size) for g in grids], np.intp).reshape(-1, 2)
    heights, widths = sides.T[::-1] if transposed else sides.T
    kind = np.float64 if options.exact else np.float32
    ratios: NDArray[Any] = np.array([g.ratio for g in grids], kind).reshape(-1, 4)
    size = (width, height) if transposed else (height, width)
    return Pyramid(grids, _together(grids, size), heights, widths, ratios)


def _together(grids: tuple[Grid, ...], size: tuple[int, int]) -> tuple[Together, ...]:
    """Collect the small levels by mip; ``size`` is that of the image to be sampled."""
    small: dict[int, list[int]] = {}
    pixels = 0
    for number, grid in reversed(list(enumerate(grids))):
        count = grid.y.share.size * grid.x.share.size
        if count > _SMALL or pixels + count > 2 * _SMALL:
            break
        if grid.x.outside is None and grid.y.outside is None:
            small.setdefault(grid.mip, []).append(number)
            pixels += count
    found = []
    for mip, numbers in small.items():
        places, x_share, y_share = [], [], []
        levels: list[tuple[int, slice]] = []
        end = 0
        for number in reversed(numbers):
            y, x = grids[number].y, grids[number].x
            stride = -(-size[1] // 2**mip)
            at = y.first[:, None] * stride + x.first
            places.append(at.ravel())
            x_share.append(np.broadcast_to(x.inside, at.shape).ravel())
            y_share.append(np.broadcast_to(y.inside[:, None], at.shape).ravel())
            levels.append((number, slice(end, end + at.size)))
            end += at.size
        joined = (np.concatenate(parts) for parts in (x_share, y_share))
        found.append(Together(mip, tuple(levels), np.concatenate(places), *joined))
    return tuple(found)


class Pyramids:
    """The pyramids of images of any size, the sizes met last remembered.

    May be shared between threads.

    Examples
    --------
    >>> pyramids = Pyramids(Options(), transposed=False)
    >>> len(pyramids(48, 24).grids), pyramids(48, 24) is pyramids(48, 24)
    (2, True)
    """

    def __init__(self, options: Options, *, transposed: bool) -> None:
        def made(width: int, height: int) -> Pyramid:
            return pyramid_for(width, height, options, transposed=transposed)

        self._made = lru_cache(_MOST)(made)

    def __call__(self, width: int, height: int) -> Pyramid:
        """Return the pyramid of a size."""
        return self._made(width, height)
