"""Named arrays of a file for the layers of a network, by the rules of PyTorch and MXNet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Node
from zqcnn_xp.ops import BatchNorm, PReLU
from zqcnn_xp_models.layers import Layers, Slot

__all__ = ["by_name"]

Floats: TypeAlias = NDArray[np.float32]

# How a layer's weights are called behind its base name.
_SUFFIXES: Mapping[str, Mapping[tuple[str, str], str]] = {
    "torch": {
        ("BatchNorm", "scale"): ".weight",
        ("BatchNorm", "mean"): ".running_mean",
        ("BatchNorm", "variance"): ".running_var",
        ("PReLU", "slope"): ".weight",
        ("", "weight"): ".weight",
        ("", "bias"): ".bias",
    },
    "mxnet": {
        ("BatchNorm", "scale"): "_gamma",
        ("BatchNorm", "bias"): "_beta",
        ("BatchNorm", "mean"): "_moving_mean",
        ("BatchNorm", "variance"): "_moving_var",
        ("PReLU", "slope"): "_gamma",
        ("", "weight"): "_weight",
        ("", "bias"): "_bias",
    },
}
# What frameworks put before names: MXNet's kinds of parameters, PyTorch's DataParallel.
_PREFIXES = ("arg:", "aux:", "module.")
# Counters of training, which no inference reads.
_COUNTERS = (".num_batches_tracked",)


def by_name(
    layers: Layers, weights: Mapping[str, Any], unused: tuple[str, ...], renamed: Mapping[str, str]
) -> list[Node]:
    """Return the nodes with their weights; arguments and errors as of `finish`."""
    given = {_stripped(key): value for key, value in weights.items()}
    for name, rule in renamed.items():
        if name in given and rule not in given:
            given[rule] = given.pop(name)
    convention = _convention(layers, given)
    left = set(given)
    nodes = []
    for slot in layers.slots:
        op, found = slot.op, dict[str, Floats]()
        if isinstance(op, BatchNorm) and convention in slot.eps:
            op = replace(op, eps=slot.eps[convention])
        for weight, shape in slot.shapes.items():
            key = _key(slot, weight, convention)
            left.discard(key)
            if weight == "scale" and convention in slot.unit:
                found[weight] = np.ones(shape, np.float32)
                continue
            if key not in given:
                msg = f"found no {key!r} for the {weight} of {slot.name}, expected shape {shape}"
                raise InputError(msg)
            array = np.asarray(given[key])
            if isinstance(op, PReLU) and array.shape == (1,) != shape:
                op = PReLU(shared=True)
                shape = (1,)
            found[weight] = _arranged(array, shape, key)
        nodes.append(slot.node(op, found))
    rest = sorted(key for key in left if not key.endswith(_COUNTERS) and not key.startswith(unused))
    if rest:
        msg = f"found {len(rest)} weights that {layers.name} does not have: {', '.join(rest[:5])}"
        raise InputError(msg)
    return nodes


def _stripped(key: str) -> str:
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return key


def _convention(layers: Layers, given: Mapping[str, Any]) -> str:
    """Return the convention under which most weights are found."""
    slots = [slot for slot in layers.slots if slot.shapes]
    known = [name for name in _SUFFIXES if all(name in slot.names for slot in slots)]
    counts = {
        name: sum(_key(slot, weight, name) in given for slot in slots for weight in slot.shapes)
        for name in known
    }
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        first, weight = slots[0], next(iter(slots[0].shapes))
        wanted = " or ".join(repr(_key(first, weight, name)) for name in known)
        names = ", ".join(map(repr, list(given)[:3]))
        msg = f"found weights {names or 'of no name'}, expected names of {layers.name}: {wanted}"
        raise InputError(msg)
    return best


def _key(slot: Slot, weight: str, convention: str) -> str:
    suffixes = _SUFFIXES[convention]
    suffix = suffixes.get((type(slot.op).__name__, weight)) or suffixes["", weight]
    return slot.names[convention] + suffix


def _arranged(array: NDArray[Any], shape: tuple[int, ...], key: str) -> Floats:
    """Return an array of PyTorch's and MXNet's layout in the graph's."""
    if array.dtype.kind != "f":
        msg = f"{key}: found dtype {array.dtype}, expected floating point"
        raise InputError(msg)
    found = array.shape
    if len(shape) == 4:  # (O, I, H, W), or (O, I * H * W) for a matrix after a map
        height, width, inner, outer = shape
        whole = (outer, inner, height, width)
        if found in (whole, (outer, inner * height * width)):
            turned = array.reshape(whole).transpose(2, 3, 1, 0)
            return np.ascontiguousarray(turned, np.float32)
        expected = whole
    elif len(shape) == 2:
        if found == shape[::-1]:
            return np.ascontiguousarray(array.T, np.float32)
        expected = shape[::-1]  # type: ignore[assignment]
    else:
        if found == shape:
            return np.ascontiguousarray(array, np.float32)
        expected = shape  # type: ignore[assignment]
    msg = f"{key}: found shape {found}, expected {expected}"
    raise InputError(msg)
