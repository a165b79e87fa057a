"""Exchange a network's first and third input channel, so that RGB weights take BGR images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

import numpy as np

from zqcnn_xp.errors import GraphError
from zqcnn_xp.graph import Graph, Node
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.prior_box_mxnet import PriorBoxMxnet

__all__ = ["swap_rgb_bgr"]


def swap_rgb_bgr(graph: Graph, layer_names: Iterable[str] | None = None) -> Graph:
    """Exchange channels 0 and 2 in the kernels of a network's first layers.

    ``swap_rgb_bgr(g)`` on an image gives what ``g`` gives on the image with its colour order
    reversed; applied twice it gives ``g`` back. All other nodes are left alone.

    Parameters
    ----------
    graph
        The network.
    layer_names
        Convolutions or dense layers, upper and lower case alike; None takes all that read the
        network's input.

    Returns
    -------
    Graph
        A new graph; the weights of the named layers are copies.

    Raises
    ------
    GraphError
        If a layer does not exist, is no ungrouped convolution or dense layer over 3 channels,
        or (without names) something else reads the input.

    Examples
    --------
    >>> from zqcnn_xp.formats import read_graph
    >>> text = b"Input name=x C=3" + bytes([10])
    >>> text += b"Convolution name=c bottom=x top=y num_output=1 kernel_size=1"
    >>> g = read_graph(text, np.float32([1, 2, 3]).tobytes())
    >>> swap_rgb_bgr(g).nodes[0].weights["weight"].ravel()
    array([3., 2., 1.], dtype=float32)
    """
    chosen = _readers(graph) if layer_names is None else _named(graph, layer_names)
    nodes = tuple(_swap(node) if node.name in chosen else node for node in graph.nodes)
    return replace(graph, nodes=nodes)


def _readers(graph: Graph) -> set[str]:
    # An identity passes the image on; a PriorBox looks at its size only.
    images = {source.name for source in graph.inputs}
    found: set[str] = set()
    for node in graph.nodes:
        if not images.intersection(node.inputs):
            continue
        if isinstance(node.op, Identity):
            images.update(node.outputs)
        elif not isinstance(node.op, PriorBox | PriorBoxMxnet):
            found.add(node.name)
    if not found:
        msg = "found no layer that reads the input, expected a convolution"
        raise GraphError(msg)
    return found


def _named(graph: Graph, layer_names: Iterable[str]) -> set[str]:
    names = [layer_names] if isinstance(layer_names, str) else list(layer_names)
    by_name = {node.name.lower(): node.name for node in graph.nodes}
    for name in names:
        if name.lower() not in by_name:
            near = get_close_matches(name.lower(), by_name, n=1)
            hint = f"; did you mean {by_name[near[0]]!r}?" if near else ""
            msg = f"found no layer {name!r} in the network{hint}"
            raise GraphError(msg)
    return {by_name[name.lower()] for name in names}


def _swap(node: Node) -> Node:
    weight = node.weights.get("weight")
    channels = None
    kinds = Conv2D | ConvTranspose2D
    if isinstance(node.op, Dense) or (isinstance(node.op, kinds) and node.op.groups == 1):
        channels = weight.shape[-2] if weight is not None and weight.ndim == 4 else None
    if weight is None or channels != 3:
        found = "no kernel over all channels" if channels is None else f"{channels} input channels"
        msg = f"{node.label}: found {found}, expected a convolution over 3 (name the layers)"
        raise GraphError(msg)
    swapped = np.ascontiguousarray(weight[:, :, ::-1, :])
    return replace(node, weights={**node.weights, "weight": swapped})
