"""Image pyramids: the scales at which a small network looks for objects of all sizes.

A network that sees ``window`` pixels finds objects of ``window / scale`` pixels in an image
resized by ``scale``. `Mipmaps` keeps an image's halves, so that strong reductions average all
pixels instead of skipping most of them.
"""

from __future__ import annotations

import math
import threading

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.packed import Words, halve

__all__ = ["Mipmaps", "mips_for", "scales", "scales_zqcnn"]

_F = np.float32


def scales(
    width: int, height: int, min_object: float, window: int, factor: float, *, big: bool = False
) -> NDArray[np.float64]:
    """Return the scales from the finest to the one at which the window covers the short side.

    Parameters
    ----------
    width, height
        Image size in pixels.
    min_object
        Smallest object in pixels; below ``window`` it counts as ``window``.
    window
        Side of what the network sees, in pixels.
    factor
        Ratio of neighbouring scales, between 0 and 1.
    big
        Add scales near the coarsest, two pixels of the short side apart, for objects that
        fill the image.

    Returns
    -------
    ndarray
        (n,) descending; the last is ``window / min(width, height)``.

    Raises
    ------
    InputError
        For sizes below 1 or a factor outside (0, 1).

    Examples
    --------
    >>> scales(100, 60, 20, 12, 0.5).round(3).tolist()
    [0.6, 0.3, 0.2]
    """
    if min(width, height, window) < 1 or not 0 < factor < 1:
        msg = (
            f"found sizes {width}x{height}, window {window}, factor {factor}; expected sizes of 1 "
            "or more and a factor between 0 and 1"
        )
        raise InputError(msg)
    short = min(width, height)
    last = window / short
    first = window / max(min_object, window)
    # The tolerance keeps a scale that equals the last but for rounding from being doubled.
    steps = math.log(last / first) / math.log(factor) if last < first else 0.0
    count = max(0, math.ceil(steps - 1e-9))
    out = first * factor ** np.arange(count)
    if big and count:
        sides = np.arange(math.ceil(out[-1] * short) - 1, window, -2)
        out = np.concatenate([out, sides[sides > window] / short])
    return np.append(out, last)


def scales_zqcnn(
    width: int, height: int, min_object: int, window: int, *, big: bool = False
) -> NDArray[np.float32]:
    """Return ZQCNN's scales: always a factor of 0.709, summed up in float32.

    Parameters
    ----------
    width, height, min_object, window, big
        As for `scales`.

    Examples
    --------
    >>> [round(float(scale), 3) for scale in scales_zqcnn(100, 60, 20, 12)]
    [0.6, 0.425, 0.302, 0.214, 0.2]
    """
    short = _F(min(width, height))
    side = _F(max(window, min_object))
    scale = _F(window) / side
    reach = short * scale
    out: list[np.float32] = []
    while reach > window:
        out.append(scale)
        scale = scale * _F(0.709)
        reach = reach * _F(0.709)
    last = _F(window) / short
    if not big:
        return np.array([*out, last], _F)
    out = [s for s in out if math.ceil(s * short) > window]
    if len(out) > 2:
        out.pop()
    if out:
        begin = math.ceil(out[-1] * short)
        out += [_F(n) / short for n in range(begin - 1, window, -2)]
    return np.array([*out, last], _F)


def mips_for(side: int, reductions: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return how often to halve an image so that what is left of a reduction shrinks it by 1 to 2.

    Parameters
    ----------
    side
        The longer one of the image, in pixels: never is it halved more often than leaves one.
    reductions
        Factors by which it shrinks, any shape.

    Examples
    --------
    >>> mips_for(9, np.array([0.1, 3.9, 4.0, 1e9])).tolist()
    [0, 1, 2, 4]
    """
    wanted = np.floor(np.log2(np.maximum(reductions, 1)) + 1e-9).astype(np.intp)
    mips: NDArray[np.intp] = np.minimum(wanted, max(0, side - 1).bit_length())
    return mips


class Mipmaps:
    """An image and, made when first asked for, its halves; safe to share between threads.

    Parameters
    ----------
    base
        (H, W) packed pixels.

    Examples
    --------
    >>> maps = Mipmaps(np.zeros((9, 6), np.uint32))
    >>> maps[0].shape, maps[1].shape, maps[2].shape
    ((9, 6), (5, 3), (3, 2))
    >>> maps.level_for(3.9), maps.level_for(4.0), maps.level_for(1e9)
    (1, 2, 4)
    """

    def __init__(self, base: Words) -> None:
        self._levels = [base]
        self._lock = threading.Lock()
        self.top: int = max(0, max(base.shape) - 1).bit_length()
        self._side = max(base.shape)

    def __getitem__(self, level: int) -> Words:
        """Return the image halved ``level`` times, (ceil(H / 2**level), ...)."""
        if not level:
            return self._levels[0]
        with self._lock:
            while len(self._levels) <= level:
                self._levels.append(halve(self._levels[-1]))
            return self._levels[level]

    def level_for(self, reduction: float) -> int:
        """Return the level from which a reduction by this factor shrinks by 1 to 2."""
        return int(mips_for(self._side, np.array(reduction)))
