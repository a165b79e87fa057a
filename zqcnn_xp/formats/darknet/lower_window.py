"""Layers with a sliding window, and [connected]."""

from __future__ import annotations

from typing import Literal

from zqcnn_xp.formats.darknet.network import Network
from zqcnn_xp.formats.darknet.section import Section
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.pool2d import Pool2D

__all__ = ["avgpool", "connected", "convolutional", "local_avgpool", "maxpool"]

_LARGEST = 1 << 16


def _strides(section: Section) -> tuple[int, int]:
    """Return (vertical, horizontal); ``stride`` stands for what is not given."""
    stride = section.integer("stride", 1, low=1, high=_LARGEST)
    found = [section.integer(key, stride, high=_LARGEST) for key in ("stride_y", "stride_x")]
    # Darknet's "not given" is any number below 1.
    y, x = (stride if value < 1 else value for value in found)
    return y, x


def convolutional(net: Network, section: Section) -> str:
    """``[convolutional]``: in the file bias, scale, mean, variance, then weights [O][I/g][k][k].

    ``pad=1`` means size // 2 on every side, ``padding`` is a number of cells.
    """
    net.refuse(
        section, antialiasing=0, binary=0, xnor=0, bin_output=0, share_index=None, sway=0, rotate=0,
        stretch=0, stretch_sway=0, coordconv=0, reverse=0, dontload=0, dontloadscales=0,
    )  # fmt: skip
    value = net.previous(section)
    filters = section.integer("filters", 1, low=1)
    size = section.integer("size", 1, low=1, high=_LARGEST)
    groups = section.integer("groups", 1, low=1)
    dilation = section.integer("dilation", 1, low=1, high=_LARGEST) if size > 1 else 1
    pad = section.integer("padding", 0, low=0, high=_LARGEST)
    if section.integer("pad", 0):
        pad = size // 2
    if dilation > 1 and 2 * pad != size - 1:
        # Darknet computes the size of the result as if there were no dilation.
        found = f"dilation={dilation} with {pad} cells of padding for size={size}"
        raise section.error(found, "pad=1 and an odd size, which keep the size", "dilation")
    normal = bool(section.integer("batch_normalize", 0) or section.integer("cbn", 0))
    channels = net.shapes[value][1]
    op = Conv2D(
        filters,
        (size, size),
        _strides(section),
        (dilation, dilation),
        (pad * dilation,) * 4,
        groups,
        bias=not normal,
    )
    value = net.step(section, "conv", op, value)
    if normal:
        value = net.step(section, "bn", BatchNorm(net.bn_eps), value)
        for name in ("bias", "scale", "mean", "variance"):
            net.weight(name, (filters,))
    else:
        net.weight("bias", (filters,))
    inputs = channels // groups
    if section.integer("flipped", 0):
        net.weight("weight", (inputs, size, size, filters), back=normal, order=(1, 2, 0, 3))
    else:
        net.weight("weight", (filters, inputs, size, size), back=normal, order=(2, 3, 1, 0))
    net.activate(section, "logistic", value)
    return value


def connected(net: Network, section: Section) -> str:
    """Lower ``[connected]``: in the file bias, weights [O][C*H*W], then scale, mean, variance."""
    net.refuse(section, dontload=0, dontloadscales=0)
    value = net.previous(section)
    output = section.integer("output", 1, low=1)
    normal = bool(section.integer("batch_normalize", 0))
    shape = net.shapes[value][1:]
    value = net.step(section, "dense", Dense(output, bias=not normal), value)
    if normal:
        value = net.step(section, "bn", BatchNorm(net.bn_eps), value)
    net.weight("bias", (output,))
    net.weight("weight", (output, *shape), back=normal, order=(2, 3, 1, 0), turned=True)
    if normal:
        for name in ("scale", "mean", "variance"):
            net.weight(name, (output,))
    net.activate(section, "logistic", value)
    return value


def maxpool(net: Network, section: Section) -> str:
    """``[maxpool]``: padding is a total, size - 1 unless given, the larger half behind the map."""
    net.refuse(section, maxpool_depth=0, antialiasing=0, maxpool_zero_nonmax=0)
    return _pool(net, section, "max")


def local_avgpool(net: Network, section: Section) -> str:
    """``[local_avgpool]``: padded as ``[maxpool]`` is; the mean is over the cells of the map."""
    return _pool(net, section, "average")


def _pool(net: Network, section: Section, kind: Literal["max", "average"]) -> str:
    value = net.previous(section)
    strides = _strides(section)
    size = section.integer("size", section.integer("stride", 1), low=1, high=_LARGEST)
    padding = section.integer("padding", size - 1, low=0, high=_LARGEST)
    before = padding // 2
    after = padding - before
    if after >= size:
        found = f"padding={padding} for size={size}"
        raise section.error(found, "windows that reach the map", "padding")
    pads = (before, after, before, after)
    return net.step(section, kind, Pool2D(kind, (size, size), strides, pads, count="valid"), value)


def avgpool(net: Network, section: Section) -> str:
    """``[avgpool]``: the mean of the whole map."""
    return net.step(section, "average", Pool2D("average", None), net.previous(section))
