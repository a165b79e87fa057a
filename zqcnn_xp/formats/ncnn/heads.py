"""YOLO decoders, which are left out of a graph: what they say about the maps that they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zqcnn_xp.formats.heads import describe
from zqcnn_xp.formats.ncnn.call import Operand
from zqcnn_xp.formats.ncnn.record import Record
from zqcnn_xp.ops.base import Shape

__all__ = ["HEADS", "heads_of"]

HEADS = ("Yolov3DetectionOutput", "YoloDetectionOutput")
_MOST = 10_000


def heads_of(
    records: Sequence[Record], found: Mapping[str, Operand], shapes: Mapping[str, Shape]
) -> tuple[dict[str, Any], ...]:
    """Describe the maps of all decoders, as `zqcnn_xp.formats.heads` says.

    Parameters
    ----------
    records
        All layers.
    found, shapes
        Blob to value, and the shape of every value.

    Raises
    ------
    FormatError
        If a decoder's keys do not fit each other or the maps: names the line.
    """
    heads: list[dict[str, Any]] = []
    for index, record in enumerate(records):
        if record.kind in HEADS:
            heads += _decoder(index, record, found, shapes)
    return tuple(heads)


def _decoder(
    index: int, record: Record, found: Mapping[str, Operand], shapes: Mapping[str, Shape]
) -> list[dict[str, Any]]:
    classes, boxes = record.integer(0, 20, low=1), record.integer(1, 5, low=1)
    if classes > 1 << 20 or boxes > _MOST:
        raise record.error(f"{classes} classes, {boxes} boxes", f"up to {1 << 20} and {_MOST}")
    numbers = record.numbers(4)
    if len(numbers) % 2:
        raise record.error(f"{len(numbers)} numbers in anchors", "two for each anchor")
    anchors = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    keys: dict[str, Any] = {
        "anchors": anchors,
        "score_threshold": record.number(2, 0.01),
        "nms_threshold": record.number(3, 0.45),
    }
    given = [{"softmax": True, "bias_match": True}] * len(record.bottoms)
    version3 = record.kind == HEADS[0]
    if version3:
        given = _version3(record, boxes, len(anchors))
    elif len(anchors) != boxes:
        raise record.error(f"{len(anchors)} anchors", f"{boxes}, by its boxes")
    heads = []
    for blob, more in zip(record.bottoms, given, strict=True):
        value = found[blob]
        shape = shapes.get(value, ()) if isinstance(value, str) else ()
        want = boxes * (5 + classes)
        if len(shape) != 4 or shape[1] != want:
            raise record.error(f"bottom {blob!r} of shape {shape}", f"a map of {want} channels")
        kind = "yolo" if version3 else "region"
        num = len(anchors)
        name = record.name
        heads.append(describe(kind, name, index, str(value), classes, num, **keys, **more))
    return heads


def _version3(record: Record, boxes: int, anchors: int) -> list[dict[str, Any]]:
    """Return mask and stride of every map; masks are whole numbers as the bits of floats."""
    words = np.asarray(record.integers(5), np.int64).astype(np.int32)
    masks = words.view(np.float32)
    if not all(0 <= mask < anchors and mask % 1 == 0 for mask in masks.tolist()):
        found = f"masks {record.arrays.get(5)}"
        raise record.error(found, f"whole numbers below {anchors} as the bits of floats")
    strides, maps = record.numbers(6), len(record.bottoms)
    if not all(stride > 0 for stride in strides):
        raise record.error(f"strides {strides}", "pixels from cell to cell, above 0")
    if len(masks) != boxes * maps or len(strides) != maps:
        found = f"{len(masks)} masks and {len(strides)} strides"
        raise record.error(found, f"{boxes * maps} and {maps}, by its boxes and bottoms")
    return [
        {
            "mask": tuple(int(mask) for mask in masks[boxes * k : boxes * (k + 1)]),
            "stride": int(strides[k]) if strides[k] % 1 == 0 else None,
            "score": "nested",
        }
        for k in range(maps)
    ]
