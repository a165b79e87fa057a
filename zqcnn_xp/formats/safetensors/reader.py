"""The reader object that format discovery finds: bundles of graph and weights in one file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.formats.graph_json import graph_from_json
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.options import check_options
from zqcnn_xp.formats.safetensors.header import MAX_HEADER, PREFIX, Header, parse_header, view
from zqcnn_xp.formats.safetensors.mapped import map_source
from zqcnn_xp.formats.source import ModelSource
from zqcnn_xp.graph import Graph

__all__ = ["GRAPH", "SafetensorsReader", "load_state"]

GRAPH = "zqcnn_xp.graph"
"""Key of the header's metadata under which a bundle keeps its graph."""


class SafetensorsReader:
    """Reads bundles that `to_safetensors` wrote."""

    name = "safetensors"

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        r"""Tell whether the file starts with a length and a JSON object, or is named so.

        Examples
        --------
        >>> reader = SafetensorsReader()
        >>> reader.sniff(b"\x02\0\0\0\0\0\0\0{}"), reader.sniff(b"{}", "a-symbol.json")
        (True, False)
        """
        if filename is not None and filename.lower().endswith(".safetensors"):
            return True
        length = int.from_bytes(head[:PREFIX], "little")
        return head[PREFIX : PREFIX + 1] == b"{" and 2 <= length <= MAX_HEADER

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
        """Read a bundle.

        Parameters
        ----------
        model
            Path, binary file object or bytes. A path is mapped into memory: weights of float32
            are views of the file, read when they are first used.
        weights
            None: a bundle holds its weights.
        fold
            No effect here: the exact folding is a session's.
        compat
            None: a bundle holds what was decided when it was written.
        limits
            Bounds on what the file may ask for.

        Returns
        -------
        Graph
            With weights of float32; those that the file keeps in float16 are converted.

        Raises
        ------
        FormatError
            If the file is no bundle, or does not hold together; names tensor or node.
        InputError
            If ``weights``, ``compat`` or an unknown option is given.
        OSError
            If a path cannot be read.
        """
        if weights is not None:
            msg = "found weights beside a safetensors bundle, expected none: it holds its own"
            raise InputError(msg)
        check_options(compat, unknown, ("fold", "compat", "limits"))
        bounds = limits or Limits()
        file, data = map_source(model, bounds)
        header = parse_header(file, data, bounds)
        text = header.metadata.get(GRAPH)
        if text is None:
            found = f"{len(header.tensors)} tensors without a graph"
            expected = (
                f"a graph under {GRAPH!r} in the metadata; for a PyTorch state dict use "
                "load_state and a builder of zqcnn_xp_models"
            )
            raise FormatError(file, "__metadata__", found, expected)
        for tensor in header.tensors:
            if tensor.dtype not in ("F32", "F16"):
                where = f"tensor {tensor.name[:80]!r}"
                raise FormatError(file, where, f"dtype {tensor.dtype}", "F32 or F16")
        return graph_from_json(text, _arrays(data, header), file, bounds)


def load_state(path: ModelSource, *, limits: Limits | None = None) -> dict[str, NDArray[Any]]:
    """Return all tensors of a safetensors file by name, a PyTorch state dict for a builder.

    Pickles (``.pth``, ``.pt``) are never loaded: whoever trusts one converts it once with
    ``safetensors.torch.save_file(torch.load(path, weights_only=True), "x.safetensors")``.

    Parameters
    ----------
    path
        Path, binary file object or bytes; a path is mapped into memory.
    limits
        Bounds on what the file may ask for.

    Returns
    -------
    dict
        Arrays as the file holds them, read-only views where possible; float16 and bfloat16 come
        as float32.

    Raises
    ------
    FormatError
        If the file is no safetensors file, or does not hold together.
    OSError
        If a path cannot be read.
    """
    bounds = limits or Limits()
    file, data = map_source(path, bounds)
    return _arrays(data, parse_header(file, data, bounds))


def _arrays(data: memoryview, header: Header) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for tensor in header.tensors:
        array = view(data, header, tensor)
        if tensor.dtype == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        elif tensor.dtype == "F16":
            with np.errstate(all="ignore"):  # weights may hold anything
                array = array.astype(np.float32)
        elif tensor.dtype == "BOOL":
            array = array != 0
        elif not array.flags.aligned:
            array = array.copy()
        found[tensor.name] = array
    return found
