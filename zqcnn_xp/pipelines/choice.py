"""Which of the faces of an image is meant, and how hard an image is looked through for one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.faces import Faces

__all__ = ["RETRY_LEVELS", "Choice", "Retry", "choose_faces", "retry_levels"]

Choice = Literal["largest", "central", "best", "all"]

RETRY_LEVELS = ((60.0, 0.709), (40.0, 0.709), (30.0, 0.8), (20.0, 0.85), (12.0, 0.9))
"""Smallest face in pixels and ratio of scales of ZQCNN's five tries, the quickest first."""

Detect = Callable[[NDArray[np.uint8]], Faces]


def choose_faces(faces: Faces, size: tuple[int, int], choice: Choice = "largest") -> Faces:
    """Return the face that is meant, or all, of one image.

    Parameters
    ----------
    faces
        The faces of an image.
    size
        (height, width) of the image in pixels.
    choice
        ``"largest"``: of the box of greatest area; ``"central"``: whose box's centre is closest to
        the image's; ``"best"``: of the highest score; ``"all"``: the faces as they are. Of equal
        ones the first.

    Returns
    -------
    Faces
        One face, or none where there was none; with ``"all"`` the same number as before.

    Raises
    ------
    InputError
        Another choice.

    Examples
    --------
    >>> faces = Faces([[0, 0, 9, 9], [40, 40, 45, 45]], [0.7, 0.9])
    >>> choose_faces(faces, (90, 90)).bbox.tolist()
    [[0.0, 0.0, 9.0, 9.0]]
    >>> choose_faces(faces, (90, 90), "central").bbox.tolist()
    [[40.0, 40.0, 45.0, 45.0]]
    """
    if choice not in get_args(Choice):
        names = ", ".join(get_args(Choice))
        raise InputError(f"found choice {choice!r}, expected one of {names}")
    if choice == "all" or not len(faces):
        return faces
    corners = faces.bbox.astype(np.float64).reshape(-1, 2, 2)
    value: NDArray[Any]
    if choice == "largest":
        value = np.prod(np.maximum(corners[:, 1] - corners[:, 0], 0), axis=1)
    elif choice == "central":
        away = corners.mean(axis=1) - np.array(size[::-1]) / 2
        value = -np.sum(away**2, axis=1)
    else:
        value = faces.det_score
    return faces[[int(np.argmax(value))]]


def retry_levels(min_face: float | None = None) -> tuple[tuple[float, float], ...]:
    """Return the levels of `RETRY_LEVELS` that look for no face below ``min_face`` pixels.

    Where that leaves none, one level for ``min_face`` itself.

    Examples
    --------
    >>> retry_levels(30)
    ((60.0, 0.709), (40.0, 0.709), (30.0, 0.8))
    >>> retry_levels(100)
    ((100, 0.709),)
    """
    if min_face is None:
        return RETRY_LEVELS
    kept = tuple(level for level in RETRY_LEVELS if level[0] >= min_face)
    return kept or ((min_face, RETRY_LEVELS[0][1]),)


@dataclass
class Retry:
    """Look for faces with one detector after the other, until one finds any.

    Most images show a large face, which is found quickly; the slow search for small ones is kept
    for the rest. Detectors are made when they are first needed. Safe to use from many threads.

    Parameters
    ----------
    make
        Called with smallest face and ratio of scales, returns the ``detect`` of a detector.
    levels
        What it is called with, in turn.

    Examples
    --------
    >>> def make(min_face, factor):
    ...     return lambda image: Faces([[0, 0, 25, 25]], [0.8]) if min_face < 25 else Faces.empty()
    >>> Retry(make)(np.zeros((50, 50, 3), np.uint8)).bbox.tolist()
    [[0.0, 0.0, 25.0, 25.0]]
    """

    make: Callable[[float, float], Detect]
    levels: Sequence[tuple[float, float]] = RETRY_LEVELS
    _made: list[Detect] = field(default_factory=list, init=False, repr=False)
    _lock: Any = field(default_factory=threading.Lock, init=False, repr=False)

    def __call__(self, image: NDArray[np.uint8]) -> Faces:
        """Return the faces that the first level with any finds; of the last level, if none does."""
        faces = Faces.empty()
        for level in range(len(self.levels)):
            faces = self._detect(level)(image)
            if len(faces):
                break
        return faces

    def _detect(self, level: int) -> Detect:
        with self._lock:
            while len(self._made) <= level:
                self._made.append(self.make(*self.levels[len(self._made)]))
            return self._made[level]
