"""One face of a result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Face"]


class Face(Mapping[str, Any]):
    """One face: attributes or keys, only those that were computed.

    Attributes
    ----------
    bbox : ndarray
        (4,) float32 x1, y1, x2, y2 in pixels.
    det_score : float
        Score of the detector, 0 to 1.
    kps : ndarray
        (5, 2) float32 x, y in pixels, where a network gives five points.
    landmark_2d_106 : ndarray
        (106, 2) float32 x, y in pixels, where a network gives 106 points.

    Raises
    ------
    AttributeError
        For a quantity that was not computed: nothing is silently None.

    Examples
    --------
    >>> face = Face({"bbox": np.float32([1, 2, 3, 4]), "det_score": np.float32(0.5)})
    >>> face.det_score, face["bbox"].tolist()
    (0.5, [1.0, 2.0, 3.0, 4.0])
    >>> face.kps
    Traceback (most recent call last):
    AttributeError: this face has no 'kps'; it has: bbox, det_score
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, NDArray[Any] | np.generic]) -> None:
        # Scalars leave NumPy, so that they print and serialise as Python numbers.
        self._fields = {
            name: value.item() if np.ndim(value) == 0 else value for name, value in fields.items()
        }

    def __getattr__(self, name: str) -> Any:
        if name == "_fields":  # not set yet, while copying
            raise AttributeError(name)
        if name in self._fields:
            return self._fields[name]
        raise AttributeError(f"this face has no {name!r}; it has: {', '.join(self)}")

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        x1, y1, x2, y2 = (round(float(v), 1) for v in self.bbox)
        return f"Face(bbox=({x1}, {y1}, {x2}, {y2}), det_score={self.det_score:.3f})"

    def to_dict(self) -> dict[str, Any]:
        """Return lists and Python numbers only, ready for JSON."""
        return {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in self._fields.items()}
