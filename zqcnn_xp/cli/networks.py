"""Networks on the command line: a model file, its weights where they are apart, and a size."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.graph import Graph
    from zqcnn_xp.ops.base import Shape

__all__ = ["files_of", "image_size", "input_shapes", "read_network", "split_networks"]

WEIGHTS = (".nchwbin", ".weights", ".caffemodel", ".params", ".bin")
BESIDE = {
    ".zqparams": ".nchwbin",
    ".param": ".bin",
    ".xml": ".bin",
    ".cfg": ".weights",
    ".prototxt": ".caffemodel",
}
"""Where readers look for weights: the model's suffix to that of the file beside it."""
LARGEST = 1 << 20


def image_size(text: str) -> tuple[int, int]:
    """Parse ``HEIGHTxWIDTH`` for argparse.

    Examples
    --------
    >>> image_size("240x320")
    (240, 320)
    """
    parts = text.lower().split("x")
    whole = all(part.isdecimal() and part.isascii() and len(part) <= 7 for part in parts)
    if len(parts) != 2 or not whole or not all(1 <= int(part) <= LARGEST for part in parts):
        msg = f"found {text!r}, expected HEIGHTxWIDTH in pixels, such as 240x320"
        raise argparse.ArgumentTypeError(msg)
    return int(parts[0]), int(parts[1])


def split_networks(texts: Sequence[str]) -> list[tuple[str, str | None]]:
    """Tell models from weight files, which follow their models.

    Examples
    --------
    >>> split_networks(["a.zqparams", "b.nchwbin", "c.onnx"])
    [('a.zqparams', 'b.nchwbin'), ('c.onnx', None)]
    """
    found: list[tuple[str, str | None]] = []
    for text in texts:
        random = text == "random" or text.startswith("random:")
        if found and found[-1][1] is None and (random or Path(text).suffix.lower() in WEIGHTS):
            found[-1] = (found[-1][0], text)
        else:
            found.append((text, None))
    return found


def read_network(
    model: str, weights: str | None, size: tuple[int, int] | None = None, **options: Any
) -> Graph:
    """Read a network; ``size`` goes to those readers that ask for one."""
    from zqcnn_xp.formats import find_reader, read_graph

    if size is not None and Path(model).is_file():
        reader, _ = find_reader(model, options.get("format"))
        if "input_size" in inspect.signature(reader.read).parameters:
            options["input_size"] = size
    return read_graph(model, weights, **options)


def files_of(model: str, weights: str | None) -> list[Path]:
    """Return the files that a network is read from, or may be: none of them is to be written."""
    path = Path(model)
    found = [path] if weights is None else [path, Path(weights)]
    beside = BESIDE.get(path.suffix.lower())
    if weights is None and beside is not None:
        found.append(path.with_suffix(beside))
    return [file for file in found if file.is_file()]


def input_shapes(graph: Graph, size: tuple[int, int] | None) -> dict[str, Shape] | None:
    """Return the shape of each input at an image size, or None where none is asked for.

    Raises
    ------
    InputError
        If the network has no input of an image.
    """
    if size is None:
        return None
    found: dict[str, Shape] = {}
    for source in graph.inputs:
        nominal = source.nominal or (0,) * len(source.shape)
        sizes = [n or named for n, named in zip(source.shape, nominal, strict=True)]
        sizes[0] = sizes[0] or 1
        if len(sizes) == 4:
            # Channels last where the file says so: then the second axis is no number of channels.
            last = source.shape[1] is None and source.shape[3] is not None
            sizes[1 if last else 2], sizes[2 if last else 3] = size
        if 0 in sizes:
            msg = f"input {source.name!r}: found shape {source.shape}, expected an image's"
            raise InputError(msg)
        found[source.name] = tuple(sizes)
    return found
