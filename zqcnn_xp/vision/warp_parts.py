"""What the warps on the host share: the crops to fill, each with the part of the image it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.vision.warp import covered

__all__ = ["Part", "new_crops", "parts"]


class Part(NamedTuple):
    """A crop to fill.

    Attributes
    ----------
    crop
        (height, width, 3) uint8, to be written.
    matrix
        (2, 3) float64, from the crop to the image.
    image
        (h, w, 3) uint8, the part of the image that the crop may touch; neither side is 0.
    first
        x, y of that part's first pixel in the image.
    """

    crop: NDArray[np.uint8]
    matrix: NDArray[np.float64]
    image: NDArray[np.uint8]
    first: tuple[int, int]


def new_crops(
    count: int, size: tuple[int, int], out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return ``out``, or where that is None (count, height, width, 3) uint8 of any values.

    Examples
    --------
    >>> new_crops(2, (4, 3)).shape
    (2, 4, 3, 3)
    """
    return np.empty((count, *size, 3), np.uint8) if out is None else out


def parts(
    image: NDArray[np.uint8], to_image: NDArray[np.float64], crops: NDArray[np.uint8]
) -> Iterator[Part]:
    """Yield each crop that shows some of an image; those beside it are made black.

    Parameters
    ----------
    image
        (H, W, 3) uint8.
    to_image
        (n, 2, 3) transforms from the crop to the image.
    crops
        (n, height, width, 3) uint8.

    Yields
    ------
    Part
        In order.

    Examples
    --------
    >>> crops = new_crops(2, (2, 2))
    >>> inside, beside = [[1.0, 0, 4], [0, 1, 4]], [[1.0, 0, 90], [0, 1, 4]]
    >>> (one,) = parts(np.zeros((9, 9, 3), np.uint8), np.array([inside, beside]), crops)
    >>> one.image.shape, one.first, int(crops[1].max())
    ((6, 6, 3), (2, 2), 0)
    """
    size = (crops.shape[1], crops.shape[2])
    low, high = covered(to_image, size, (image.shape[0], image.shape[1]))
    for crop, matrix, (x1, y1), (x2, y2) in zip(
        crops, to_image, low.tolist(), high.tolist(), strict=True
    ):
        if x2 <= x1 or y2 <= y1:
            crop[...] = 0
        else:
            yield Part(crop, matrix, image[y1:y2, x1:x2], (x1, y1))
