"""Layers that rearrange or rescale what the layer before writes."""

from __future__ import annotations

from zqcnn_xp.formats.darknet.network import Network
from zqcnn_xp.formats.darknet.section import Section
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.upsample import Upsample

__all__ = [
    "activation",
    "crop",
    "crops",
    "identity",
    "logistic",
    "reorg",
    "reorg3d",
    "softmax",
    "upsample",
]

_LARGEST = 1 << 16


def upsample(net: Network, section: Section) -> str:
    """``[upsample]``: every cell ``stride`` times in both directions, times ``scale``."""
    value = net.previous(section)
    stride = section.integer("stride", 2, low=1, high=_LARGEST)
    # Half-pixel positions lie far enough from the borders of cells for any stride.
    op = Upsample("nearest", "center", scale=(float(stride), float(stride)))
    value = net.step(section, "resize", op, value)
    scale = section.number("scale", 1.0)
    return value if scale == 1.0 else net.step(section, "scale", Scalar("multiply", scale), value)


def reorg(net: Network, section: Section) -> str:
    """``[reorg]`` of YOLOv2, which takes its input as the larger map that it is not."""
    return _reorg(net, section, Reorg(_reorg_stride(section), "darknet"))


def reorg3d(net: Network, section: Section) -> str:
    """``[reorg3d]``: space to depth."""
    return _reorg(net, section, Reorg(_reorg_stride(section), "block"))


def _reorg_stride(section: Section) -> int:
    return section.integer("stride", 1, low=1, high=_LARGEST)


def _reorg(net: Network, section: Section, op: Reorg) -> str:
    net.refuse(section, reverse=0, flatten=0, extra=0)
    return net.step(section, "reorg", op, net.previous(section))


def softmax(net: Network, section: Section) -> str:
    """``[softmax]`` over all values of a sample, in ``groups``; ``spatial=1``: over channels."""
    if section.has("tree"):
        raise section.error("a word tree", "a softmax without tree=", "tree")
    value = net.previous(section)
    groups = section.integer("groups", 1, low=1)
    temperature = section.number("temperature", 1.0)
    if temperature <= 0:
        raise section.error(f"temperature={temperature:g}", "a positive number", "temperature")
    if temperature != 1.0:
        value = net.step(section, "temperature", Scalar("divide", temperature), value)
    plain = net.shapes[value][2:] == (1, 1) or bool(section.integer("spatial", 0))
    if plain and groups == 1:
        return net.step(section, "softmax", Softmax(1), value)
    value = net.step(section, "split", Reshape((0, groups, -1)), value)
    value = net.step(section, "softmax", Softmax(2), value)
    return net.step(section, "join", Reshape((0, -1, 1, 1)), value)


def crops(section: Section, height: int, width: int) -> bool:
    """Say whether a ``[crop]`` takes less than the whole of an image of this size."""
    sizes = _crop_size(section, "crop_height", height), _crop_size(section, "crop_width", width)
    return sizes != (height, width)


def _crop_size(section: Section, key: str, size: int) -> int:
    return section.integer(key, 1, low=1, high=size)


def crop(net: Network, section: Section) -> str:
    """``[crop]``: the middle of the image, from 0..1 to -1..1 unless ``noadjust=1``.

    At inference there is no flip, no rotation and no change of colours; with ``noadjust`` and
    the whole image nothing is left to do.
    """
    value = net.previous(section)
    for axis, key in ((2, "crop_height"), (3, "crop_width")):
        size = net.shapes[value][axis]
        wanted = _crop_size(section, key, size)
        if wanted < size:
            start = (size - wanted) // 2
            value = net.step(section, key, Slice(axis, start, start + wanted), value)
    if not section.integer("noadjust", 0):
        value = net.step(section, "double", Scalar("multiply", 2.0), value)
        value = net.step(section, "shift", Scalar("subtract", 1.0), value)
    return value


def activation(net: Network, section: Section) -> str:
    """``[activation]``: the function alone."""
    value = net.previous(section)
    net.activate(section, "linear", value)
    return value


def logistic(net: Network, section: Section) -> str:
    """``[logistic]``: the sigmoid before a loss."""
    return net.step(section, "sigmoid", Activation("sigmoid"), net.previous(section))


def identity(net: Network, section: Section) -> str:
    """``[dropout]``, ``[cost]``, ``[empty]``: nothing at inference."""
    return net.previous(section)
