"""Crops from whatever they come in, gathered into batches of one size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.vision.io import read_image
from zqcnn_xp.vision.pixels import check_color, is_array

__all__ = ["crop_batches"]

Crops = NDArray[np.uint8]


def crop_batches(
    crops: Any, size: tuple[int, int], count: int, *, color: str = "rgb", resize: bool = False
) -> Iterator[Crops]:
    """Yield crops in batches, in order; what is lazy is read batch by batch.

    Parameters
    ----------
    crops
        (n, height, width, 3) uint8; or one crop, or an iterable of crops, each of anything that
        `zqcnn_xp.vision.io.read_image` takes.
    size
        (height, width) that they have to have.
    count
        Crops of a batch; the last may have fewer.
    color
        Channel order of arrays, ``"rgb"`` or ``"bgr"``.
    resize
        Bring crops of another size to this one, instead of refusing them.

    Yields
    ------
    NDArray[uint8]
        (m, height, width, 3) RGB, 1 <= m <= ``count``.

    Raises
    ------
    InputError
        A crop of another size, or what is no crop.
    ImageError
        A crop that cannot be read.

    Examples
    --------
    >>> [batch.shape[0] for batch in crop_batches(np.zeros((5, 8, 8, 3), np.uint8), (8, 8), 2)]
    [2, 2, 1]
    """
    check_color(color)
    if is_array(crops) and len(getattr(crops, "shape", ())) == 4 and crops.shape[0]:
        crops = _on_host(crops)
    if isinstance(crops, np.ndarray) and crops.ndim == 4:
        yield from _slices(crops, size, count, color, resize)
        return
    each = enumerate(_each(crops))
    while batch := list(islice(each, count)):
        read = [_read(index, crop, size, color, resize) for index, crop in batch]
        yield np.stack(read)


def _slices(
    crops: NDArray[Any], size: tuple[int, int], count: int, color: str, resize: bool
) -> Iterator[Crops]:
    fits = crops.dtype == np.uint8 and crops.shape[1:] == (*size, 3)
    for start in range(0, crops.shape[0], count):
        part = crops[start : start + count]
        if fits:
            yield part[..., ::-1] if color == "bgr" else part
        else:  # grey, other types and sizes: crop by crop
            read = [_read(start + k, crop, size, color, resize) for k, crop in enumerate(part)]
            yield np.stack(read)


def _each(crops: Any) -> Iterable[Any]:
    """Return an iterable; one image alone becomes one of itself."""
    # An array of any library is one image: iterating over it would yield its rows.
    single = is_array(crops) or isinstance(crops, str | bytes | bytearray | PathLike)
    if single or hasattr(crops, "read") or type(crops).__module__.partition(".")[0] == "PIL":
        return (crops,)
    if not isinstance(crops, Iterable):
        raise InputError(f"found a {type(crops).__name__}, expected crops: an array or a list")
    return crops


def _on_host(crops: Any) -> Any:
    """Return a batch of another array library as NumPy's; one that stays on a device as a list."""
    if isinstance(crops, np.ndarray):
        return crops
    try:
        return np.from_dlpack(crops)
    except Exception:  # device arrays raise whatever their library likes; each crop is copied then
        return [crops[k, ...] for k in range(crops.shape[0])]


def _read(index: int, crop: Any, size: tuple[int, int], color: str, resize: bool) -> Crops:
    image = read_image(crop, color=color)
    if image.shape[:2] == size:
        return image
    if not resize:
        found = "x".join(map(str, image.shape[:2]))
        raise ShapeError(
            f"crop {index}: found {found} pixels (height x width), expected {size[0]}x{size[1]}; "
            "align the faces first, or give resize=True (--resize) where they are aligned already"
        )
    from zqcnn_xp.vision.opencv import opencv

    with opencv() as cv2:
        # A mean over areas where it shrinks, so that no pixel is skipped.
        shrinks = image.shape[0] > size[0] and image.shape[1] > size[1]
        rule = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized: Crops = cv2.resize(image, (size[1], size[0]), interpolation=rule)
    return resized
