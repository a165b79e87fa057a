"""The reader object that format discovery finds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.options import check_options
from zqcnn_xp.formats.source import ModelSource, read_source
from zqcnn_xp.graph import Graph

__all__ = ["OnnxReader", "check_size"]

# Field 1 (ir_version) as a varint below 128, then field 2, 3, 4 or 5 (producer, domain, version),
# 6 (documentation), 7 (the graph) or 8 (operator sets).
_FIRST, _SECOND = 0x08, frozenset((0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42))


class OnnxReader:
    """Reads ONNX models."""

    name = "onnx"

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        """Tell whether this is an ONNX file, by its name or its first three bytes."""
        if filename is not None and filename.lower().endswith(".onnx"):
            return True
        head = head[:3]
        return len(head) == 3 and head[0] == _FIRST and 0 < head[1] < 64 and head[2] in _SECOND

    def read(
        self,
        model: ModelSource,
        weights: ModelSource | None = None,
        *,
        fold: bool = True,
        compat: str | None = None,
        limits: Limits | None = None,
        input_size: tuple[int | None, int | None] | None = None,
        **unknown: Any,
    ) -> Graph:
        """Read a model.

        Parameters
        ----------
        model
            Path, binary file object or bytes. External data needs a path.
        weights
            None: an ONNX file holds its weights.
        fold
            No effect here: folding is a session's.
        compat
            None: an ONNX file states every rule itself.
        limits
            Bounds on what the file may ask for.
        input_size
            (height, width) to take where the file leaves those of an image free, None for
            free: for networks that state no size but admit only one.

        Returns
        -------
        Graph
            With inputs in (N, C, H, W) order and outputs in the file's order.

        Raises
        ------
        FormatError
            Naming the file, the node and its op type, or the tensor.
        InputError
            If ``weights``, ``compat`` or an unknown option is given, or ``input_size`` is no
            pair of sizes.
        """
        # Late, so that listing formats costs nothing.
        from zqcnn_xp.formats.onnx.counts import check_counts
        from zqcnn_xp.formats.onnx.external import ExternalData
        from zqcnn_xp.formats.onnx.lower import lower
        from zqcnn_xp.formats.onnx.proto import parse

        if weights is not None:
            msg = "found weights beside an ONNX model, expected none: the model holds its own"
            raise InputError(msg)
        check_options(compat, unknown, ("fold", "compat", "limits", "input_size"))
        limits = limits or Limits()
        source = read_source(model, limits)
        check_counts(source.name, source.data, limits)
        is_path = isinstance(model, (str, os.PathLike))
        folder = Path(os.fspath(model)).parent if is_path else None
        # Weights may hold anything; arithmetic on them warns of nothing.
        with np.errstate(all="ignore"):
            external = ExternalData(source.name, folder)
            return lower(parse(source.name, source.data, external), limits, check_size(input_size))


def check_size(
    size: tuple[int | None, int | None] | None,
) -> tuple[int | None, int | None]:
    """Return (height, width), either None where it stays free.

    Raises
    ------
    InputError
        If it is no pair of positive integers or None.

    Examples
    --------
    >>> check_size((48, None))
    (48, None)
    """
    if size is None:
        return (None, None)
    pair = tuple(size) if isinstance(size, (tuple, list)) else ()
    fits = all(cells is None or (type(cells) is int and 1 <= cells <= 1 << 20) for cells in pair)
    if len(pair) != 2 or not fits:
        msg = f"found input_size={size!r}, expected (height, width) in pixels, None where free"
        raise InputError(msg)
    return pair[0], pair[1]
