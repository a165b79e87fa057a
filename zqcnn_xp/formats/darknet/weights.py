"""The bytes of a .weights file: a header of 16 or 20 bytes, then float32 in layer order."""

from __future__ import annotations

import struct
from math import prod
from typing import Any

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.darknet.network import Network, Weight
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.source import ModelSource, Source, read_source
from zqcnn_xp.formats.weights import FileWeights, WeightStream, random_weights

__all__ = ["load_weights", "read_header"]

_TURNED_FROM = 1000


def read_header(source: Source) -> tuple[int, bool]:
    """Read the header: int32 major, minor and revision, and the images seen in training.

    These are int64 from version 0.2 on, else int32.

    Returns
    -------
    size, turned
        Bytes of the header, and whether weights of ``[connected]`` lie [I][O].

    Raises
    ------
    FormatError
        If there are too few bytes.
    """
    have = len(source.data)
    if have >= 12:
        major, minor, _ = struct.unpack_from("<3i", source.data)
        turned = major > _TURNED_FROM or minor > _TURNED_FROM
        size = 20 if major * 10 + minor >= 2 and not turned else 16
        if have >= size:
            return size, turned
    found = f"{have} bytes"
    expected = "a header of 20 bytes (16 before version 0.2) and weights"
    raise FormatError(source.name, "byte 0", found, expected)


def load_weights(
    net: Network, source: ModelSource | None, model: str, limits: Limits
) -> list[dict[str, Any]]:
    """Take all weights of a network.

    Parameters
    ----------
    net
        The network.
    source
        Path, binary file object, bytes; ``"random"`` or ``"random:SEED"`` for random weights.
    model
        Name of the .cfg file, for the message.
    limits
        Bounds.

    Returns
    -------
    list of dict
        Arrays by name for each step, in the layout of its op.

    Raises
    ------
    FormatError
        If ``source`` is None, or its count of numbers is not the network's: a pair of files that
        do not belong together fits in shape often enough.
    """
    if source is None:
        found = "no weights"
        expected = (
            "the .weights file that belongs to it (or weights='random' to look at shapes and "
            "speed only)"
        )
        raise FormatError(model, "", found, expected)
    stream: WeightStream | None = random_weights(source, limits)
    turned = False
    if stream is None:
        file = read_source(source, limits)
        header, turned = read_header(file)
        _check_count(net, file, header)
        stream = FileWeights(file, None, limits, header)
    found_weights: list[dict[str, Any]] = [{} for _ in net.steps]
    for want in net.weights:
        array = _take(net, stream, want, turned)
        found_weights[want.step][want.name] = array
    stream.finish()
    return found_weights


def _take(net: Network, stream: WeightStream, want: Weight, turned: bool) -> Any:
    section = net.steps[want.step].section
    shape, order = want.shape, want.order
    if turned and want.turned:
        shape, order = (*shape[1:], shape[0]), (1, 2, 0, 3)
    array = stream.take(section, want.name, shape)
    return array if order is None else np.ascontiguousarray(array.transpose(order))


def _check_count(net: Network, source: Source, header: int) -> None:
    """Compare the number of floats with that of the network, before any is taken."""
    have, odd = divmod(len(source.data) - header, 4)
    total = 0
    short = ""
    for want in net.weights:
        total += prod(want.shape)
        if total > have and not short:
            section = net.steps[want.step].section
            short = (
                f"; they end in {want.name!r} of layer {section.name!r} "
                f"({section.file} line {section.line})"
            )
    if have == total and not odd:
        return
    rest = f" and {odd} bytes" if odd else ""
    found = f"{have:,} floats{rest} after the header{short}"
    place = f"byte {header + 4 * min(have, total)}"
    expected = f"{total:,}, as many as the .cfg file describes: do the two belong together?"
    raise FormatError(source.name, place, found, expected)
