"""Whether two faces are one person: a similarity, and what the answer rests on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.choice import choose_faces
from zqcnn_xp.pipelines.embedding.embedder import Embedder
from zqcnn_xp.pipelines.embedding.thresholds import find_point
from zqcnn_xp.pipelines.faces import Faces
from zqcnn_xp.vision.io import read_image

if TYPE_CHECKING:
    from zqcnn_xp.backend import Backend

__all__ = ["DEFAULT_EMBEDDER", "PICKS", "Verification", "verify"]

DEFAULT_EMBEDDER = "sface"
"""A card whose licence allows commercial use."""

Pick = Literal["largest", "central", "best", "only"]
PICKS: tuple[Pick, ...] = get_args(Pick)
"""Which face of an image is compared."""


@dataclass(frozen=True)
class Verification:
    """Whether two faces are one person, and what says so.

    Parameters
    ----------
    similarity
        Cosine of the two embeddings, -1 to 1.
    same
        ``similarity >= threshold``; None where no threshold is known.
    threshold
        The one in force, or None.
    far
        Share of the pairs of different people that the threshold accepted where it was measured;
        None where nobody says.
    tar
        Share of the pairs of one person that it accepted there, likewise.
    dataset, protocol, source
        What the threshold comes from; empty for one of the caller's own.
    model
        Name of the embedder.
    faces
        How many faces each image has; 1 for crops.
    boxes
        x1, y1, x2, y2 of the face taken from each image, or None for crops.

    Examples
    --------
    >>> Verification(similarity=0.5, same=None).decided
    False
    >>> print(Verification(similarity=0.5, same=True, threshold=0.363))
    answer             the same person
    similarity         0.5000
    threshold          0.363
    """

    similarity: float
    same: bool | None
    threshold: float | None = None
    far: float | None = None
    tar: float | None = None
    dataset: str = ""
    protocol: str = ""
    source: str = ""
    model: str = ""
    faces: tuple[int, int] = (1, 1)
    boxes: tuple[tuple[float, ...] | None, tuple[float, ...] | None] = (None, None)

    @property
    def decided(self) -> bool:
        """Whether there was a threshold to decide by."""
        return self.same is not None

    def __bool__(self) -> bool:
        """Refuse to be a decision where there is none."""
        if self.same is None:
            raise InputError(
                f"{self.model} has no operating point, so that similarity {self.similarity:.3f} "
                "decides nothing: give threshold="
            )
        return self.same

    def _said(self) -> list[tuple[str, str]]:
        """Return what there is to say, most important first."""
        answer = {True: "the same person", False: "different people", None: "not decided"}
        said = [("answer", answer[self.same]), ("similarity", self._similarity())]
        if self.threshold is not None:
            said.append(("threshold", f"{self.threshold:g}"))
        if self.source:
            rates = (("false-accept rate", self.far), ("true-accept rate", self.tar))
            said += [(name, "not stated" if rate is None else f"{rate:g}") for name, rate in rates]
            said += [("measured on", self.dataset), ("protocol", self.protocol)]
        if self.model:
            said.append(("network", self.model))
        return said

    def _similarity(self) -> str:
        """Return four digits, or as many as it takes to see on which side of the threshold."""
        digits = 4
        if self.threshold is not None:
            side = self.similarity >= self.threshold
            while (
                digits < 17 and (float(f"{self.similarity:.{digits}f}") >= self.threshold) != side
            ):
                digits += 1
        return f"{self.similarity:.{digits}f}"

    def __str__(self) -> str:
        """Return a line each for the answer, the similarity, the threshold and its origin."""
        return "\n".join(f"{name:<17}  {value}" for name, value in self._said())

    def _repr_html_(self) -> str:
        from zqcnn_xp.report import html_table  # with what networks need: only where it is shown

        return html_table(("what", "value"), self._said(), "")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        found = asdict(self)
        found["faces"] = list(self.faces)
        found["boxes"] = [None if box is None else list(box) for box in self.boxes]
        return found


def verify(
    a: Any,
    b: Any,
    *,
    embedder: Embedder | str | None = None,
    detector: Any = None,
    far: float | str | None = None,
    threshold: float | None = None,
    aligned: bool = False,
    resize: bool = False,
    pick: Pick = "largest",
    color: str = "rgb",
    backend: str | Backend | None = None,
) -> Verification:
    """Compare the faces of two images.

    Parameters
    ----------
    a, b
        Images: whatever `zqcnn_xp.vision.io.read_image` takes.
    embedder
        An `Embedder`, or the name of a card; None takes SFace. For many pairs make one, and a
        detector, once.
    detector
        What has ``detect(image) -> Faces`` with five points; None makes an `MTCNN`.
    far
        False-accept rate to decide at: one of those that the card has a threshold for. None takes
        the one measured at 1e-3, ``"published"`` the threshold of the network's authors (without a
        rate, where they state none).
    threshold
        A cosine of the caller's own, instead.
    aligned
        The images are aligned crops: nothing is detected.
    resize
        With ``aligned``: bring crops of another size to the network's, instead of refusing them.
    pick
        Which face of an image counts: ``"largest"``, ``"central"`` (nearest to the image's
        centre), ``"best"`` (the detector's score), or ``"only"``, which refuses an image with
        several.
    color
        Channel order of images that are arrays.
    backend
        Of what is made here.

    Returns
    -------
    Verification
        With ``same=None`` where the model has no operating point and no threshold is given.

    Raises
    ------
    InputError
        An image without a face, or (``pick="only"``) with several; a rate without a threshold; a
        detector that has no ``detect``, a rate or threshold that is no number.
    ImageError
        Not an image.

    Examples
    --------
    >>> from zqcnn_xp_models import sphereface
    >>> one = Embedder(sphereface.build(), color="bgr", mean=127.5, scale=1 / 128, backend="numpy")
    >>> crop = np.random.default_rng(0).integers(0, 256, (112, 96, 3), np.uint8)
    >>> found = verify(crop, crop, embedder=one, aligned=True, threshold=0.4)
    >>> round(found.similarity, 6), found.same
    (1.0, True)
    """
    if far is not None and threshold is not None:
        raise InputError("found far= and threshold=, expected one of them")
    if threshold is not None:
        threshold = _cosine(threshold)
    detect = None if detector is None else getattr(detector, "detect", None)
    if detector is not None and not callable(detect):
        raise InputError(f"detector={detector!r}: expected an object with detect(image) -> Faces")
    if not isinstance(embedder, Embedder):
        embedder = Embedder(embedder or DEFAULT_EMBEDDER, backend=backend)
    if pick not in PICKS:
        raise InputError(f"pick={pick!r}: expected one of {', '.join(PICKS)}")
    # Before any work: a rate that has no threshold is a mistake, whatever the images hold.
    point = None if threshold is not None else find_point(embedder, far)
    images = [read_image(image, color=color) for image in (a, b)]
    faces: tuple[int, int] = (1, 1)
    boxes: Any = (None, None)
    if aligned:
        rows = embedder.embed(images, normed=True, resize=resize)
    else:
        found = _detected(images, detect, embedder)
        names = [_name(image, place) for image, place in ((a, "first"), (b, "second"))]
        chosen = [
            _chosen(one, image.shape[:2], pick, name)
            for one, image, name in zip(found, images, names, strict=True)
        ]
        rows = embedder.embed_faces(images, chosen, normed=True)
        faces = (len(found[0]), len(found[1]))
        boxes = tuple(tuple(float(str(x)) for x in one.bbox[0]) for one in chosen)
    similarity = float(np.clip(rows[0] @ rows[1], -1, 1))
    used = threshold if point is None else point.threshold
    return Verification(
        similarity=similarity,
        same=None if used is None else similarity >= used,
        threshold=used,
        far=None if point is None else point.far,
        tar=None if point is None else point.tar,
        dataset="" if point is None else point.dataset,
        protocol="" if point is None else point.protocol,
        source="" if point is None else point.source,
        model=embedder.name,
        faces=faces,
        boxes=boxes,
    )


def _cosine(threshold: Any) -> float:
    """Return a threshold as a number."""
    real = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not (real and -1 <= threshold <= 1):
        raise InputError(f"threshold={threshold!r}: expected a cosine, -1 to 1")
    return float(threshold)


def _detected(
    images: list[Any], detect: Callable[[Any], Any] | None, embedder: Embedder
) -> list[Faces]:
    """Return the faces of each image."""
    if detect is None:
        from zqcnn_xp.pipelines.mtcnn import MTCNN

        detect = MTCNN(backend=embedder.backend).detect
    found = [detect(image) for image in images]
    for faces in found:
        if not isinstance(faces, Faces):
            raise InputError(f"detector: found a {type(faces).__name__} from it, expected Faces")
    return found


def _chosen(faces: Faces, size: tuple[int, int], pick: Pick, name: str) -> Faces:
    """Return the one face of an image that is compared."""
    if not len(faces):
        raise InputError(f"{name}: found no face, expected one (aligned=True takes crops)")
    if pick == "only":
        if len(faces) > 1:
            raise InputError(f"{name}: found {len(faces)} faces, expected one; pick= chooses")
        return faces
    return choose_faces(faces, size, pick)


def _name(image: Any, place: str) -> str:
    """Return what a message calls an image."""
    return os.fsdecode(image) if isinstance(image, str | os.PathLike) else f"the {place} image"
