"""Sections to a network: every type's ops, in file order, and the nodes with their weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.formats.darknet import lower_join as join
from zqcnn_xp.formats.darknet import lower_shape as shape
from zqcnn_xp.formats.darknet import lower_window as window
from zqcnn_xp.formats.darknet.heads import head
from zqcnn_xp.formats.darknet.network import Network
from zqcnn_xp.formats.darknet.section import Section
from zqcnn_xp.formats.darknet.vocabulary import HEADS
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.place import explain
from zqcnn_xp.graph import Graph, GraphInput, Node

__all__ = ["INPUT", "RULES", "link", "lower"]

INPUT = "data"
"""Name of the input; a .cfg file has none."""

_LARGEST = 1 << 16

RULES: dict[str, Callable[[Network, Section], str]] = {
    "convolutional": window.convolutional,
    "connected": window.connected,
    "maxpool": window.maxpool,
    "local_avgpool": window.local_avgpool,
    "avgpool": window.avgpool,
    "route": join.route,
    "shortcut": join.shortcut,
    "scale_channels": join.scale_channels,
    "sam": join.sam,
    "upsample": shape.upsample,
    "reorg": shape.reorg,
    "reorg3d": shape.reorg3d,
    "softmax": shape.softmax,
    "crop": shape.crop,
    "activation": shape.activation,
    "logistic": shape.logistic,
    "dropout": shape.identity,
    "cost": shape.identity,
    "empty": shape.identity,
}


def lower(
    sections: list[Section], bn_eps: float, limits: Limits
) -> tuple[Network, list[dict[str, Any]]]:
    """Turn all sections but ``[net]`` into steps.

    Returns
    -------
    network, heads
        The steps, with the weights that they want, and the detection heads.

    Raises
    ------
    FormatError
        Naming the line.
    """
    source = sections[0]
    sizes = [source.integer(key, low=1, high=_LARGEST) for key in ("channels", "height", "width")]
    net = Network((INPUT, (1, *sizes)), bn_eps, limits)
    heads: list[dict[str, Any]] = []
    for section in sections[1:]:
        if section.kind in HEADS:
            heads.append(head(net, section))
            net.close(section, None)
            continue
        try:
            value = RULES[section.kind](net, section)
        except (ShapeError, InputError) as error:
            raise explain(section, error) from error
        net.close(section, value)
    return net, heads


def link(
    sections: list[Section],
    net: Network,
    heads: list[dict[str, Any]],
    weights: list[dict[str, Any]],
    name: str,
) -> Graph:
    """Make the graph.

    Parameters
    ----------
    sections, net, heads
        As `lower` takes and returns them.
    weights
        Arrays by name, for each step.
    name
        Of the network.

    Returns
    -------
    Graph
        Height and width of the input are free, and those of ``[net]`` nominal, unless a
        ``[connected]`` or a ``[crop]`` fixes them. The outputs are what the heads read; without
        a head, what the last layer but ``[cost]`` writes.
    """
    nominal = net.shapes[INPUT]
    _, channels, height, width = nominal
    fixed = any(
        section.kind == "connected"
        or (section.kind == "crop" and shape.crops(section, *net.shapes[net.previous(section)][2:]))
        for section in sections[1:]
    )
    sizes = (None, channels, height, width) if fixed else (None, channels, None, None)
    nodes = tuple(
        Node(s.name, s.op, s.inputs, (s.name,), found, f"{s.section.file}:{s.section.line}")
        for s, found in zip(net.steps, weights, strict=True)
    )
    outputs = tuple(dict.fromkeys(found["input"] for found in heads))
    if not outputs:
        last = next((s for s in reversed(sections[1:]) if s.kind != "cost"), None)
        if last is None:
            found = "[cost] layers alone"
            raise sections[0].error(found, "at least one layer that computes")
        outputs = (last.name,)
    names = [INPUT, *(layer for layer in net.layers if layer is not None)]
    blobs = {blob: blob for blob in names}
    source = GraphInput(INPUT, sizes, nominal)
    return Graph((source,), nodes, outputs, blobs, name, {"heads": tuple(heads)}).validate()
