"""Write a graph as one Python module with the weights inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import GraphError
from zqcnn_xp.formats.code.source import STEP, call, source
from zqcnn_xp.formats.code.weights import pack
from zqcnn_xp.graph import Graph, Node

__all__ = ["to_code"]

_HEAD = '''\
"""A network as code: ``graph()`` returns it, ``load()`` makes it ready to run.

Written by zqcnn-xp; it needs zqcnn_xp and numpy, and no other file.
"""

from __future__ import annotations

from typing import Any

from zqcnn_xp import ops
from zqcnn_xp.formats.code import unpack
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.session import Session

__all__ = ["graph", "load"]


def graph() -> Graph:
    """Return the network; each call gives weights of their own."""
'''

_LOAD = '''

def load(backend: Any = None) -> Session:
    """Return the network on a backend, None being the one that is configured."""
    return Session(graph(), backend)


'''


def to_code(graph: Graph, *, fp16: bool = False) -> str:
    r"""Return a graph as the text of a Python module, all of it ASCII.

    The module has ``graph()``, which makes the graph, and ``load(backend=None)``, which returns
    it as a `Session`. Each node is a line of code; the weights are text in base 85 behind it.

    Parameters
    ----------
    graph
        The network.
    fp16
        Keep weights of two or more dimensions (kernels, matrices) in float16: half the size, each
        rounded to 11 bits. Vectors stay float32; computation is in float32 all the same.

    Raises
    ------
    GraphError
        If the graph is not well formed, an op is none of `zqcnn_xp.ops`, a weight is no float32,
        or with ``fp16`` exceeds 65504; names the node.

    Examples
    --------
    >>> from zqcnn_xp.formats import read_graph
    >>> text = to_code(read_graph(b"Input name=x C=1\nReLU name=r bottom=x top=y", b""))
    >>> print(next(line for line in text.splitlines() if "Node(" in line).strip())
    Node("r", ops.Activation(kind="relu"), ("x",), ("y",), {}, "<bytes>:2"),
    """
    graph.validate()
    arrays: list[NDArray[Any]] = []
    nodes: list[str] = []
    for node in graph.nodes:
        try:
            parts = [source(node.name), source(node.op), source(node.inputs), source(node.outputs)]
        except GraphError as error:
            msg = f"{node.label}: {error}"
            raise GraphError(msg) from error
        parts += [_weights(node, arrays, fp16=fp16), source(node.where)]
        nodes += call("Node", parts, 2, end=",")
    inputs = []
    for given in graph.inputs:
        parts = [source(given.name), source(given.shape), source(given.nominal)]
        inputs += call("GraphInput", parts, 2, end=",")
    blobs = [f"{STEP * 2}{source(blob)}: {source(value)}," for blob, value in graph.blobs.items()]
    text, size = pack(arrays)
    body = [
        f"{STEP}take = unpack(_WEIGHTS, {size})",
        *_tuple("inputs", inputs),
        *_tuple("nodes", nodes),
        f"{STEP}blobs = {{",
        *blobs,
        f"{STEP}}}",
        f"{STEP}outputs = {source(graph.outputs)}",
        f"{STEP}name = {source(graph.name)}",
        f"{STEP}meta: dict[str, Any] = {source(graph.meta)}",
        f"{STEP}return Graph(inputs, nodes, outputs, blobs, name, meta).validate()",
    ]
    weights = ['_WEIGHTS = """\\', *text, '"""', ""]
    return _HEAD + "\n".join(body) + "\n" + _LOAD + "\n".join(weights)


def _tuple(name: str, lines: list[str]) -> list[str]:
    return [f"{STEP}{name} = (", *lines, f"{STEP})"]


def _weights(node: Node, arrays: list[NDArray[Any]], *, fp16: bool) -> str:
    """Return the expression that takes a node's weights, and put them behind the others."""
    parts = []
    for name, given in node.weights.items():
        array = np.ascontiguousarray(given)
        if array.dtype != np.float32:
            msg = f"{node.label}: found {name} of {array.dtype}, expected float32"
            raise GraphError(msg)
        array = array.reshape(np.shape(given))  # a copy in order has at least one axis
        half = fp16 and array.ndim >= 2
        if half:
            with np.errstate(over="ignore"):
                short = array.astype(np.float16)
            if not np.array_equal(np.isfinite(short), np.isfinite(array)):
                msg = f"{node.label}: found {name} beyond 65504, expected float16's range"
                raise GraphError(msg)
            array = short
        sizes = [*map(str, array.shape), *(["half=True"] if half else [])]
        arrays.append(array)
        parts.append(f"{source(name)}: take({', '.join(sizes)})")
    return "{" + ", ".join(parts) + "}"
