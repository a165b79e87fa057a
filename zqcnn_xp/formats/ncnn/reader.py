"""The reader object that format discovery finds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.options import beside, check_options, check_size
from zqcnn_xp.formats.sizes import choose_size
from zqcnn_xp.formats.source import ModelSource, read_source
from zqcnn_xp.graph import Graph

__all__ = ["NcnnReader"]

_HEAD = re.compile(rb"\s*7767517\s")
# The oldest files: two counts, then an Input line.
_OLD = re.compile(rb"\s*[0-9]{1,6} [0-9]{1,6}\s+Input\s+\S+\s+0\s+1\s")


class NcnnReader:
    """Reader of .param and .bin."""

    name = "ncnn"

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        r"""Say whether the first line is ncnn's magic number, or counts before an Input.

        Examples
        --------
        >>> NcnnReader().sniff(b"7767517\n2 2\nInput")
        True
        """
        return _HEAD.match(head) is not None or _OLD.match(head) is not None

    def read(
        self,
        model: ModelSource,
        weights: ModelSource | None = None,
        *,
        fold: bool = True,
        compat: str | None = None,
        limits: Limits | None = None,
        input_size: tuple[int, int] | None = None,
        **unknown: Any,
    ) -> Graph:
        r"""Read a network.

        Parameters
        ----------
        model
            The .param file: path, binary file object or bytes.
        weights
            The .bin file: path, binary file object or bytes; None looks for ``NAME.bin`` beside
            ``NAME.param``.
        fold
            No effect here: folding is a session's.
        compat
            None.
        limits
            Bounds on what the files may ask for.
        input_size
            (height, width) of the image, where the network has a product over a whole map and
            its Input names no size; None takes the roundest size that fits the weights.

        Returns
        -------
        Graph
            Inputs in (N, C, H, W) order; a blob of one or two dimensions is (N, W) or
            (N, H, W). int8 weights are turned back into float32. The maps before a YOLO decoder
            are outputs, the decoder is left out; ``meta["heads"]`` says what its keys hold
            (`zqcnn_xp.formats.heads`).

        Raises
        ------
        FormatError
            If a file does not say what it should: names the line, or the byte of the weights.
        InputError
            For an unknown option, or where no weights are found.
        OSError
            If a path cannot be read.

        Warns
        -----
        TrailingWeightsWarning
            If the .bin file holds more than the network reads.

        Examples
        --------
        >>> text = b"7767517\n2 2\nInput x 0 1 x 0=8 1=8 2=3\nReLU r 1 1 x y 0=0.1\n"
        >>> NcnnReader().read(text, b"").shapes({"x": (2, 3, 5, 7)})["y"]
        (2, 3, 5, 7)
        """
        # Late, so that listing formats costs nothing.
        from zqcnn_xp.formats.ncnn.lower import input_shapes, lower
        from zqcnn_xp.formats.ncnn.parse import parse
        from zqcnn_xp.formats.ncnn.storage import BinWeights

        check_options(compat, unknown, ("fold", "compat", "limits", "input_size"))
        size = check_size(input_size)
        limits = limits or Limits()
        given = beside(model, weights, _bin_beside, "the .bin file that belongs to it")
        text = read_source(model, limits)
        records = parse(text.name, text.data, limits)
        source = read_source(given, limits)
        free = input_shapes(records)
        if not free:
            raise FormatError(text.name, "", "no Input layer", "at least one")
        maps = [shape for shape in free.values() if len(shape) == 4]
        named = next((s[2:] for s in maps if None not in s[1:]), None)
        declared = (named[0] or 0, named[1] or 0) if named is not None else None

        stream = BinWeights(source, limits)

        def at(cells: tuple[int, int]) -> tuple[Graph, bool]:
            nonlocal stream
            shapes = {
                name: (1, shape[1] or 0, *cells)
                if len(shape) == 4 and (shape[2:] in (named, (None, None)))
                else tuple(n or 1 for n in shape)
                for name, shape in free.items()
            }
            stream = BinWeights(source, limits)
            with np.errstate(all="ignore"):
                return lower(records, shapes, stream, limits)

        graph = choose_size(at, text.name, size, declared=declared, whole=not maps)
        stream.finish()
        return graph


def _bin_beside(model: Path) -> list[Path]:
    return [model.with_suffix(".bin")]
