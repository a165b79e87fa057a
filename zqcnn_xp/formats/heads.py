"""Detection heads: one vocabulary for what every format says about the raw maps before them.

Boxes are decoded outside of a graph, whose outputs are the raw maps. ``Graph.meta["heads"]`` is
a tuple of dicts, one a map, in file order. Every head of a type has the same keys, whichever
format it comes from; what a format does not say has the default.

==========================  ===================================================================
``type``                    ``"yolo"``, ``"gaussian_yolo"``, ``"region"`` or ``"detection"``
``name``, ``index``         of the head's own layer, and its number in the file, from 0
``input``                   the output of the graph that it interprets
``classes``, ``num``        classes, and anchors in all (boxes a cell for ``detection``)
``score``                   ``"product"``: sigmoid(objectness) * sigmoid(class), or the class's
                            softmax for ``region``. ``"nested"``: what ncnn computes for yolo,
                            1 / (1 + exp(-objectness) * (1 + exp(-class))), a little more
``score_threshold``         scores to keep, None where the file does not say
``nms_threshold``           overlap from which a box is dropped, None where it does not say
``anchors``                 all but detection: (width, height) of every anchor, in pixels of the
                            network's input, for ``region`` in cells
``mask``                    yolo types: which anchors the map's boxes have
``stride``                  yolo types: pixels of the input from cell to cell; None if not whole
``scale_x_y``               yolo types: factor of the offset within a cell, 1.0 if not given
``new_coords``              yolo types: whether the map is already activated (Scaled-YOLOv4)
``nms_kind``                yolo types: ``"default"``, ``"greedynms"``, ``"diounms"`` ...; what
                            ``greedynms`` compares, IoU or DIoU, depends on the fork of Darknet
``beta_nms``                yolo types: 0.6 if not given
``yolo_point``              gaussian_yolo: ``"center"``, ``"left_top"`` or ``"right_bottom"``
``coords``                  region, detection: numbers of a box
``softmax``                 region, detection: whether classes exclude each other
``background``, ...         region: ``classfix`` and ``bias_match`` likewise, as in the file
``side``, ``sqrt``          detection: cells of a side, and whether sizes are square roots
==========================  ===================================================================

A yolo map has, for each anchor of the mask, the channels x, y, width, height, objectness and one
a class. With s = ``scale_x_y`` and the cell (i, j) of an H x W map, a box's middle is
(sigmoid(x) * s - (s - 1) / 2 + j) / W and likewise down, its size exp(width) * anchor /
(``stride`` * W), as shares of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from zqcnn_xp.errors import InputError

__all__ = ["HEAD_KEYS", "describe"]

_NAMED = ("type", "name", "index", "input", "classes", "num")
_COMMON = {"score": "product", "score_threshold": None, "nms_threshold": None}
_YOLO = {
    **_COMMON, "anchors": (), "mask": (), "stride": None, "scale_x_y": 1.0,
    "new_coords": False, "nms_kind": "default", "beta_nms": 0.6,
}  # fmt: skip
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "yolo": _YOLO,
    "gaussian_yolo": {**_YOLO, "yolo_point": "center"},
    "region": {
        **_COMMON, "anchors": (), "coords": 4, "softmax": False, "background": False,
        "classfix": 0, "bias_match": False,
    },
    "detection": {**_COMMON, "side": 7, "coords": 1, "softmax": False, "sqrt": False},
}  # fmt: skip

HEAD_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {kind: (*_NAMED, *defaults) for kind, defaults in _DEFAULTS.items()}
)
"""The keys of every type of head, in order."""


def describe(
    kind: str, name: str, index: int, value: str, classes: int, num: int, **rest: Any
) -> dict[str, Any]:
    """Describe a head with all keys of its type.

    Parameters
    ----------
    kind, name, index, value, classes, num
        ``type``, ``name``, ``index``, ``input``, ``classes`` and ``num``.
    rest
        What the file says; the other keys get their defaults.

    Raises
    ------
    InputError
        For an unknown type, or a key that the type does not have.

    Examples
    --------
    >>> head = describe("yolo", "yolo_51", 51, "convolutional_50", 1, 6, mask=(0, 1, 2))
    >>> head["input"], head["mask"], head["nms_kind"], head["score_threshold"]
    ('convolutional_50', (0, 1, 2), 'default', None)
    """
    if kind not in _DEFAULTS:
        msg = f"found head type {kind!r}, expected one of {', '.join(_DEFAULTS)}"
        raise InputError(msg)
    unknown = sorted(rest.keys() - _DEFAULTS[kind].keys())
    if unknown:
        msg = f"found key {unknown[0]!r} of a {kind} head, expected {', '.join(_DEFAULTS[kind])}"
        raise InputError(msg)
    named = dict(zip(_NAMED, (kind, name, index, value, classes, num), strict=True))
    return {**named, **_DEFAULTS[kind], **rest}
