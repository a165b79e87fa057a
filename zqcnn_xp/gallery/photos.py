"""From a folder of photos, one sub-folder a person, to features with names and labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError, InputError, ZqcnnError
from zqcnn_xp.parallel import in_order
from zqcnn_xp.pipelines.choice import choose_faces
from zqcnn_xp.pipelines.faces import Faces
from zqcnn_xp.vision.io import IMAGE_SUFFIXES, read_image

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.choice import Choice
    from zqcnn_xp.pipelines.embedding import Embedder

__all__ = ["Embedded", "Photo", "embed_photos", "find_photos"]

# Photos whose faces are embedded together, and decoded at the same time.
_BATCH = 64


class Photo(NamedTuple):
    """A file of one person.

    Attributes
    ----------
    path
        Where it is.
    name
        Below the folder, with ``/``: ``"Ann/01.jpg"``.
    person
        The sub-folder's name, or None.
    """

    path: Path
    name: str
    person: str | None


class Embedded(NamedTuple):
    """What became of one photo.

    Attributes
    ----------
    photo
        Which.
    features
        (n, d) float32, one a face that was taken; none with an ``error``.
    meta
        One a face: its box, its score, and the number of faces in the photo; None for crops.
    error
        Why there is none, or empty.
    """

    photo: Photo
    features: NDArray[np.float32]
    meta: list[dict[str, Any] | None]
    error: str = ""


def find_photos(folder: str | os.PathLike[str]) -> list[Photo]:
    """List the images of a folder and of its sub-folders, by name.

    Parameters
    ----------
    folder
        Holds one folder a person; a person's own may hold folders too. Images that lie in
        ``folder`` itself are of nobody.

    Raises
    ------
    DatasetError
        If there is no such folder, or none of its files is an image.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DatasetError(str(root), "", "no folder", "a folder of images")
    found = []
    for where, folders, files in os.walk(root):
        folders.sort()
        for file in sorted(files):
            path = Path(where) / file
            if path.suffix.lower() in IMAGE_SUFFIXES:
                parts = path.relative_to(root).parts
                found.append(Photo(path, "/".join(parts), parts[0] if len(parts) > 1 else None))
    if not found:
        raise DatasetError(str(root), "", "no images", f"one of {', '.join(IMAGE_SUFFIXES)}")
    return found


def embed_photos(
    photos: Iterable[Photo],
    embedder: Embedder,
    detector: Any = None,
    *,
    choice: Choice = "central",
    normed: bool = True,
    threads: int = 1,
    resize: bool = False,
) -> Iterator[Embedded]:
    """Find, align and embed the faces of photos.

    Parameters
    ----------
    photos
        Read a batch at a time.
    embedder
        Makes the features.
    detector
        What has ``detect(image) -> Faces`` with five points, such as `MTCNN`. None for photos that
        are aligned crops already, of the embedder's size.
    choice
        Which face of a photo counts, as `choose_faces` has it: ``"central"`` is ZQCNN's.
    normed
        Whether features are scaled to length 1.
    threads
        Photos that are read, and searched for faces, at the same time.
    resize
        Bring crops of another size to the embedder's, instead of refusing them.

    Yields
    ------
    Embedded
        One a photo, in order. A photo that cannot be read, or shows no face, has an ``error``, and
        the others go on.

    Raises
    ------
    InputError
        Another ``choice``.
    """
    choose_faces(Faces.empty(), (1, 1), choice)
    work = partial(_cut, embedder=embedder, detector=detector, choice=choice, resize=resize)
    waiting = iter(in_order(work, photos, threads))
    while batch := list(islice(waiting, _BATCH)):
        crops = [one.crops for one in batch if len(one.crops)]
        features = np.empty((0, embedder.dim), np.float32)
        if crops:
            features = embedder.embed(np.concatenate(crops), normed=normed)
        at = 0
        for one in batch:
            part = features[at : at + len(one.meta)]
            yield Embedded(one.photo, part, one.meta, one.error)
            at += len(one.meta)


class _Cut(NamedTuple):
    """The crops of one photo, (n, height, width, 3), and what `Embedded` says of them."""

    photo: Photo
    crops: NDArray[np.uint8]
    meta: list[dict[str, Any] | None]
    error: str = ""


def _cut(photo: Photo, embedder: Embedder, detector: Any, choice: Choice, resize: bool) -> _Cut:
    """Return the crops of one photo's faces; what goes wrong is said in the result."""
    nothing = np.empty((0, *embedder.recipe.size, 3), np.uint8)
    try:
        image = read_image(photo.path)
        if detector is None:
            return _Cut(photo, _sized(image, embedder.recipe.size, photo, resize), [None])
        found = _aligned(image, detector, embedder, choice)
    except (ZqcnnError, OSError, MemoryError) as failure:
        message = str(failure) or f"{photo.path}: {type(failure).__name__}"
        return _Cut(photo, nothing, [], message)
    if found is None:
        return _Cut(photo, nothing, [], f"{photo.path}: found no face")
    return _Cut(photo, *found)


def _sized(
    image: NDArray[np.uint8], size: tuple[int, int], photo: Photo, resize: bool
) -> NDArray[np.uint8]:
    """Return one crop as a batch; refuse what is none."""
    if image.shape[:2] != size and not resize:
        found = f"{image.shape[0]} x {image.shape[1]} pixels"
        raise InputError(
            f"{photo.path}: found {found}, expected a crop of {size[0]} x {size[1]}; "
            "resize=True (--resize) takes aligned crops of other sizes"
        )
    from zqcnn_xp.pipelines.embedding.batches import crop_batches

    (batch,) = crop_batches(image[None], size, 1, resize=resize)
    return batch


def _aligned(
    image: NDArray[np.uint8], detector: Any, embedder: Embedder, choice: Choice
) -> tuple[NDArray[np.uint8], list[dict[str, Any] | None]] | None:
    """Return the aligned crops of the faces that count, and what is known of each."""
    from zqcnn_xp.pipelines.align import align_faces

    faces = detector.detect(image)
    chosen = choose_faces(faces, (image.shape[0], image.shape[1]), choice)
    if not len(chosen):
        return None
    if chosen.kps is None:
        raise InputError("found faces without points, expected a detector that gives five")
    crops = align_faces(image, chosen.kps, embedder.recipe.template, backend=embedder.backend)
    meta: list[dict[str, Any] | None] = [
        {
            "bbox": [round(float(value), 2) for value in face.bbox],
            "det_score": round(face.det_score, 5),
            "faces": len(faces),
        }
        for face in chosen
    ]
    return crops, meta
