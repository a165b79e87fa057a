"""OpenCV's affine warp as the fast path on the host, where it samples exactly.

OpenCV from 5.0 on samples at the exact place, as `zqcnn_xp.vision.warp` does; the two agree within
one grey level, whatever the image. Versions 4 round places to 1/32 pixel, which moves single values
of a sharp image by up to six grey levels. So OpenCV is asked once, with a small pattern, and where
it does not agree `zqcnn_xp.vision.warp_packed` is used: crops do not depend on the version that is
installed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.vision.opencv import opencv
from zqcnn_xp.vision.warp import place_crops, warp
from zqcnn_xp.vision.warp_parts import new_crops, parts

__all__ = ["opencv_is_exact", "warp_opencv"]


def warp_opencv(
    image: NDArray[np.uint8],
    to_image: NDArray[np.float64],
    size: tuple[int, int],
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Sample crops of one image bilinearly with ``cv2.warpAffine``; black beyond the image.

    OpenCV computes places in float32 from the image's origin. It is therefore given no more of the
    image than a crop covers, which keeps places exact in a huge one, and below the 32767 pixels
    that it takes.

    Parameters
    ----------
    image
        (H, W, 3) uint8, any colour order, C-contiguous.
    to_image
        (n, 2, 3) transforms from the crop to the image.
    size
        (height, width) of the crops.
    out
        Where to write, (n, height, width, 3) uint8, C-contiguous.

    Returns
    -------
    NDArray[uint8]
        ``out``, or a new array.

    Examples
    --------
    >>> image = np.zeros((2, 2, 3), np.uint8)
    >>> image[:, 1] = 200
    >>> half = np.array([[[1.0, 0, 0.5], [0, 1.0, 0]]])
    >>> warp_opencv(image, half, (2, 2))[0, ..., 0].tolist()
    [[100, 100], [100, 100]]
    """
    crops = new_crops(len(to_image), size, out)
    with opencv() as cv2:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for crop, matrix, part, first in parts(image, to_image, crops):
            moved = matrix.copy()
            moved[:, 2] -= first
            cv2.warpAffine(part, moved, size[::-1], crop, flags)
    return crops


@cache
def opencv_is_exact() -> bool:
    """Whether the installed OpenCV samples as `zqcnn_xp.vision.warp.warp` does.

    Examples
    --------
    >>> opencv_is_exact() in (True, False)
    True
    """
    from array_api_compat import numpy as xp

    side = 48
    # Neighbours that differ as much as possible show where a place was rounded.
    pattern = (np.arange(side * side * 3).reshape(side, side, 3) * 89 % 256).astype(np.uint8)
    turn = np.array([[[0.9, 0.37, -3.3], [-0.37, 0.9, 11.7]], [[0.3, 0.0, 4.011], [0, 0.3, 9.02]]])
    size = (40, 56)
    place = place_crops([(side, side)], np.zeros(2, np.intp), turn, size)
    own: Any = warp(xp, pattern.reshape(-1, 3), place, size)
    theirs = warp_opencv(pattern, turn, size)
    return bool(np.abs(own.astype(np.int16) - theirs).max() <= 1)
