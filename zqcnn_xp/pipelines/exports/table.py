"""Faces as tables: a pandas data frame, and what a notebook shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.extras import needed
from zqcnn_xp.pipelines.exports.points import POINT_SETS

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.faces import Faces

__all__ = ["to_html", "to_pandas"]

_CORNERS = ("x1", "y1", "x2", "y2")
_MOST_ROWS = 20


def to_pandas(faces: Faces, *, arrays: bool = False) -> Any:
    """Return a data frame with one row a face, in their order.

    Parameters
    ----------
    arrays
        Also give extras that hold several numbers a face, such as ``embedding``: each becomes one
        column of objects, an array a face. They are left out by default, since few operations on
        tables take them.

    Returns
    -------
    pandas.DataFrame
        A copy of the values, with an index from 0. Columns ``x1``, ``y1``, ``x2``, ``y2`` and
        ``det_score``; then a number a column, ``kps_0_x``, ``kps_0_y``, ``kps_1_x`` ... and
        ``landmark_2d_106_0_x`` ... where there are landmarks; then extras with one value a face.
        Positions are pixels. float32 stays float32. No faces give no rows with the same columns
        and types.

    Raises
    ------
    PackageMissing
        If pandas is not installed.
    InputError
        If an extra has the name of another column.
    """
    pandas = needed("pandas", extra="results", purpose="a data frame of faces")
    columns: dict[str, NDArray[Any]] = {n: faces.bbox[:, i] for i, n in enumerate(_CORNERS)}
    columns["det_score"] = faces.det_score
    for landmarks in POINT_SETS:
        points = getattr(faces, landmarks)
        if points is not None:
            for index in range(points.shape[1]):
                columns[f"{landmarks}_{index}_x"] = points[:, index, 0]
                columns[f"{landmarks}_{index}_y"] = points[:, index, 1]
    for name, values in faces.extra.items():
        if values.ndim > 1 and not arrays:
            continue
        if name in columns:
            raise InputError(f"extra {name!r} has the name of another column: choose another")
        columns[name] = values if values.ndim == 1 else _objects(values)
    return pandas.DataFrame(columns, copy=True)


def _objects(values: NDArray[Any]) -> NDArray[Any]:
    """Return (n,) objects: NumPy would make arrays of one size a table again."""
    found = np.empty(len(values), object)
    for index, value in enumerate(values):
        found[index] = value.copy()
    return found


def to_html(faces: Faces) -> str:
    """Return a small table of scores and boxes as HTML, at most 20 rows; it holds no image.

    Examples
    --------
    >>> from zqcnn_xp.pipelines.faces import Faces
    >>> "<td>0.500</td>" in Faces([[0, 0, 9, 9]], [0.5])._repr_html_()
    True
    """
    from zqcnn_xp.report import html_table  # with what networks need: only where it is shown

    n = len(faces)
    shown = min(n, _MOST_ROWS)
    scored = zip(faces.det_score[:shown], faces.bbox[:shown], strict=True)
    rows: list[tuple[Any, ...]] = [
        (i, f"{score:.3f}", *(f"{value:.1f}" for value in box))
        for i, (score, box) in enumerate(scored)
    ]
    if shown < n:
        rows.append((f"and {n - shown} more", *[""] * 5))
    title = f"{n} face{'s' * (n != 1)}"
    others = [*(name for name in POINT_SETS if getattr(faces, name) is not None), *faces.extra]
    if others:
        title += f", with {', '.join(others)}"
    return html_table(("face", "det_score", *_CORNERS), rows, title)
