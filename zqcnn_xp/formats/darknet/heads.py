"""Detection heads: what they say about the raw map before them, which is an output."""

from __future__ import annotations

from math import prod
from typing import Any

from zqcnn_xp.formats.darknet.network import Network
from zqcnn_xp.formats.darknet.section import Section
from zqcnn_xp.formats.heads import describe
from zqcnn_xp.ops.base import Shape

__all__ = ["head"]

_MOST = 10_000


def head(net: Network, section: Section) -> dict[str, Any]:
    """Describe a head, and check that the map before it has the values that it describes.

    Returns
    -------
    dict
        As `zqcnn_xp.formats.heads` says.

    Raises
    ------
    FormatError
        If the channels do not fit, anchors are missing, or a mask is out of range.
    """
    value = net.previous(section)
    classes = section.integer(
        "classes", 1 if section.kind == "detection" else 20, low=1, high=1 << 20
    )
    num = section.integer("num", 1, low=1, high=_MOST)
    keys = {"detection": _detection, "region": _region}.get(section.kind, _yolo)
    rest = keys(section, net, net.shapes[value], classes, num)
    return describe(section.kind, section.name, section.index, value, classes, num, **rest)


def _detection(
    section: Section, net: Network, shape: Shape, classes: int, num: int
) -> dict[str, Any]:
    side = section.integer("side", 7, low=1, high=_MOST)
    coords = section.integer("coords", 1, low=1, high=_MOST)
    want = side * side * ((1 + coords) * num + classes)
    _check(section, prod(shape[1:]), want, "values", "side, num, coords and classes")
    return {
        "side": side,
        "coords": coords,
        "softmax": bool(section.integer("softmax", 0)),
        "sqrt": bool(section.integer("sqrt", 0)),
    }


def _region(section: Section, net: Network, shape: Shape, classes: int, num: int) -> dict[str, Any]:
    coords = section.integer("coords", 4, low=4, high=_MOST)
    _check(section, shape[1], num * (coords + 1 + classes), "channels", "num, coords and classes")
    return {
        "anchors": _anchors(section, num),
        "coords": coords,
        **{key: bool(section.integer(key, 0)) for key in ("softmax", "background", "bias_match")},
        "classfix": section.integer("classfix", 0),
    }


def _yolo(section: Section, net: Network, shape: Shape, classes: int, num: int) -> dict[str, Any]:
    found: dict[str, Any] = {"anchors": _anchors(section, num), "mask": tuple(range(num))}
    if section.has("mask"):
        found["mask"] = section.integers("mask", low=0, high=num - 1)
    found.update(
        stride=_stride(net.shapes[net.source], shape),
        scale_x_y=section.number("scale_x_y", 1.0),
        new_coords=bool(section.integer("new_coords", 0)),
        nms_kind=section.text("nms_kind", "default"),
        beta_nms=section.number("beta_nms", 0.6),
    )
    values = 5
    if section.kind == "gaussian_yolo":
        values = 9
        found["yolo_point"] = section.text("yolo_point", "center")
    want = len(found["mask"]) * (values + classes)
    _check(section, shape[1], want, "channels", "mask and classes")
    return found


def _stride(image: Shape, shape: Shape) -> int | None:
    """Return pixels of the input from cell to cell, None if they are not whole and the same."""
    down, across = (
        divmod(size, cells) if cells else (0, 1)
        for size, cells in zip(image[2:], shape[2:], strict=True)
    )
    return down[0] if down == across and not down[1] else None


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
