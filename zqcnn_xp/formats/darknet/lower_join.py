"""Layers that read other layers than the one before: route, shortcut, scale_channels, sam."""

from __future__ import annotations

from zqcnn_xp.formats.darknet.network import Network
from zqcnn_xp.formats.darknet.section import Section
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.slice import Slice

__all__ = ["route", "sam", "scale_channels", "shortcut"]


def route(net: Network, section: Section) -> str:
    """``[route]``: layers side by side; ``groups`` and ``group_id`` take a part of each one."""
    values = [net.value(section, index, "layers") for index in section.integers("layers")]
    groups = section.integer("groups", 1, low=1)
    group = section.integer("group_id", 0, low=0, high=groups - 1)
    if groups > 1:
        for place, value in enumerate(values):
            channels = net.shapes[value][1]
            if channels % groups:
                found = f"groups={groups} for the {channels} channels of {value!r}"
                raise section.error(found, "a divisor of them", "groups")
            part = channels // groups
            cut = Slice(1, group * part, (group + 1) * part)
            values[place] = net.step(section, f"group{place}", cut, value)
    if len(values) > 1:
        return net.step(section, "concat", Concat(1), *values)
    return values[0]


def shortcut(net: Network, section: Section) -> str:
    """``[shortcut]``: the layer before plus others.

    Where channel counts differ, as many channels as both have are added.
    """
    net.refuse(section, weights_type="none")
    value = net.previous(section)
    terms = [net.value(section, index, "from") for index in section.integers("from")]
    shape = net.shapes[value]
    factors = (section.number("alpha", 1.0), *(section.number("beta", 1.0),) * len(terms))
    for place, term in enumerate(terms):
        other = net.shapes[term]
        if other == shape:
            continue
        if other[2:] != shape[2:] or set(factors) != {1.0}:
            found = f"{term!r} of shape {other} to add to {value!r} of shape {shape}"
            raise section.error(found, "equal shapes", "from")
        if other[1] > shape[1]:
            term = net.step(section, f"cut{place}", Slice(1, 0, shape[1]), term)
        else:
            missing = ((0, 0), (0, shape[1] - other[1]), (0, 0), (0, 0))
            term = net.step(section, f"pad{place}", Pad(missing), term)
        terms[place] = term
    coefficients = () if set(factors) == {1.0} else factors
    value = net.step(section, "sum", Elementwise("sum", coefficients), value, *terms)
    net.activate(section, "linear", value)
    return value


def scale_channels(net: Network, section: Section) -> str:
    """``[scale_channels]``: the layer ``from`` times the layer before, which is a factor a channel.

    With ``scale_wh=1`` the layer before is one factor a place of the map.
    """
    factor, value = net.previous(section), _from(net, section)
    _, channels, *size = net.shapes[value]
    by_place = bool(section.integer("scale_wh", 0))
    want = (1, *size) if by_place else (channels, 1, 1)
    if net.shapes[factor][1:] != want:
        found = f"factors of shape {net.shapes[factor][1:]} for a map of {(channels, *size)}"
        raise section.error(found, f"shape {want}")
    return _product(net, section, value, factor)


def sam(net: Network, section: Section) -> str:
    """``[sam]``: the layer before times the layer ``from``, element by element."""
    value, other = net.previous(section), _from(net, section)
    if net.shapes[value] != net.shapes[other]:
        found = f"shapes {net.shapes[value][1:]} and {net.shapes[other][1:]}"
        raise section.error(found, "equal shapes", "from")
    return _product(net, section, value, other)


def _from(net: Network, section: Section) -> str:
    return net.value(section, section.integer("from"), "from")


def _product(net: Network, section: Section, *values: str) -> str:
    value = net.step(section, "product", Elementwise("product"), *values)
    net.activate(section, "linear", value)
    return value
