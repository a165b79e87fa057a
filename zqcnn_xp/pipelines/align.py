"""Aligned crops of faces: every face of every image in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.buckets import round_up
from zqcnn_xp.errors import InputError
from zqcnn_xp.registry import get_backend
from zqcnn_xp.vision.io import read_image
from zqcnn_xp.vision.pixels import check_color
from zqcnn_xp.vision.similarity import inverted
from zqcnn_xp.vision.templates import Template, get_template
from zqcnn_xp.vision.warp import Placement, covered, place_crops, warp
from zqcnn_xp.vision.warp_opencv import opencv_is_exact, warp_opencv
from zqcnn_xp.vision.warp_packed import warp_packed

__all__ = ["Engine", "align_blocks", "align_faces"]

Engine = Literal["auto", "host", "array"]

# What one gather takes at most, in pixels of images and of crops: bounds the memory beside the
# images and the result to some 200 MB, and makes calls long enough for a GPU.
_IMAGE_PIXELS = 1 << 24
_CROP_PIXELS = 1 << 20
_CPU = 1  # DLPack's number for host memory

Job = tuple[NDArray[np.uint8], NDArray[np.float64]]
"""A part of an image, and the transforms (n, 2, 3) from the crops to it."""


def align_faces(
    images: Any,
    kps: ArrayLike | Sequence[ArrayLike],
    template: str | Template = "arcface",
    *,
    backend: str | Backend | None = None,
    color: str = "rgb",
    reflect: bool = True,
    engine: Engine = "auto",
) -> NDArray[np.uint8]:
    """Cut faces out of images so that their points lie where a network expects them.

    Parameters
    ----------
    images
        One image, or a list or tuple of images of any sizes: whatever
        `zqcnn_xp.vision.io.read_image` takes.
    kps
        For one image its points, (n, 5, 2) x, y in pixels: left eye, right eye, nose, left and
        right mouth corner, left as seen in the image, as `Faces.kps` has them. For a list of
        images a list of such arrays, one an image; n may be 0.
    template
        A name that `zqcnn_xp.vision.templates.get_template` knows, or a `Template`.
    backend
        As in `zqcnn_xp.get_backend`. None, and backends whose arrays lie in host memory, are warped
        on the host: by OpenCV where that samples exactly (from 5.0 on), else by NumPy. Those on a
        device are warped there, by their own arrays.
    color
        Channel order of images that are arrays.
    reflect
        As in `zqcnn_xp.vision.similarity.similarity_transforms`.
    engine
        ``"host"`` or ``"array"`` (the backend's arrays) instead of that choice.

    Returns
    -------
    NDArray[uint8]
        (n, height, width, 3) RGB: the faces of the first image, then those of the second, and so
        on. Bilinear samples, rounded; black beyond the image. Without faces (0, height, width, 3).

    Raises
    ------
    InputError
        Points of another shape or number, an unknown template, colour order or engine; points that
        fit no crop, and then the message names image and face.
    ImageError
        Not an image.
    BackendUnavailable
        The backend cannot run here.

    Notes
    -----
    Both engines agree within one grey level on any image. Memory beside the images and the result
    does not grow with the number of faces; files are decoded one after the other.

    Examples
    --------
    >>> image = np.full((300, 200, 3), 90, np.uint8)
    >>> points = get_template("arcface").points * 1.5 + 10
    >>> crops = align_faces([image, image], [points[None], np.empty((0, 5, 2))])
    >>> crops.shape, int(crops.min()), int(crops.max())
    ((1, 112, 112, 3), 90, 90)
    """
    blocks = align_blocks(
        images, kps, template, None, backend=backend, color=color, reflect=reflect, engine=engine
    )
    return next(blocks, np.empty((0, *get_template(template).size, 3), np.uint8))


def align_blocks(
    images: Any,
    kps: ArrayLike | Sequence[ArrayLike],
    template: str | Template = "arcface",
    count: int | None = None,
    *,
    backend: str | Backend | None = None,
    color: str = "rgb",
    reflect: bool = True,
    engine: Engine = "auto",
) -> Iterator[NDArray[np.uint8]]:
    """Cut faces out of images as `align_faces` does, so many at a time.

    Parameters
    ----------
    images, kps, template, backend, color, reflect, engine
        As in `align_faces`.
    count
        Crops of a block, at least 1; the last has what is left. None cuts all in one.

    Returns
    -------
    iterator of NDArray[uint8]
        (m, height, width, 3) RGB, 1 <= m <= ``count``, in the order of `align_faces`; without
        faces one empty block where there are images. Images are read when their block comes.

    Raises
    ------
    InputError, ImageError, BackendUnavailable
        As `align_faces`; what is wrong with points is said before anything is cut.

    Examples
    --------
    >>> points = np.repeat(get_template("arcface").points[None], 5, axis=0)
    >>> [len(block) for block in align_blocks(np.zeros((120, 120, 3), np.uint8), points, count=2)]
    [2, 2, 1]
    """
    check_color(color)
    if engine not in get_args(Engine):
        names = ", ".join(repr(name) for name in get_args(Engine))
        raise InputError(f"engine={engine!r}: expected one of {names}")
    if count is not None and count < 1:
        raise InputError(f"count={count!r}: expected at least 1")
    layout = get_template(template)
    many = isinstance(images, list | tuple)
    pairs = _paired(images if many else [images], kps if many else [kps])
    faces = [
        _transforms(layout, points, index if many else None, reflect)
        for index, (_, points) in enumerate(pairs)
    ]
    asked = engine == "array" or (engine == "auto" and backend is not None)
    runs = get_backend(backend) if asked else None
    if runs is not None and engine != "array" and _on_host(runs):
        runs = None
    jobs = (
        (read_image(image, color=color), to_image)
        for (image, _), to_image in zip(pairs, faces, strict=True)
    )
    return (_cut(block, layout.size, runs) for block in _blocks(jobs, faces, count))


def _blocks(
    jobs: Iterator[Job], faces: Sequence[NDArray[np.float64]], count: int | None
) -> Iterator[tuple[int, Iterator[Job]]]:
    """Deal the faces out in blocks of ``count``: how many, and their jobs, to be used up first."""
    left = sum(map(len, faces))
    if count is None or left <= count:
        if faces:
            yield left, jobs
        return
    rest: list[Job] = []

    def taken(wanted: int, last: bool) -> Iterator[Job]:
        # Images without faces behind the last one are read too: one that is none has to be told.
        while wanted or last:
            image, to_image = rest.pop() if rest else next(jobs, (None, None))
            if image is None or to_image is None:
                return
            yield image, to_image[:wanted]
            if len(to_image) > wanted:
                rest.append((image, to_image[wanted:]))
            wanted -= min(wanted, len(to_image))

    while left:
        size = min(count, left)
        left -= size
        yield size, taken(size, not left)


def _cut(
    block: tuple[int, Iterator[Job]], size: tuple[int, int], runs: Backend | None
) -> NDArray[np.uint8]:
    """Return the crops of one block, cut by a backend, or on the host."""
    total, jobs = block
    out = np.empty((total, *size, 3), np.uint8)
    if runs is not None:
        _warp_all(runs, jobs, size, out)
        return out
    host = warp_opencv if opencv_is_exact() else warp_packed
    done = 0
    for image, to_image in jobs:
        host(image, to_image, size, out[done : done + len(to_image)])
        done += len(to_image)
    return out


def _paired(images: Sequence[Any], kps: Any) -> list[tuple[Any, Any]]:
    """Return images with their points."""
    try:
        count = len(kps)
    except TypeError:
        count = -1
    if count != len(images):
        found = f"{count} arrays" if count >= 0 else f"a {type(kps).__name__}"
        raise InputError(f"kps: found {found}, expected one for each of {len(images)} images")
    return list(zip(images, kps, strict=True))


def _transforms(
    layout: Template, kps: Any, image: int | None, reflect: bool
) -> NDArray[np.float64]:
    """Return the transforms from crops to their image; an error names the image."""
    try:
        return inverted(layout.transforms(kps, reflect=reflect))
    except InputError as error:
        if image is None:
            raise
        raise InputError(f"image {image}: {error}") from error


def _on_host(backend: Backend) -> bool:
    """Whether the arrays of a backend lie in host memory."""
    array = backend.from_numpy(np.zeros(1, np.uint8))
    try:
        return bool(array.__dlpack_device__()[0] == _CPU)
    except Exception:  # accelerators that DLPack has no number for raise whatever they like
        return False


def _parts(jobs: Iterator[Job], size: tuple[int, int]) -> Iterator[Job]:
    """Cut images down to what their crops touch, and faces into groups of a size that fits."""
    most = max(1, _CROP_PIXELS // (size[0] * size[1]))
    for image, to_image in jobs:
        for begin in range(0, len(to_image), most):
            group = to_image[begin : begin + most]
            low, high = covered(group, size, image.shape[:2])
            touches = (high > low).all(axis=1)
            if not touches.any():  # black, whatever the image: one pixel stands for it
                yield image[:1, :1], group
                continue
            (x1, y1), (x2, y2) = low[touches].min(axis=0), high[touches].max(axis=0)
            moved = group.copy()
            moved[:, :, 2] -= (x1, y1)
            yield image[y1:y2, x1:x2], moved


def _warp_all(
    backend: Backend, jobs: Iterator[Job], size: tuple[int, int], out: NDArray[np.uint8]
) -> None:
    """Warp group after group on a backend."""
    group: list[Job] = []
    pixels = crops = done = 0
    for image, to_image in _parts(jobs, size):
        more = image.shape[0] * image.shape[1], len(to_image) * size[0] * size[1]
        if group and (pixels + more[0] > _IMAGE_PIXELS or crops + more[1] > _CROP_PIXELS):
            done += _warp_group(backend, group, size, out[done:])
            group, pixels, crops = [], 0, 0
        group.append((image, to_image))
        pixels, crops = pixels + more[0], crops + more[1]
    if group:
        _warp_group(backend, group, size, out[done:])


def _warp_group(
    backend: Backend, group: list[Job], size: tuple[int, int], out: NDArray[np.uint8]
) -> int:
    """Warp the crops of a few images in one gather; returns how many."""
    images, transforms = zip(*group, strict=True)
    which = np.repeat(np.arange(len(images)), [len(faces) for faces in transforms])
    count, total = len(which), sum(image.shape[0] * image.shape[1] for image in images)
    if not count:
        return 0
    to_image = np.concatenate(transforms)
    place = place_crops([image.shape[:2] for image in images], which, to_image, size)
    pixels = np.empty((round_up(total, 1) if backend.jits else total, 3), np.uint8)
    np.concatenate([image.reshape(-1, 3) for image in images], out=pixels[:total])
    pixels[total:] = 0
    if backend.jits:
        # Few shapes instead of many; crops that nobody asked for repeat the last one.
        rows = np.minimum(np.arange(round_up(count)), count - 1)
        place = Placement(*(values[rows] for values in place))
    crops = warp(
        backend.xp,
        backend.from_numpy(pixels),
        Placement(*(backend.from_numpy(values) for values in place)),
        size,
    )
    out[:count] = backend.to_numpy(crops)[:count]
    return count
