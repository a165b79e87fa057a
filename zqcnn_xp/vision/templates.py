"""Where the points of a face lie in an aligned crop, for the layouts that networks were trained on.

The points are left eye, right eye, nose, left and right mouth corner, left as seen in the image.
All layouts but LightCNN's come from one mean face, that of 112 x 96 crops.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.eyes_mouth import eyes_mouth_transforms
from zqcnn_xp.vision.similarity import similarity_transforms, umeyama_transforms

__all__ = ["TEMPLATES", "Rule", "Template", "get_template"]

Rule = Literal["similarity", "umeyama", "eyes-mouth"]

MAX_SIDE = 4096
"""Largest side of a crop, in pixels."""


@dataclass(frozen=True, eq=False)
class Template:
    """The layout of an aligned crop.

    Parameters
    ----------
    name
        What messages and files call it.
    size
        (height, width) of the crop in pixels, 1 to 4096 each.
    points
        x, y in pixels of the crop, pixel centres at whole numbers. Kept as float64, not writeable.
        (5, 2), but for ``"eyes-mouth"`` (2, 2): the centre of the eyes, and that of the mouth.
    rule
        ``"similarity"``: all five points, `zqcnn_xp.vision.similarity.similarity_transforms`;
        ``"umeyama"``: all five, `zqcnn_xp.vision.similarity.umeyama_transforms`; ``"eyes-mouth"``:
        eyes level, eyes and mouth at their heights,
        `zqcnn_xp.vision.eyes_mouth.eyes_mouth_transforms`.

    Raises
    ------
    InputError
        A size, points or a rule that are none.

    Examples
    --------
    >>> mine = Template("mine", (64, 64), get_template("arcface").points * 64 / 112)
    >>> mine.points[2].round(2).tolist()
    [32.01, 40.99]
    """

    name: str
    size: tuple[int, int]
    points: NDArray[np.float64]
    rule: Rule = "similarity"

    def __post_init__(self) -> None:
        try:
            height, width = (index(side) for side in self.size)
            points = np.array(self.points, np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"template {self.name!r}: {error}") from error
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
            msg = f"template {self.name!r}: found size {self.size}, expected 1 to {MAX_SIDE} each"
            raise InputError(msg)
        if self.rule not in get_args(Rule):
            rules = " or ".join(repr(rule) for rule in get_args(Rule))
            msg = f"template {self.name!r}: found rule {self.rule!r}, expected {rules}"
            raise InputError(msg)
        shape = (2, 2) if self.rule == "eyes-mouth" else (5, 2)
        if points.shape != shape or not np.isfinite(points).all():
            msg = f"template {self.name!r}: found points of {points.shape}, expected {shape} finite"
            raise InputError(msg)
        points.setflags(write=False)
        object.__setattr__(self, "size", (height, width))
        object.__setattr__(self, "points", points)

    def transforms(self, kps: ArrayLike, *, reflect: bool = True) -> NDArray[np.float64]:
        """Return the transforms from an image to crops of its faces.

        Parameters
        ----------
        kps
            (n, 5, 2) x, y in pixels of the image.
        reflect
            As in `similarity_transforms`; the other rules never reflect.

        Returns
        -------
        NDArray[float64]
            (n, 2, 3).

        Raises
        ------
        InputError
            As those functions.

        Examples
        --------
        >>> template = get_template("arcface")
        >>> template.transforms(template.points[None])[0].round(9).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        """
        if self.rule == "eyes-mouth":
            return eyes_mouth_transforms(kps, self.points)
        if self.rule == "umeyama":
            return umeyama_transforms(kps, self.points)
        return similarity_transforms(kps, self.points, reflect=reflect)


_MEAN_FACE = (
    (30.2946, 51.6963),
    (65.5318, 51.5014),
    (48.0252, 71.7366),
    (33.5493, 92.3655),
    (62.7299, 92.2041),
)


def _moved(x: float, y: float, scale: float = 1.0) -> NDArray[np.float64]:
    """Return the mean face moved, then scaled."""
    face: NDArray[np.float64] = (np.array(_MEAN_FACE) + np.array([x, y])) * scale
    return face


def _known() -> dict[str, Template]:
    """Make the templates; few and small, so they are made anew rather than kept."""
    scale = 218 / 112
    return {
        template.name: template
        for template in (
            Template("arcface", (112, 112), _moved(8, 0)),
            Template("insightface", (112, 112), _moved(8, 0), "umeyama"),
            Template("sphereface", (112, 96), _moved(0, 0)),
            Template("lightcnn", (128, 128), np.array([[64, 40], [64, 88]]), "eyes-mouth"),
            Template("160", (160, 160), _moved(32, 24)),
            Template("dot85", (256, 256), _moved(8, 0, scale) + 19),
        )
    }


TEMPLATES = ("arcface", "insightface", "sphereface", "lightcnn", "160", "dot85")
"""Names that `get_template` knows."""


def get_template(template: str | Template) -> Template:
    """Return a template by name; one that is a `Template` already is returned as it is.

    Parameters
    ----------
    template
        ``"arcface"`` 112 x 112; ``"insightface"``, the same fitted as that library does;
        ``"sphereface"`` 112 high, 96 wide; ``"lightcnn"`` 128 x 128 with the eyes' centre at
        (64, 40) and the mouth's 48 pixels below; ``"160"`` 160 x 160; ``"dot85"`` 256 x 256, of
        which the 112 x 112 crop takes 85 %.

    Raises
    ------
    InputError
        No such template.

    Examples
    --------
    >>> get_template("sphereface").size, get_template("160").points[0].round(4).tolist()
    ((112, 96), [62.2946, 75.6963])
    """
    if isinstance(template, Template):
        return template
    known: dict[Any, Template] = _known()
    if not isinstance(template, str) or template not in known:
        names = ", ".join(TEMPLATES)
        raise InputError(f"found template {template!r}, expected a Template or one of {names}")
    return known[template]
