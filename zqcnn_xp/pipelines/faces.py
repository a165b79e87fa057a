"""What a face pipeline returns: parallel arrays of all faces of one image.

An empty result is empty arrays of the right shape and dtype, never None, so that callers need no
special case. A quantity that no network computed is None on `Faces` (``faces.kps is None``) and
raises on a single `Face`; an attribute that does not exist raises on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.exports import coco, plain, roboflow, table
from zqcnn_xp.pipelines.face import Face
from zqcnn_xp.vision.plot import plot_faces

__all__ = ["Face", "Faces"]

Float32 = NDArray[np.float32]

_POINTS = {"kps": 5, "landmark_2d_106": 106}


def _checked(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Float32:
    array = np.asarray(value, dtype=np.float32)
    if array.shape != shape:
        raise InputError(f"{name} has shape {array.shape}, expected {shape}")
    return array


class Faces:
    """The faces of one image, best score first where a pipeline sorted them.

    Parameters
    ----------
    bbox
        (n, 4) x1, y1, x2, y2 in pixels of the image, x to the right and y down; may reach
        outside the image. Kept as float32.
    det_score
        (n,) scores of the last network, 0 to 1. Kept as float32.
    kps
        (n, 5, 2) x, y in pixels of left eye, right eye, nose, left and right mouth corner
        (left as seen in the image), or None.
    landmark_2d_106
        (n, 106, 2) x, y in pixels, or None.
    extra
        Further arrays with one entry a face, by name (``{"embedding": (n, d)}``); they become
        attributes and follow indexing and merging.

    Raises
    ------
    InputError
        Arrays whose shapes do not belong together, or an extra name that is taken.

    Examples
    --------
    >>> faces = Faces([[0, 0, 9, 9], [20, 5, 40, 25]], [0.7, 0.9])
    >>> len(faces), faces.kps is None
    (2, True)
    >>> faces[faces.det_score > 0.8].bbox
    array([[20.,  5., 40., 25.]], dtype=float32)
    >>> [round(face.det_score, 1) for face in faces]
    [0.7, 0.9]
    >>> Faces.empty().bbox.shape
    (0, 4)
    """

    __slots__ = ("bbox", "det_score", "extra", "kps", "landmark_2d_106")

    def __init__(
        self,
        bbox: ArrayLike,
        det_score: ArrayLike,
        kps: ArrayLike | None = None,
        landmark_2d_106: ArrayLike | None = None,
        extra: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        boxes = np.asarray(bbox, dtype=np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise InputError(f"bbox has shape {boxes.shape}, expected (n, 4)")
        n = boxes.shape[0]
        self.bbox: Float32 = boxes
        self.det_score: Float32 = _checked("det_score", det_score, (n,))
        self.kps: Float32 | None = None if kps is None else _checked("kps", kps, (n, 5, 2))
        self.landmark_2d_106: Float32 | None = (
            None
            if landmark_2d_106 is None
            else _checked("landmark_2d_106", landmark_2d_106, (n, 106, 2))
        )
        self.extra: dict[str, NDArray[Any]] = {}
        for name, value in (extra or {}).items():
            array = np.asarray(value)
            if hasattr(type(self), name) or not name.isidentifier():
                raise InputError(f"extra name {name!r} is taken or no identifier: choose another")
            if array.ndim == 0 or array.shape[0] != n:
                raise InputError(f"extra {name!r} has shape {array.shape}, expected ({n}, ...)")
            self.extra[name] = array

    def __getattr__(self, name: str) -> NDArray[Any]:
        # Reached for extras, for mistakes, and by copy for slots that are not set yet.
        if name in self.__slots__:
            raise AttributeError(name)
        if name in self.extra:
            return self.extra[name]
        raise AttributeError(f"Faces has no {name!r}; it has: {', '.join(self._names())}")

    @classmethod
    def empty(cls, landmarks: int | None = None) -> Faces:
        """Return no faces; ``landmarks`` (5 or 106) adds the empty landmark array.

        Examples
        --------
        >>> Faces.empty(landmarks=106).landmark_2d_106.shape
        (0, 106, 2)
        """
        points = {name: np.empty((0, n, 2)) for name, n in _POINTS.items() if n == landmarks}
        return cls._of({"bbox": np.empty((0, 4)), "det_score": np.empty(0), **points})

    @classmethod
    def merge(cls, parts: Iterable[Faces]) -> Faces:
        """Join results into one; a quantity is kept only where every non-empty part has it.

        Examples
        --------
        >>> len(Faces.merge([Faces([[0, 0, 1, 1]], [0.5]), Faces.empty()]))
        1
        """
        every = list(parts)
        # A part without faces has nothing to say about which quantities exist.
        filled = [part for part in every if len(part)] or every[:1]
        if not filled:
            return cls.empty()
        names = [n for n in filled[0]._present() if all(n in p._present() for p in filled)]
        joined = {n: np.concatenate([p._present()[n] for p in filled]) for n in names}
        return cls._of(joined)

    @classmethod
    def _of(cls, arrays: Mapping[str, NDArray[Any]]) -> Faces:
        own = {n: a for n, a in arrays.items() if n in ("bbox", "det_score", *_POINTS)}
        return cls(**own, extra={n: a for n, a in arrays.items() if n not in own})

    def with_extra(self, extra: Mapping[str, ArrayLike]) -> Faces:
        """Return the same faces with further arrays, one entry a face.

        Examples
        --------
        >>> Faces([[0, 0, 9, 9]], [0.5]).with_extra({"age": [31]})
        Faces(1, age)
        """
        own = (self.bbox, self.det_score, self.kps, self.landmark_2d_106)
        return type(self)(*own, extra={**self.extra, **extra})

    def _present(self) -> dict[str, NDArray[Any]]:
        own = {n: getattr(self, n) for n in ("bbox", "det_score", *_POINTS)}
        return {n: a for n, a in own.items() if a is not None} | self.extra

    def _names(self) -> tuple[str, ...]:
        return ("bbox", "det_score", *_POINTS, *self.extra)

    def __len__(self) -> int:
        return int(self.bbox.shape[0])

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> Face: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | NDArray[Any]) -> Faces: ...
    def __getitem__(self, index: Any) -> Face | Faces:
        """One `Face` for an integer; `Faces` for a slice, a list of integers or a mask."""
        arrays = self._present()
        if isinstance(index, int | np.integer):
            n = len(self)
            if not -n <= index < n:
                raise IndexError(f"face {index} of {n}")
            return Face({name: array[index] for name, array in arrays.items()})
        if isinstance(index, list) and not index:
            index = slice(0, 0)  # NumPy would read an empty list as floats
        return self._of({name: array[index] for name, array in arrays.items()})

    def __iter__(self) -> Iterator[Face]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        names = [n for n in self._present() if n not in ("bbox", "det_score")]
        return f"Faces({len(self)}{''.join(f', {n}' for n in names)})"

    @classmethod
    def from_dict(cls, faces: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> Faces:
        """Return the faces that plain values describe, as `to_dict` gives them.

        Parameters
        ----------
        faces
            A list of dictionaries or of `Face`, or the entry of one image in the document of
            ``zqcnn-xp detect --json``. Names other than those of the networks' quantities become
            extras. Quantities come back as float32, bit for bit; numbers with a fraction in extras
            too, unless they need float64. Of no faces nothing but boxes and scores comes back.

        Raises
        ------
        InputError
            If it is something else, a face lacks a quantity that others have, or shapes differ.

        Examples
        --------
        >>> faces = Faces([[0, 0, 9, 9]], [0.7], extra={"age": [31]})
        >>> Faces.from_dict(faces.to_dict())
        Faces(1, age)
        """
        arrays = plain.arrays_from_plain(faces)
        return cls._of(arrays) if arrays else cls.empty()

    @classmethod
    def from_json(cls, text: str | bytes) -> Faces:
        """Return the faces that `to_json` wrote; otherwise as `from_dict`.

        Examples
        --------
        >>> Faces.from_json('[{"bbox": [0, 0, 9, 9], "det_score": 0.5}]').bbox.dtype
        dtype('float32')
        """
        arrays = plain.arrays_from_json(text)
        return cls._of(arrays) if arrays else cls.empty()

    to_dict = plain.to_dict
    to_json = plain.to_json
    to_coco = coco.to_coco
    to_pandas = table.to_pandas
    to_supervision = roboflow.to_supervision
    to_supervision_key_points = roboflow.to_supervision_key_points
    plot = plot_faces
    _repr_html_ = table.to_html
