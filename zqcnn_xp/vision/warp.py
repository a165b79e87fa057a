"""Affine crops of many images at once, written once against the Array API.

The images lie one after the other in one buffer of pixels, whatever their sizes. Each crop knows
where its image starts and how large that is, so that all crops of all images are one gather. The
result is the bilinear sample at the exact place, rounded once; beyond an image everything is black.

Places are computed in float32, which backends without float64 have as well, and relative to the
middle of the crop, so that they are as exact at the far corner of a huge image as near its origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

__all__ = ["Placement", "covered", "place_crops", "warp"]

# Beyond this many pixels from its middle no crop reaches; it keeps sums within int32.
_FAR = 2.0**29
_MARGIN = 2  # pixels around what a crop covers: neighbours, and rounding


class Placement(NamedTuple):
    """Where crops lie in a buffer of pixels; one entry for each of n crops.

    Parameters
    ----------
    first
        (n,) int32 index of the first pixel of the crop's image.
    size
        (n, 2) int32 height and width of that image.
    middle
        (n, 2) int32 x, y of the pixel next to the middle of the crop.
    steps
        (n, 2, 3) float32: ``place = middle + steps[:, :2] @ (x, y) + steps[:, 2]``, where x and y
        are counted from the middle of the crop.
    """

    first: Any
    size: Any
    middle: Any
    steps: Any


def place_crops(
    sizes: Sequence[tuple[int, int]],
    which: NDArray[np.integer],
    to_image: NDArray[np.float64],
    size: tuple[int, int],
) -> Placement:
    """Lay out crops for `warp`, in NumPy and float64.

    Parameters
    ----------
    sizes
        (height, width) of the images that lie in the buffer, in their order.
    which
        (n,) the image of each crop.
    to_image
        (n, 2, 3) transforms from the crop to its image.
    size
        (height, width) of the crops.

    Raises
    ------
    InputError
        If the buffer would have 2**31 pixels or more.

    Examples
    --------
    >>> half = np.array([[[0.5, 0, 0], [0, 0.5, 1]]])
    >>> place = place_crops([(4, 4), (6, 8)], np.array([1]), half, (3, 3))
    >>> place.first.tolist(), place.middle.tolist(), place.steps[0, :, 2].tolist()
    ([16], [[0, 2]], [0.5, -0.5])
    """
    shapes = np.array(sizes, np.int64).reshape(-1, 2)
    starts = np.concatenate([[0], np.cumsum(shapes[:, 0] * shapes[:, 1])])
    if starts[-1] >= 2**31:
        raise InputError(f"found {starts[-1]} pixels in all images, expected fewer than 2**31")
    centre = (np.array(size[::-1], np.float64) - 1) / 2
    at = to_image[:, :, :2] @ centre + to_image[:, :, 2]
    middle = np.clip(np.rint(at), -_FAR, _FAR)
    steps = np.concatenate([to_image[:, :, :2], (at - middle)[..., None]], axis=2)
    return Placement(
        starts[:-1][which].astype(np.int32),
        shapes[which].astype(np.int32),
        middle.astype(np.int32),
        steps.astype(np.float32),
    )


def covered(
    to_image: NDArray[np.float64], size: tuple[int, int], image: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the part of an image that each crop may touch.

    Parameters
    ----------
    to_image
        (n, 2, 3) transforms from the crop to the image.
    size, image
        (height, width) of the crops, and of the image.

    Returns
    -------
    tuple
        (n, 2) first and (n, 2) past the last x, y; equal in x or y where a crop lies outside.

    Examples
    --------
    >>> low, high = covered(np.array([[[2.0, 0, 3], [0, 2.0, 0]]]), (3, 3), (90, 100))
    >>> low.tolist(), high.tolist()
    ([[1, 0]], [[10, 7]])
    """
    right, bottom = size[1] - 1, size[0] - 1
    corners = np.array([[0, right, 0, right], [0, 0, bottom, bottom]], np.float64)
    at = to_image[:, :, :2] @ corners + to_image[:, :, 2:]
    sides = np.array(image[::-1], np.float64)
    low = np.clip(np.floor(at.min(axis=2)) - _MARGIN, 0, sides)
    high = np.clip(np.ceil(at.max(axis=2)) + _MARGIN + 1, 0, sides)
    return low.astype(np.int64), high.astype(np.int64)


def warp(xp: Any, pixels: Any, place: Placement, size: tuple[int, int]) -> Any:
    """Sample crops bilinearly.

    All shapes follow from those of the arguments, so that the function can be traced.

    Parameters
    ----------
    xp
        An Array API namespace.
    pixels
        (P, 3) uint8: the pixels of all images, row by row, image after image, in any colour order;
        P at least 1.
    place
        Where the crops lie, as arrays of ``xp``.
    size
        (height, width) of the crops.

    Returns
    -------
    array
        (n, height, width, 3) uint8, in the colour order of ``pixels``.

    Examples
    --------
    >>> import array_api_compat.numpy as xp
    >>> image = np.array([[0, 100], [200, 60]], np.uint8)
    >>> pixels = np.repeat(image.reshape(-1, 1), 3, axis=1)
    >>> half = np.array([[[1.0, 0, 0.5], [0, 1.0, 0]]])
    >>> place = place_crops([image.shape], np.array([0]), half, (2, 2))
    >>> warp(xp, pixels, place, (2, 2))[0, ..., 0].tolist()
    [[50, 50], [130, 30]]
    """
    from array_api_compat import device

    height, width = size
    home = device(pixels)
    count = place.first.shape[0]

    def grid(length: int, shape: tuple[int, ...]) -> Any:
        line = xp.arange(length, dtype=xp.float32, device=home) - (length - 1) / 2
        return xp.reshape(line, shape)

    def column(values: Any) -> Any:
        return xp.reshape(values, (count, 1, 1))

    across, down = grid(width, (1, 1, width)), grid(height, (1, height, 1))
    lower: list[Any] = []
    share: list[Any] = []
    for axis in (0, 1):
        by_x, by_y, rest = (column(place.steps[:, axis, k]) for k in (0, 1, 2))
        offset = xp.clip(by_x * across + by_y * down + rest, -_FAR, _FAR)
        whole = xp.floor(offset)
        share.append(offset - whole)
        lower.append(xp.astype(whole, xp.int32) + column(place.middle[:, axis]))

    sides = (column(place.size[:, 1]), column(place.size[:, 0]))
    first = column(place.first)
    total: Any = None
    for below in (0, 1):
        row, row_share = _neighbour(xp, lower[1], share[1], sides[1], below)
        line = first + row * sides[0]
        for right in (0, 1):
            at, at_share = _neighbour(xp, lower[0], share[0], sides[0], right)
            index = xp.reshape(line + at, (-1,))
            values = xp.astype(xp.take(pixels, index, axis=0), xp.float32)
            values = xp.reshape(values, (count, height, width, 3))
            part = values * xp.reshape(row_share * at_share, (count, height, width, 1))
            total = part if total is None else total + part
    return xp.astype(xp.round(total), xp.uint8)


def _neighbour(xp: Any, lower: Any, share: Any, side: Any, upper: int) -> tuple[Any, Any]:
    """Return a neighbour's row or column, moved into the image, and its share, 0 outside."""
    at = lower + upper
    inside = xp.astype((at >= 0) & (at < side), xp.float32)
    weight = share if upper else 1 - share
    # Two comparisons instead of a clip: the bound is an array.
    at = xp.where(at < 0, xp.zeros_like(at), at)
    return xp.where(at < side, at, side - 1), weight * inside
