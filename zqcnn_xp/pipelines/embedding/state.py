"""Weights of a user's own for a card that has a builder instead of files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.graph import Graph

if TYPE_CHECKING:
    from zqcnn_xp_models import Card

__all__ = ["build_from", "read_state"]

_PICKLES = (b"PK\x03\x04", b"\x80")
"""What files of ``torch.save`` start with."""

_CONVERT = (
    "safetensors; convert it once: "
    'safetensors.torch.save_file(torch.load(path, weights_only=True), "x.safetensors")'
)


def build_from(card: Card, weights: Any) -> Graph:
    """Build the network of a card with weights of the user's own.

    Parameters
    ----------
    card
        One without files.
    weights
        What `read_state` takes.

    Raises
    ------
    InputError
        The card has no builder, no weights are given, or they are of another network.

    Examples
    --------
    >>> from zqcnn_xp_models import load_card, sphereface
    >>> state = sphereface.build("04bn")
    >>> build_from(load_card("sphereface04bn"), state).name
    'sphereface04bn256'
    """
    if not card.builder:
        raise InputError(
            f"model {card.name!r} has no files here: give the path of yours, and "
            f"recipe={card.name!r}; {card.note}"
        )
    if weights is None:
        raise InputError(f"model {card.name!r} has no files here: give weights=; {card.note}")
    family, _, variant = card.builder.partition(":")
    given = read_state(weights)
    try:
        graph: Graph = import_module(f"zqcnn_xp_models.{family}").build(variant, weights=given)
    except InputError as error:
        if not isinstance(given, Graph):
            raise
        # Converters merge norms into products; such a file is a network, but not these layers.
        raise InputError(
            f"{error}; a file of a whole network needs no builder: give it as the model, with "
            f"recipe={card.name!r}"
        ) from error
    return graph


def read_state(weights: Any) -> Graph | Mapping[str, Any]:
    """Return weights as builders take them.

    Parameters
    ----------
    weights
        Named arrays, a `Graph`, or a file: safetensors (a state dict or a network), MXNet's
        ``.params``, or a network of any format that `zqcnn_xp.load` reads, whose weights lie in it
        or beside it. Or (model, weights), the two files of such a network.

    Raises
    ------
    FormatError
        A file that holds neither.
    OSError
        A path that cannot be read.

    Examples
    --------
    >>> read_state({"fc.weight": 1})
    {'fc.weight': 1}
    """
    from zqcnn_xp.formats import read_graph, read_source
    from zqcnn_xp.formats.limits import Limits
    from zqcnn_xp.formats.mxnet.params import MAGIC, parse_params
    from zqcnn_xp.formats.safetensors import load_state
    from zqcnn_xp.formats.source import name_of, peek

    if isinstance(weights, Graph | Mapping):
        return weights
    if isinstance(weights, list | tuple) and len(weights) == 2:
        return read_graph(*weights, fold=False)
    name = name_of(weights)
    head, _, weights = peek(weights)
    if head[:8] == MAGIC.to_bytes(8, "little"):
        return parse_params(read_source(weights, Limits()), Limits()).arrays
    if head.startswith(_PICKLES):
        raise FormatError(name, "start of file", "a pickle, which may run any code", _CONVERT)
    if head[8:9] == b"{":  # safetensors: eight bytes of length, then JSON
        return load_state(weights)
    return read_graph(weights, fold=False)
