"""Faces over an image in a matplotlib figure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from zqcnn_xp.extras import needed
from zqcnn_xp.vision.draw import BOX_COLOR, DENSE_COLOR, POINT_COLORS, Color
from zqcnn_xp.vision.io import read_image

__all__ = ["plot_faces"]


def plot_faces(
    faces: Iterable[Any],
    image: Any = None,
    ax: Any = None,
    *,
    color: str = "rgb",
    scores: bool = True,
    points: bool = True,
) -> Any:
    """Draw boxes, scores and landmarks with matplotlib.

    Parameters
    ----------
    faces
        `Faces`, or objects as `zqcnn_xp.vision.draw.draw_faces` takes. Positions that are not
        finite are left out.
    image
        Whatever `zqcnn_xp.vision.io.read_image` takes, shown below the faces; None draws over
        what the axes show, and on empty axes a view of the boxes with y pointing down.
    ax
        matplotlib ``Axes`` to draw on: pyplot is not imported then. None makes a new figure of
        pyplot, which a notebook shows, and which ``plt.close`` frees.
    color
        Channel order of an ``image`` that is an array.
    scores, points
        Whether scores and landmarks are drawn.

    Returns
    -------
    matplotlib.axes.Axes
        With whole pixels at the centre of what is drawn for them, as `imshow` places them.

    Raises
    ------
    PackageMissing
        If matplotlib is not installed.
    ImageError, InputError
        As `read_image`.
    """
    purpose = "a plot of faces"
    patches = needed("matplotlib.patches", extra="plot", purpose=purpose)
    shown = None if image is None else read_image(image, color=color)
    if ax is None:
        pyplot = needed("matplotlib.pyplot", extra="plot", purpose=purpose)
        ax = pyplot.subplots(layout="constrained")[1]
    bare = not ax.has_data()
    if shown is not None:
        ax.imshow(shown)
    # Artists must not move the view: faces may reach outside the image.
    view = None if bare and shown is None else (ax.get_xlim(), ax.get_ylim())
    for face in faces:
        _plot_face(ax, patches, face, scores=scores, points=points)
    if view is not None:
        ax.set_xlim(view[0])
        ax.set_ylim(view[1])
    else:
        ax.set_aspect("equal")
        ax.autoscale_view()
        if not ax.yaxis_inverted():
            ax.invert_yaxis()
    return ax


def _plot_face(ax: Any, patches: Any, face: Any, *, scores: bool, points: bool) -> None:
    x1, y1, x2, y2 = (float(value) for value in face.bbox)
    if np.isfinite([x1, y1, x2, y2]).all():
        edge = _fraction(BOX_COLOR)
        box = patches.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=edge, lw=1.5)
        ax.add_patch(box)
        score = getattr(face, "det_score", None)
        if scores and score is not None:
            ax.text(
                x1,
                y1,
                f"{float(score):.2f}",
                size="small",
                va="bottom",
                clip_on=True,
                bbox={"facecolor": edge, "edgecolor": "none", "pad": 1},
            )
    if not points:
        return
    # Areas in square points of the page: 106 of them must leave the face to be seen.
    for name, colors, area in (("landmark_2d_106", (DENSE_COLOR,), 2), ("kps", POINT_COLORS, 10)):
        found = getattr(face, name, None)
        if found is None:
            continue
        xy = np.asarray(found, np.float64)
        seen = np.isfinite(xy).all(axis=1)
        filled = np.array([_fraction(colors[i % len(colors)]) for i in range(len(xy))])
        ax.scatter(*xy[seen].T, s=area, c=filled[seen], zorder=3)


def _fraction(color: Color) -> tuple[float, ...]:
    """Return a colour as matplotlib wants it, 0 to 1."""
    return tuple(value / 255 for value in color)
