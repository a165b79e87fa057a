"""The reader object that format discovery finds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.caffe.blobs import Blobs
from zqcnn_xp.formats.caffe.lower import lower
from zqcnn_xp.formats.caffe.message import Message
from zqcnn_xp.formats.caffe.network import read_network
from zqcnn_xp.formats.caffe.text import parse_text
from zqcnn_xp.formats.caffe.wire import parse_binary
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.options import beside, check_options, check_size
from zqcnn_xp.formats.source import ModelSource, Source, read_source
from zqcnn_xp.formats.weights import random_weights
from zqcnn_xp.graph import Graph

__all__ = ["CaffeReader"]

_TEXT = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s++|#[^\n]*+\n)*+"
    rb"(?:(?:name|input)\s*+:\s*+[\"']|(?:input_dim|force_backward|debug_info)\s*+:"
    rb"|(?:layers?|input_shape|state)\s*+:?\s*+[{<])"
)
# A name (field 1), then a layer of either version (2, 100), an input (3) or its shape (8).
_SECOND = (b"\xa2\x06", b"\x12", b"\x1a", b"\x42")
_LAYER = (b"\xa2\x06",)


class CaffeReader:
    """Reader of .prototxt and .caffemodel."""

    name = "caffe"

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        r"""Say whether this is a network definition as text, or a network with weights.

        Examples
        --------
        >>> reader = CaffeReader()
        >>> reader.sniff(b'# det1\nname: "PNet"\ninput: "data"'), reader.sniff(b"[net]\n")
        (True, False)
        """
        if filename is not None and filename.lower().endswith(".caffemodel"):
            return True
        return _TEXT.match(head) is not None or _is_binary(head)

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
        """Read a network in its test phase.

        Parameters
        ----------
        model
            A definition, or a whole network with its weights, text or binary: path, binary file
            object or bytes.
        weights
            The network with weights. None takes those of ``model`` itself where it has any, or
            the .caffemodel of the same name beside it. ``"random"`` or ``"random:SEED"`` makes
            seeded random weights, for shapes and timing.
        fold
            No effect: the exact folding is a session's.
        compat
            Only None.
        limits
            Bounds on what a file may ask for.
        input_size
            (height, width) of the image, instead of the file's; needed where a data layer does
            not say it.

        Returns
        -------
        Graph
            Inputs and outputs with Caffe's axes: images are (N, C, H, W), results of an
            InnerProduct (N, O). What ``transform_param`` does to images is not part of it.

        Raises
        ------
        FormatError
            If a file does not say what it should: names the line, or the byte of the weights.
        InputError
            For an unknown option, or where there are no weights.

        Warns
        -----
        TrailingWeightsWarning
            If the weight file has weights of layers that the network does not.
        UnknownKeyWarning
            If a layer has a field that Caffe does not know.

        Examples
        --------
        >>> text = b'''input: "x" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 9
        ... layer { name: "c" type: "Convolution" bottom: "x" top: "y"
        ...         convolution_param { num_output: 4 kernel_size: 3 } }'''
        >>> graph = CaffeReader().read(text, "random:1")
        >>> graph.shapes({"x": (2, 3, 10, 12)})["y"]
        (2, 4, 8, 10)
        """
        check_options(compat, unknown, ("fold", "compat", "limits", "input_size"))
        size = check_size(input_size)
        bounds = limits or Limits()
        # Weights may hold anything; arithmetic on them warns of nothing.
        with np.errstate(all="ignore"):
            source = read_source(model, bounds)
            root = _parse(source, bounds)
            network = read_network(root, bounds)
            random = random_weights(weights, bounds)
            if random is not None:
                blobs = Blobs((), "random weights", bounds, random)
            else:
                file, holder = _weights(model, weights, source, root, bounds)
                layers = [*holder.messages("layer"), *holder.messages("layers")]
                blobs = Blobs(layers, file, bounds)
            return lower(network, blobs, bounds, size)


def _weights(
    model: ModelSource, weights: ModelSource | None, source: Source, root: Message, limits: Limits
) -> tuple[str, Message]:
    """Return the name and the content of the file that holds the weights."""
    layers = [*root.messages("layer"), *root.messages("layers")]
    if weights is None and (_is_binary(source.data) or any(m.has("blobs") for m in layers)):
        return source.name, root
    found = beside(model, weights, _same_name, "a .caffemodel file of the same name beside it")
    held = read_source(found, limits)
    return held.name, _parse(held, limits, weights_only=True)


def _same_name(path: Path) -> list[Path]:
    return [path.with_suffix(".caffemodel")]


def _parse(source: Source, limits: Limits, weights_only: bool = False) -> Message:
    if _TEXT.match(source.data):
        return parse_text(source, limits)
    root = parse_binary(source, limits, weights_only)
    if not root.fields:
        found = "no network" if source.data else "an empty file"
        raise FormatError(source.name, "start of file", found, "a .prototxt or .caffemodel")
    return root


def _is_binary(head: bytes) -> bool:
    """Say whether bytes start like a binary NetParameter: its name, then a layer or an input."""
    if head[:2] == _LAYER[0]:
        return True
    if head[:1] != b"\n" or len(head) < 4 or head[1] >= 128:
        return False
    end = 2 + head[1]
    name = head[2:end]
    if not name.decode("utf-8", "replace").isprintable():
        return False
    return head[end:].startswith(_SECOND)
