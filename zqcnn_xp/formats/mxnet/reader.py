"""The reader object that format discovery finds."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from zqcnn_xp.errors import FormatError, TrailingWeightsWarning
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.options import beside, check_options, check_size
from zqcnn_xp.formats.sizes import choose_size
from zqcnn_xp.formats.source import ModelSource, read_source
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Shape

__all__ = ["MxnetReader"]

_KEYS = (b'"nodes"', b'"arg_nodes"', b'"heads"', b'"op"')


class MxnetReader:
    """Reader of -symbol.json and .params."""

    name = "mxnet"

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        """Say whether this is JSON with nodes that have operators.

        Examples
        --------
        >>> MxnetReader().sniff(b'{"nodes": [{"op": "null", "name": "data"')
        True
        """
        head = head.lstrip()
        if not head.startswith(b"{"):
            return False
        named = filename is not None and filename.lower().endswith("-symbol.json")
        return named or (_KEYS[3] in head and any(key in head for key in _KEYS[:3]))

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
        """Read a network.

        Parameters
        ----------
        model
            The symbol: path, binary file object or bytes.
        weights
            The arrays: path, binary file object or bytes; None looks for the only
            ``NAME-*.params`` beside ``NAME-symbol.json``.
        fold
            No effect here: folding is a session's.
        compat
            None.
        limits
            Bounds on what the files may ask for.
        input_size
            (height, width) of the data, where the network has a product over a whole map and
            the symbol names no size; None takes the roundest size that fits the weights.

        Returns
        -------
        Graph
            With an input for each data variable, in (N, C, H, W) order; values are called as in
            MXNet (``fc1_output``), and a node's own name is a blob too. Training heads give what
            they predict; labels are no inputs.

        Raises
        ------
        FormatError
            If a file does not say what it should: names the node, or the byte of the arrays.
        InputError
            For an unknown option, or where no arrays are found.
        OSError
            If a path cannot be read.

        Warns
        -----
        TrailingWeightsWarning
            If the arrays hold more than the network reads.
        """
        # Late, so that listing formats costs nothing.
        from zqcnn_xp.formats.mxnet.inputs import data_shapes, training_nodes
        from zqcnn_xp.formats.mxnet.lower import lower
        from zqcnn_xp.formats.mxnet.params import parse_params
        from zqcnn_xp.formats.mxnet.symbol import parse_symbol

        check_options(compat, unknown, ("fold", "compat", "limits", "input_size"))
        size = check_size(input_size)
        limits = limits or Limits()
        given = beside(model, weights, _params_beside, "the .params file that belongs to it")
        text = read_source(model, limits)
        symbol = parse_symbol(text.name, text.data, limits)
        with np.errstate(all="ignore"):
            params = parse_params(read_source(given, limits), limits)
        trained = training_nodes(symbol, params)
        free = data_shapes(symbol, params, trained)
        if not free:
            raise FormatError(text.name, "", "no data variable", "at least one")

        def at(cells: tuple[int, int]) -> tuple[Graph, bool]:
            shapes: dict[str, Shape] = {
                name: (1, *(n if n is not None else c for n, c in _aligned(shape, cells)))
                for name, shape in free.items()
            }
            graph, sized, read = lower(symbol, params, shapes, trained, limits)
            used.update(read)
            return graph, sized

        used: set[str] = set()
        whole = all(n is not None for shape in free.values() for n in shape[1:])
        graph = choose_size(at, text.name, size, declared=None, whole=whole)
        rest = [name for name in params.arrays if name not in used]
        if rest:
            names = ", ".join(rest[:5])
            msg = f"{params.file}: {len(rest)} arrays are not used: {names}"
            warnings.warn(msg, TrailingWeightsWarning, stacklevel=2)
        return graph


def _aligned(shape: tuple[int | None, ...], cells: tuple[int, int]) -> list[tuple[int | None, int]]:
    fill = [1] * (len(shape) - 3) + list(cells) if len(shape) == 4 else [1] * (len(shape) - 1)
    return list(zip(shape[1:], fill, strict=True))


def _params_beside(model: Path) -> list[Path]:
    stem = re.escape(model.name.removesuffix(".json").removesuffix("-symbol"))
    form = re.compile(rf"{stem}(-[0-9]{{4}})?\.params")
    return [path for path in model.parent.glob("*.params") if form.fullmatch(path.name)]
