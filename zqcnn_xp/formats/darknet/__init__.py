"""Darknet's network files: layers as text (.cfg), weights as raw floats (.weights).

The text is parsed into sections (`parse`), each section is lowered to ops (`lower`), and the
weights, whose count has to be the network's, are taken in layer order (`weights`).

A layer's value is named by its type and Darknet's number: ``"convolutional_0"``. What happens
within a layer has names as ``"convolutional_0.conv"`` and ``"convolutional_0.bn"``.

The outputs are the raw maps before the detection heads. What the heads say about them is in
``Graph.meta["heads"]``, as `zqcnn_xp.formats.heads` describes it.

The input is RGB of 0 to 1, shape (N, C, H, W).
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats.darknet.lower import link, lower
from zqcnn_xp.formats.darknet.parse import parse
from zqcnn_xp.formats.darknet.weights import load_weights
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.options import check_options
from zqcnn_xp.formats.source import ModelSource, read_source
from zqcnn_xp.graph import Graph

__all__ = ["DarknetReader", "reader"]

_OPTIONS = ("fold", "compat", "limits", "bn_eps")


class DarknetReader:
    """Reader of .cfg and .weights."""

    name = "darknet"

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        r"""Say whether the first line that is no comment is ``[net]`` or ``[network]``.

        Examples
        --------
        >>> reader.sniff(b"# yolo\r\n[net]\r\nwidth=416"), reader.sniff(b"[tool]", "a.cfg")
        (True, False)
        """
        for line in head.removeprefix(b"\xef\xbb\xbf").splitlines():
            word = line.partition(b"#")[0].translate(None, b" \t").lower()
            if word and not word.startswith(b";"):
                return word in (b"[net]", b"[network]")
        return False

    def read(
        self,
        model: ModelSource,
        weights: ModelSource | None = None,
        *,
        fold: bool = True,
        compat: str | None = None,
        limits: Limits | None = None,
        bn_eps: float = 1e-5,
        **unknown: Any,
    ) -> Graph:
        r"""Read a network.

        Parameters
        ----------
        model
            The .cfg file: path, binary file object or bytes.
        weights
            The .weights file: path, binary file object or bytes. None takes the file beside a
            model given as a path: ``yolo.weights`` for ``yolo.cfg``. ``"random"`` or
            ``"random:SEED"`` makes seeded random weights, for shapes and timing.
        fold
            Without effect: the graph is as the file says, and the exact folding a session's.
        compat
            None; Darknet has one set of rules.
        limits
            Bounds on what a file may ask for.
        bn_eps
            Added to the variance in batch normalisation. The default is what Darknet's command
            line folds with; OpenCV, and some forks without folding, take 1e-6.

        Returns
        -------
        Graph
            One input ``data`` (N, C, H, W) of float32, RGB of 0 to 1. The outputs are the raw
            maps before the detection heads; ``meta["heads"]`` describes them
            (`zqcnn_xp.formats.heads`). Without a head, the last layer's result.

        Raises
        ------
        FormatError
            If a file does not say what it should, or the two do not belong together: names the
            line, or the byte of the weights.
        InputError
            For a ``compat``, a wrong ``bn_eps``, or an unknown option.
        OSError
            If a path cannot be read.

        Warns
        -----
        UnknownKeyWarning
            If a layer has an option that its type does not know.

        Examples
        --------
        >>> text = b"[net]\nwidth=32\nheight=24\nchannels=3\n[maxpool]\nsize=2\nstride=2"
        >>> graph = reader.read(text, "random")
        >>> graph.outputs, graph.shapes({"data": (2, 3, 10, 12)})["maxpool_0"]
        (('maxpool_0',), (2, 3, 5, 6))
        """
        check_options(compat, unknown, _OPTIONS)
        if not isinstance(bn_eps, (int, float)) or not 0 <= bn_eps < 1:
            msg = f"found bn_eps={bn_eps!r}, expected a number from 0 to below 1, such as 1e-5"
            raise InputError(msg)
        bounds = limits or Limits()
        text = read_source(model, bounds)
        sections = parse(text.name, text.data, bounds)
        net, heads = lower(sections, float(bn_eps), bounds)
        if weights is None and isinstance(model, (str, os.PathLike)):
            beside = Path(os.fspath(model)).with_suffix(".weights")
            weights = beside if beside.is_file() else None
        found = load_weights(net, weights, text.name, bounds)
        return link(sections, net, heads, found, PurePath(text.name).stem)


reader = DarknetReader()
"""The object that the entry point names."""
