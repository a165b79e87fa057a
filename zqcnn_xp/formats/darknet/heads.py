"""Detection heads: what they say about the raw map before them, which is an output."""

from __future__ import annotations

from math import prod
from typing import Any

from zqcnn_xp.formats.darknet.network import Network
from zqcnn_xp.formats.darknet.section import Section

__all__ = ["head"]

_MOST = 10_000


def head(net: Network, section: Section) -> dict[str, Any]:
    """Describe a head, and check that the map before it has the values that it describes.

    Returns
    -------
    dict
        As `zqcnn_xp.formats.darknet` says.

    Raises
    ------
    FormatError
        If the channels do not fit, anchors are missing, or a mask is out of range.
    """
    value = net.previous(section)
    found: dict[str, Any] = {
        "type": section.kind,
        "name": section.name,
        "index": section.index,
        "input": value,
        "classes": section.integer(
            "classes", 1 if section.kind == "detection" else 20, low=1, high=1 << 20
        ),
        "num": section.integer("num", 1, low=1, high=_MOST),
    }
    shape = net.shapes[value]
    if section.kind == "detection":
        side = section.integer("side", 7, low=1, high=_MOST)
        coords = section.integer("coords", 1, low=1, high=_MOST)
        found.update(
            side=side, coords=coords, softmax=bool(section.integer("softmax", 0)),
            sqrt=bool(section.integer("sqrt", 0)),
        )  # fmt: skip
        want = side * side * ((1 + coords) * found["num"] + found["classes"])
        _check(section, prod(shape[1:]), want, "values", "side, num, coords and classes")
        return found
    found["anchors"] = _anchors(section, found["num"])
    if section.kind == "region":
        coords = section.integer("coords", 4, low=4, high=_MOST)
        flags = ("softmax", "background", "classfix", "bias_match")
        found.update(coords=coords, **{key: section.integer(key, 0) for key in flags})
        want = found["num"] * (coords + 1 + found["classes"])
        _check(section, shape[1], want, "channels", "num, coords and classes")
        return found
    found["mask"] = tuple(range(found["num"]))
    if section.has("mask"):
        found["mask"] = section.integers("mask", low=0, high=found["num"] - 1)
    found.update(
        scale_x_y=section.number("scale_x_y", 1.0),
        new_coords=bool(section.integer("new_coords", 0)),
        nms_kind=section.text("nms_kind", "default"),
        beta_nms=section.number("beta_nms", 0.6),
    )
    gaussian = section.kind == "gaussian_yolo"
    if gaussian:
        found["yolo_point"] = section.text("yolo_point", "center")
    want = len(found["mask"]) * ((9 if gaussian else 5) + found["classes"])
    _check(section, shape[1], want, "channels", "mask and classes")
    return found


def _anchors(section: Section, num: int) -> tuple[tuple[float, float], ...]:
    if not section.has("anchors"):
        return ((0.5, 0.5),) * num  # Darknet's default
    values = section.numbers("anchors")
    if len(values) < 2 * num:
        found = f"{len(values)} numbers in anchors"
        raise section.error(found, f"two for each of the num={num}", "anchors")
    return tuple(zip(values[: 2 * num : 2], values[1 : 2 * num : 2], strict=True))


def _check(section: Section, have: int, want: int, what: str, whence: str) -> None:
    if have != want:
        found = f"{have} {what} before {section.name!r}"
        raise section.error(found, f"{want}, by its {whence}")
