"""Folders of photos become folders of aligned crops, with an account of every image."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.cli.files import STDIN, Source, writing
from zqcnn_xp.errors import InputError, ZqcnnError
from zqcnn_xp.parallel import in_order
from zqcnn_xp.pipelines.align import align_faces
from zqcnn_xp.pipelines.choice import Choice, choose_faces
from zqcnn_xp.pipelines.faces import Faces
from zqcnn_xp.vision.io import MAX_PIXELS, read_image
from zqcnn_xp.vision.templates import Template, get_template

__all__ = ["FORMATS", "AlignedImage", "Status", "align_images", "crop_names"]

Status = Literal["aligned", "kept", "no face", "several faces", "error"]
FORMATS: dict[str, dict[str, Any]] = {"png": {}, "jpg": {"quality": 95, "subsampling": 0}}
"""Kinds of files that crops are written as, with Pillow's options for them."""

_KINDS = {"png": "PNG", "jpg": "JPEG"}


@dataclass(frozen=True)
class AlignedImage:
    """What became of one image.

    Parameters
    ----------
    path
        The image.
    status
        ``"aligned"``; ``"kept"``: its crops were there already; ``"no face"``; ``"several faces"``,
        where one was asked for; ``"error"``.
    crops
        The files of its crops.
    faces
        The faces on them, in the same order; empty for ``"kept"``.
    found
        Number of faces that were found.
    error
        What went wrong, or empty.
    """

    path: str
    status: Status
    crops: tuple[str, ...] = ()
    faces: Faces | None = None
    found: int = 0
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether there are no crops of it."""
        return self.status not in ("aligned", "kept")


def crop_names(sources: Sequence[Source], suffix: str) -> list[Path]:
    """Choose a file for the crop of each image, below the output folder; no two the same.

    Examples
    --------
    >>> names = ["ann/1.jpg", "ann/2.jpg", "ann/2.png"]
    >>> [str(p) for p in crop_names([Source(n, Path(n)) for n in names], "png")]
    ['ann/1.png', 'ann/2.jpg.png', 'ann/2.png.png']
    """
    from collections import Counter

    # Compared as file systems do that take capitals for small letters.
    counts = Counter(str(source.relative.with_suffix("")).lower() for source in sources)
    taken: set[str] = set()
    names: list[Path] = []
    for source in sources:
        relative = source.relative
        alone = counts[str(relative.with_suffix("")).lower()] == 1
        stem = relative.stem if alone else relative.name
        name, number = relative.with_name(f"{stem}.{suffix}"), 1
        while str(name).lower() in taken:
            number += 1
            name = relative.with_name(f"{stem}-{number}.{suffix}")
        taken.add(str(name).lower())
        names.append(name)
    return names


def align_images(
    sources: Sequence[Source],
    out: str | os.PathLike[str],
    detect: Callable[[NDArray[np.uint8]], Faces],
    *,
    template: str | Template = "arcface",
    choice: Choice = "largest",
    strict: bool = False,
    suffix: str = "png",
    skip_existing: bool = False,
    threads: int = 1,
    max_pixels: int | None = None,
) -> Iterator[AlignedImage]:
    """Write the aligned crops of images; what fails on one image is told and the rest goes ahead.

    Parameters
    ----------
    sources
        The images, from `zqcnn_xp.cli.files.expand`; their folders are kept below ``out``.
    out
        Folder for the crops; it and those below are made. Files appear complete or not at all.
    detect
        Takes an RGB image, (H, W, 3) uint8, and returns its `Faces` with ``kps``: the ``detect`` of
        an `MTCNN`, or a `zqcnn_xp.pipelines.choice.Retry`.
    template
        As in `align_faces`.
    choice
        Which face: `zqcnn_xp.pipelines.choice.choose_faces`. The crops of ``"all"`` are numbered
        from 1, in the detector's order.
    strict
        An image of several faces is refused instead, as fits a labelled set.
    suffix
        ``"png"`` (lossless), or ``"jpg"`` (quality 95, colours not subsampled).
    skip_existing
        Leave images alone whose crop is there, so that a run that was stopped goes on.
    threads
        Images at the same time.
    max_pixels
        As in `zqcnn_xp.vision.io.read_image`.

    Returns
    -------
    Iterator[AlignedImage]
        One for each of ``sources``, in their order.

    Raises
    ------
    InputError
        Another template, choice or suffix; a crop would overwrite an image that is read.

    Examples
    --------
    >>> list(align_images([], "crops", lambda image: Faces.empty()))
    []
    """
    layout = get_template(template)
    if choice not in get_args(Choice):
        raise InputError(f"found choice {choice!r}, expected one of {', '.join(get_args(Choice))}")
    if suffix not in FORMATS:
        raise InputError(f"found suffix {suffix!r}, expected one of {', '.join(FORMATS)}")
    targets = [Path(out) / name for name in crop_names(sources, suffix)]
    read = {Path(source.path).resolve() for source in sources if source.path != STDIN}
    for target in targets:
        _check_apart(target, read)

    def one(work: tuple[Source, Path]) -> AlignedImage:
        source, target = work
        if source.error:
            return AlignedImage(source.path, "error", error=source.error)
        first = _numbered(target, 1) if choice == "all" and not strict else target
        if skip_existing and first.exists():
            return AlignedImage(source.path, "kept", (str(first),))
        try:
            stream: Any = sys.stdin.buffer if source.path == STDIN else source.path
            image = read_image(stream, max_pixels=max_pixels or MAX_PIXELS)
            faces = detect(image)
            found = len(faces)
            if strict and found > 1:
                return AlignedImage(source.path, "several faces", found=found)
            chosen = choose_faces(faces, image.shape[:2], choice)
            if not found:
                return AlignedImage(source.path, "no face")
            if chosen.kps is None:
                raise InputError("found faces without five points, which alignment needs")
            crops = align_faces(image, chosen.kps, layout)
            files = (
                [target]
                if first == target
                else [_numbered(target, number + 1) for number in range(len(crops))]
            )
            for file in files:
                _check_apart(file, read)
            # The first one last: where it is, the others are.
            for file, crop in reversed(list(zip(files, crops, strict=True))):
                _save(file, crop, suffix)
        except (ZqcnnError, OSError, MemoryError) as error:
            message = str(error) or type(error).__name__
            if source.path not in message:
                message = f"{source.path}: {message}"
            return AlignedImage(source.path, "error", error=message)
        return AlignedImage(source.path, "aligned", tuple(map(str, files)), chosen, found)

    return in_order(one, list(zip(sources, targets, strict=True)), threads)


def _check_apart(target: Path, read: set[Path]) -> None:
    if target.resolve() in read:
        raise InputError(f"would overwrite {target}, which is read: choose another place")


def _numbered(target: Path, number: int) -> Path:
    return target.with_name(f"{target.stem}-{number}{target.suffix}")


def _save(target: Path, crop: NDArray[np.uint8], suffix: str) -> None:
    from PIL import Image

    target.parent.mkdir(parents=True, exist_ok=True)
    with writing(target) as file:
        Image.fromarray(crop).save(file, _KINDS[suffix], **FORMATS[suffix])
