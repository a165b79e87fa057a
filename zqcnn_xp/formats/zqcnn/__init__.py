"""ZQCNN's network files: layers as text (.zqparams), weights as raw floats (.nchwbin).

The text is parsed into records (`parse`), each record is lowered to an op with its weights
(`lower`), the original's merging is applied where it is asked for (`merge`), and blob names
become values (`link`).
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any

from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.options import check_options
from zqcnn_xp.formats.source import ModelSource, read_source
from zqcnn_xp.formats.zqcnn.check import check_merged
from zqcnn_xp.formats.zqcnn.link import link
from zqcnn_xp.formats.zqcnn.lower import lower, lower_input
from zqcnn_xp.formats.zqcnn.merge import merge
from zqcnn_xp.formats.zqcnn.parse import parse
from zqcnn_xp.formats.zqcnn.weights import open_weights
from zqcnn_xp.graph import Graph

__all__ = ["ZqcnnReader", "reader"]

_CUT_MERGED = 1e-9
_CUT_PLAIN = 1e-12


class ZqcnnReader:
    """Reader of .zqparams and .nchwbin."""

    name = "zqcnn"

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        r"""Say whether the first line that is no comment is an ``Input`` with a name.

        Examples
        --------
        >>> reader.sniff(b"# a net\r\nINPUT name=data C=3"), reader.sniff(b"{}", "a.json")
        (True, False)
        """
        for line in head.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n").split(b"\n"):
            words = line.lower().split()
            if words and not words[0].startswith(b"#"):
                names = any(word.startswith((b"name=", b"name:")) for word in words)
                return words[0] == b"input" and names
        return False

    def read(
        self,
        model: ModelSource,
        weights: ModelSource | None = None,
        *,
        fold: bool = True,
        compat: str | None = None,
        limits: Limits | None = None,
        **unknown: Any,
    ) -> Graph:
        r"""Read a network.

        Parameters
        ----------
        model
            The text file: path, binary file object or bytes.
        weights
            The weight file: path, binary file object or bytes. None takes the .nchwbin file of
            the model's name beside it. ``"random"`` or ``"random:SEED"`` makes seeded random
            weights, for shapes and timing.
        fold
            With ``compat="zqcnn"``: merge as the original does (`merge`), and cut weights
            below 1e-9 before and after; otherwise cut below 1e-12 and merge nothing. Without
            ``compat`` the graph is as the file says: the exact folding is a session's.
        compat
            None computes what the layers mean: SAME padding and PriorBox at the size at hand,
            padding that never wins a maximum, the file's own eps, an empty result where nothing
            is detected. ``"zqcnn"`` computes what the original computes.
        limits
            Bounds on what a file may ask for.

        Returns
        -------
        Graph
            One input (N, C, H, W) of float32. Without ``compat`` denormal weights are 0, no
            others are changed.

        Raises
        ------
        FormatError
            If a file does not say what it should: names the line, or the byte of the weights.
        InputError
            For an unknown ``compat`` or option.
        OSError
            If a path cannot be read.

        Warns
        -----
        TrailingWeightsWarning
            If the weight file holds more than the network reads.
        UnknownKeyWarning
            If a layer has a key that its type does not know.

        Examples
        --------
        >>> text = b"Input name=x C=3\nConvolution name=c bottom=x top=y num_output=8 kernel_size=3"
        >>> graph = reader.read(text, "random:1")
        >>> graph.shapes({"x": (2, 3, 10, 12)})["y"]
        (2, 8, 8, 10)
        """
        check_options(compat, unknown, ("fold", "compat", "limits"), rules=("zqcnn",))
        bounds = limits or Limits()
        text = read_source(model, bounds)
        records = parse(text.name, text.data, bounds)
        source = lower_input(records)
        cut = None if compat is None else _CUT_MERGED if fold else _CUT_PLAIN
        if weights is None:
            weights = _beside(model)
        stream = open_weights(weights, text.name, cut, bounds)
        layers = lower(records, source, stream, bounds, compat=compat is not None)
        if compat is not None and fold:
            layers = merge(layers, _CUT_MERGED)
            check_merged(layers, source)
        return link(layers, source, PurePath(text.name).stem, text.name)


def _beside(model: ModelSource) -> Path | None:
    """Return the weight file of a model's name in its folder, where there is one."""
    if not isinstance(model, (str, os.PathLike)):
        return None
    path = Path(os.fspath(model)).with_suffix(".nchwbin")
    return path if path.is_file() else None


reader = ZqcnnReader()
"""The object that the entry point names."""
