"""The reader object that format discovery finds."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from zqcnn_xp.errors import TrailingWeightsWarning
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.options import beside, check_options
from zqcnn_xp.formats.source import ModelSource, read_source
from zqcnn_xp.graph import Graph

__all__ = ["OpenVinoReader"]

_NET = re.compile(rb"<net\s[^<>]*\bversion\s*=\s*[\"'](\d+)[\"']")
_OPTIONS = ("fold", "compat", "limits", "input_size")
# A writer aligns constants and may end with a gap.
_SLACK = 64


class OpenVinoReader:
    """Reader of .xml and .bin."""

    name = "openvino"

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        r"""Say whether the file starts as an XML with the root element ``<net version=...>``.

        Examples
        --------
        >>> OpenVinoReader().sniff(b'<?xml version="1.0"?>\n<net name="m" version="11">')
        True
        """
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return text.startswith(b"<") and _NET.search(text[:2048]) is not None

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
        """Read a network.

        Parameters
        ----------
        model
            The .xml file: path, binary file object or bytes.
        weights
            The .bin file: path, binary file object or bytes. None takes the file beside a model
            given as a path: ``net.bin`` for ``net.xml``.
        fold
            Without effect: the graph is as the file says, and the exact folding a session's.
        compat
            None; only ZQCNN's files have another rule.
        limits
            Bounds on what a file may ask for.
        input_size
            (height, width) to take where the file leaves those of an image free, None for free.

        Returns
        -------
        Graph
            Inputs of float32 in (N, C, H, W) order, computed in float32 whatever the file's
            precision. Values go by their tensor names and their layers' names.

        Raises
        ------
        FormatError
            If a file does not say what it should, or has what is not covered: names the line,
            the layer and its type.
        InputError
            For a wrong option, or if there is no .bin file.
        OSError
            If a path cannot be read.

        Warns
        -----
        TrailingWeightsWarning
            If bytes behind the last constant belong to none.
        """
        from zqcnn_xp.formats.onnx.reader import check_size
        from zqcnn_xp.formats.openvino.blobs import Blobs
        from zqcnn_xp.formats.openvino.lower import lower
        from zqcnn_xp.formats.openvino.model import aliases, to_model
        from zqcnn_xp.formats.openvino.parse import parse

        check_options(compat, unknown, _OPTIONS)
        size = check_size(input_size)
        bounds = limits or Limits()
        weights = beside(model, weights, _beside, "the model's .bin file as weights")
        text = read_source(model, bounds)
        net = parse(text.name, text.data, bounds)
        blobs = Blobs(read_source(weights, bounds), text.name, bounds)
        # Weights may hold anything; arithmetic on them warns of nothing.
        with np.errstate(all="ignore"):
            graph = lower(to_model(net, blobs), aliases(net), bounds, size)
        rest = blobs.rest()
        if rest > _SLACK:
            msg = (
                f"{blobs.weights.name}: {rest:,} bytes behind the last constant are not used; the "
                ".bin may belong to another .xml"
            )
            warnings.warn(msg, TrailingWeightsWarning, stacklevel=2)
        return graph


def _beside(path: Path) -> list[Path]:
    return [path.with_suffix(".bin")]
