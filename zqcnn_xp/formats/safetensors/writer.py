"""Write a graph and its weights as one safetensors file that loads by memory map."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import GraphError, InputError
from zqcnn_xp.formats.graph_json import graph_to_json, tensor_name
from zqcnn_xp.formats.safetensors.header import MAX_HEADER, METADATA, PREFIX
from zqcnn_xp.formats.safetensors.reader import GRAPH
from zqcnn_xp.graph import Graph

__all__ = ["to_safetensors"]

# The tensors start at a multiple of this, so that mapped weights are aligned for any processor.
_ALIGN = 64


def to_safetensors(
    graph: Graph, path: str | os.PathLike[str] | BinaryIO, *, fp16: bool = False
) -> None:
    """Write graph and weights into one file: what `load` needs to run the network.

    Any program that knows safetensors reads the weights; the graph is JSON in the metadata.

    Parameters
    ----------
    graph
        The network.
    path
        Where to write, or a file object open for binary writing. A file is replaced in one
        step: a reader sees the old one or the whole new one.
    fp16
        Keep weights of two or more dimensions (kernels, matrices) in float16: half the size,
        each rounded to 11 bits. Vectors stay float32; computation is in float32 all the same.

    Raises
    ------
    GraphError
        If the graph is not well formed, an op has no JSON form, a weight is no float32, or with
        ``fp16`` exceeds 65504; names the node.
    InputError
        If the graph's description exceeds 8 MiB.
    OSError
        If the file cannot be written.
    """
    arrays = dict(_arrays(graph, fp16))
    # float32 first: it stays aligned whatever the number of float16 elements behind it.
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)
    header: dict[str, Any] = {METADATA: {GRAPH: graph_to_json(graph)}}
    offset = 0
    for name in order:
        array = arrays[name]
        header[name] = {
            "dtype": "F16" if array.dtype == np.float16 else "F32",
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(PREFIX + len(text)) % _ALIGN)
    if len(text) > MAX_HEADER:
        msg = f"found a graph of {len(text):,} bytes of JSON, expected at most {MAX_HEADER:,}"
        raise InputError(msg)
    parts = [len(text).to_bytes(PREFIX, "little"), text]
    if isinstance(path, (str, os.PathLike)):
        _replace(Path(path), parts, arrays, order)
    else:
        _write(path, parts, arrays, order)


def _arrays(graph: Graph, fp16: bool) -> Iterator[tuple[str, NDArray[Any]]]:
    for node in graph.nodes:
        for weight, given in node.weights.items():
            array = np.asarray(given)
            if array.dtype != np.float32:
                msg = f"{node.label}: found {weight} of {array.dtype}, expected float32"
                raise GraphError(msg)
            if fp16 and array.ndim >= 2:
                with np.errstate(over="ignore"):
                    half = array.astype("<f2")
                if not np.array_equal(np.isfinite(half), np.isfinite(array)):
                    msg = f"{node.label}: found {weight} beyond 65504, expected float16's range"
                    raise GraphError(msg)
                array = half
            # safetensors is little-endian and in C order on every machine.
            dtype = array.dtype.newbyteorder("<")
            yield tensor_name(node.name, weight), np.asarray(array, dtype, order="C")


def _replace(
    path: Path, parts: list[bytes], arrays: dict[str, NDArray[Any]], order: list[str]
) -> None:
    temporary = path.with_name(f".{path.name[:80]}.{token_hex(8)}")
    try:
        with temporary.open("xb") as stream:
            _write(stream, parts, arrays, order)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(
    stream: Any, parts: list[bytes], arrays: dict[str, NDArray[Any]], order: list[str]
) -> None:
    for part in parts:
        stream.write(part)
    for name in order:
        stream.write(arrays[name].reshape(-1).view(np.uint8).data)
