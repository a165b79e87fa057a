"""Faces from and to plain values and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.faces import Faces

__all__ = ["arrays_from_json", "arrays_from_plain", "to_dict", "to_json"]

_OWN = ("bbox", "det_score", "kps", "landmark_2d_106")


def to_dict(faces: Faces) -> list[dict[str, Any]]:
    """Return one plain dictionary a face, as `Face.to_dict`.

    Examples
    --------
    >>> from zqcnn_xp.pipelines.faces import Faces
    >>> Faces([[0, 0, 9, 9]], [0.5]).to_dict()
    [{'bbox': [0.0, 0.0, 9.0, 9.0], 'det_score': 0.5}]
    """
    return [face.to_dict() for face in faces]


def to_json(faces: Faces, indent: int | None = None) -> str:
    """Return the faces as a JSON list; `Faces.from_json` reads it back.

    Parameters
    ----------
    indent
        Spaces a level; None writes one line.

    Raises
    ------
    InputError
        If a value is not finite, or of a type that JSON has not.

    Examples
    --------
    >>> from zqcnn_xp.pipelines.faces import Faces
    >>> Faces([[0, 0, 9, 9]], [0.5]).to_json()
    '[{"bbox": [0.0, 0.0, 9.0, 9.0], "det_score": 0.5}]'
    """
    try:
        return json.dumps(to_dict(faces), indent=indent, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"these faces cannot be JSON: {error}") from error


def arrays_from_json(text: str | bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays that a JSON text describes, by name; see `arrays_from_plain`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"found no JSON: {error}") from error
    return arrays_from_plain(document)


def arrays_from_plain(document: Any) -> dict[str, NDArray[Any]]:
    """Return the arrays of all faces that plain values describe, by name.

    Parameters
    ----------
    document
        A list with a dictionary a face, or the entry of one image of ``zqcnn-xp detect --json``.

    Raises
    ------
    InputError
        If it is something else, or a face lacks a quantity that the first one has.

    Examples
    --------
    >>> arrays_from_plain([{"bbox": [0, 0, 9, 9], "det_score": 0.5, "age": 31}])["age"]
    array([31])
    >>> arrays_from_plain({"path": "a.jpg", "error": "a.jpg: no image"})
    Traceback (most recent call last):
    zqcnn_xp.errors.InputError: an image without a result: a.jpg: no image
    """
    faces = _listed(document)
    if not faces:
        return {}
    names = _names(faces[0], 0)
    for index, face in enumerate(faces):
        if set(_names(face, index)) != set(names):
            msg = f"face {index} has {', '.join(face)}, expected {', '.join(names)} as face 0 has"
            raise InputError(msg)
    return {name: _array(name, [face[name] for face in faces]) for name in names}


def _listed(document: Any) -> Sequence[Any]:
    if isinstance(document, Mapping):
        if "images" in document and "faces" not in document:
            raise InputError(
                "found the results of all images, expected those of one: an entry of its 'images'"
            )
        if "error" in document:
            raise InputError(f"an image without a result: {document['error']}")
        document = document.get("faces")
    if not isinstance(document, list | tuple):
        raise InputError(f"found {type(document).__name__}, expected a list of faces")
    return document


def _names(face: Any, index: int) -> list[str]:
    if not isinstance(face, Mapping):
        raise InputError(f"face {index} is a {type(face).__name__}, expected a dictionary")
    odd = [name for name in face if not isinstance(name, str)]
    if odd:
        raise InputError(f"face {index} has a quantity {odd[0]!r}, expected names")
    missing = [name for name in ("bbox", "det_score") if name not in face]
    if missing:
        raise InputError(f"face {index} has no {missing[0]}")
    return list(face)


def _array(name: str, values: list[Any]) -> NDArray[Any]:
    try:
        found = np.asarray(values)
    except (ValueError, OverflowError) as error:  # lists of different lengths
        raise InputError(f"{name}: the faces' values do not make one array: {error}") from error
    if found.dtype.kind not in "biufU" or (name in _OWN and found.dtype.kind not in "iuf"):
        raise InputError(f"{name}: found {values[0]!r:.60}, expected numbers")
    if found.dtype.kind == "f":
        # What pipelines make is float32, which a decimal gives back exactly.
        with np.errstate(over="ignore"):
            narrow = found.astype(np.float32)
        if name in _OWN or np.array_equal(narrow, found, equal_nan=True):
            return narrow
    return found
