"""Draw faces onto a copy of their image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.vision.io import read_image

__all__ = ["BOX_COLOR", "DENSE_COLOR", "POINT_COLORS", "draw_faces"]

# RGB. The points are, as seen in the image: left eye, right eye, nose, left and right mouth corner.
BOX_COLOR = (0, 220, 80)
_TEXT = (10, 30, 10)
POINT_COLORS = ((255, 64, 64), (64, 128, 255), (255, 220, 0), (255, 64, 255), (0, 230, 255))
DENSE_COLOR = (0, 230, 255)

Color = tuple[int, int, int]


def _pixel(x: float, y: float) -> tuple[int, int] | None:
    """Round a position for OpenCV, or None where there is nothing to draw."""
    if not (np.isfinite(x) and np.isfinite(y)):
        return None
    # OpenCV computes in 32 bits, with 16 of them for fractions in its line clipping.
    return round(min(max(x, -30000.0), 130000.0)), round(min(max(y, -30000.0), 130000.0))


def _draw_points(canvas: Any, points: Any, colors: Sequence[Color], radius: int) -> None:
    import cv2

    for index, (x, y) in enumerate(np.asarray(points, np.float64)):
        center = _pixel(x, y)
        if center is not None:
            color = colors[index % len(colors)]
            cv2.circle(canvas, center, radius, color, cv2.FILLED, cv2.LINE_AA)


def _draw_label(canvas: Any, text: str, corner: tuple[int, int], thickness: int) -> None:
    """Write ``text`` on a filled bar above ``corner``, or below it at the image's upper edge."""
    import cv2

    scale = 0.35 + 0.15 * thickness
    weight = max(1, thickness // 2)
    (width, height), baseline = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, weight)
    left = min(max(corner[0], 0), max(canvas.shape[1] - width, 0))
    bottom = corner[1] if corner[1] >= height + baseline else corner[1] + height + baseline
    top = bottom - height - baseline
    cv2.rectangle(canvas, (left, top), (left + width, bottom), BOX_COLOR, cv2.FILLED)
    cv2.putText(
        canvas,
        text,
        (left, bottom - baseline // 2 - 1),
        cv2.FONT_HERSHEY_SIMPLEX,
        scale,
        _TEXT,
        weight,
        cv2.LINE_AA,
    )


def _field(face: Any, name: str) -> Any:
    """Return a field of a face, or None where it was not computed (faces raise for those)."""
    return getattr(face, name, None)


def draw_faces(
    image: Any,
    faces: Iterable[Any],
    *,
    color: str = "rgb",
    scores: bool = True,
    points: bool = True,
) -> NDArray[np.uint8]:
    """Return a copy of an image with its faces drawn in.

    Parameters
    ----------
    image
        Whatever `zqcnn_xp.vision.io.read_image` takes.
    faces
        `Faces`, or any iterable of objects with ``bbox`` (4,) x1 y1 x2 y2 in pixels and, where they
        have them, ``det_score``, ``kps`` (5, 2) and ``landmark_2d_106`` (106, 2). Boxes may reach
        outside the image; positions that are not finite are left out.
    color
        Channel order of an array ``image``, and of the result.
    scores, points
        Whether scores and landmarks are drawn.

    Returns
    -------
    NDArray[uint8]
        (H, W, 3), in the order ``color``; never the memory of ``image``. Lines are about 1/300 of
        the shorter side, at least one pixel.

    Raises
    ------
    ImageError, InputError
        As `read_image`.

    Examples
    --------
    >>> import numpy as np
    >>> from zqcnn_xp.pipelines.faces import Faces
    >>> image = np.zeros((40, 40, 3), np.uint8)
    >>> drawn = draw_faces(image, Faces([[5, 20, 30, 35]], [0.9]))
    >>> drawn[35, 20].tolist(), image.any()
    ([0, 220, 80], np.False_)
    """
    import cv2

    canvas = np.array(read_image(image, color=color), copy=True)
    shorter = min(canvas.shape[:2])
    thickness = max(1, round(shorter / 300))
    for face in faces:
        x1, y1, x2, y2 = (float(value) for value in face.bbox)
        start, end = _pixel(x1, y1), _pixel(x2, y2)
        if start is not None and end is not None:
            cv2.rectangle(canvas, start, end, BOX_COLOR, thickness, cv2.LINE_8)
            score = _field(face, "det_score")
            if scores and score is not None:
                _draw_label(canvas, f"{float(score):.2f}", start, thickness)
        if not points:
            continue
        dense, five = _field(face, "landmark_2d_106"), _field(face, "kps")
        # Small faces would vanish under points sized for the image alone.
        radius = max(1, min(thickness + 1, round((x2 - x1) / 25))) if start and end else 1
        if dense is not None:
            _draw_points(canvas, dense, (DENSE_COLOR,), max(1, radius // 2))
        if five is not None:
            _draw_points(canvas, five, POINT_COLORS, radius)
    if color == "bgr":
        return np.ascontiguousarray(canvas[:, :, ::-1])
    return canvas
