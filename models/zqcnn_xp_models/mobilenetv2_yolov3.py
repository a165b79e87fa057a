"""MobileNetV2-YOLOv3 (dog-qiuqiu): the backbone of Sandler et al. 2018, two heads of YOLOv3.

Pools of 3, 5 and 9 cells stand side by side before the heads. Node names are
``convolutional_N``, counted as the sections of the Darknet file are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zqcnn_xp.errors import InputError
from zqcnn_xp.formats.heads import describe
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import Concat, Upsample
from zqcnn_xp_models.fill import Weights, finish
from zqcnn_xp_models.layers import Layers

__all__ = ["VARIANTS", "build"]

VARIANTS: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    # Channels out of, inside of, and behind the first widening; stride of the first unit; units.
    "Nano": (
        *((8, 16, 1, 1), (12, 48, 2, 1), (12, 72, 1, 1), (16, 72, 2, 1), (16, 96, 1, 2)),
        *((32, 96, 2, 1), (32, 192, 1, 3), (48, 192, 1, 1), (48, 288, 1, 2)),
        *((80, 288, 2, 1), (80, 480, 1, 2)),
    ),
    "Lite": (
        *((16, 32, 1, 1), (24, 96, 2, 1), (24, 144, 1, 1), (32, 144, 2, 1), (32, 192, 1, 2)),
        *((64, 192, 1, 1), (64, 384, 1, 3), (96, 384, 2, 1), (96, 576, 1, 2)),
        *((160, 576, 2, 1), (160, 960, 1, 2)),
    ),
}
"""Runs of inverted residuals by variant: channels, inner channels, stride, how many."""

_STEM = {"Nano": 16, "Lite": 32}
# scale_x_y of the two heads: how far a centre may leave its cell.
_REACH = {"Nano": (1.1, 1.05), "Lite": (1.0, 1.0)}
_ANCHORS = ((26, 48), (67, 84), (72, 175), (189, 126), (137, 236), (265, 259))
_MASKS = ((3, 4, 5), (0, 1, 2))
_EPS = 1e-5


class _Sections:
    """Layers named by the number of their section."""

    def __init__(self, net: Layers) -> None:
        self.net = net
        self.number = 0

    def skip(self) -> None:
        """Count a section that computes nothing."""
        self.number += 1

    def conv(
        self, x: str, channels: int, kernel: int = 1, stride: int = 1, *, linear: bool = False
    ) -> str:
        """Append convolution, norm and, unless linear, rectifier."""
        name, self.number = f"convolutional_{self.number}", self.number + 1
        x = self.net.conv(f"{name}.conv", x, channels, kernel, stride, kernel // 2)
        if linear:
            return self.net.bn(name, x, _EPS)
        return self.net.relu(name, self.net.bn(f"{name}.bn", x, _EPS))

    def filter(self, x: str, stride: int = 1) -> str:
        """Append a depthwise 3x3 convolution, norm and rectifier."""
        name, self.number = f"convolutional_{self.number}", self.number + 1
        x = self.net.depthwise(f"{name}.conv", x, 3, stride, 1)
        return self.net.relu(name, self.net.bn(f"{name}.bn", x, _EPS))

    def head(self, x: str, channels: int) -> str:
        """Append the linear convolution before a [yolo] section, and count that one."""
        name, self.number = f"convolutional_{self.number}", self.number + 2
        return self.net.conv(name, x, channels, 1, bias=True)


def build(
    variant: str = "Nano", *, classes: int = 20, weights: Weights = None, seed: int = 0
) -> Graph:
    """Build a network.

    Parameters
    ----------
    variant
        ``"Nano"`` or ``"Lite"``.
    classes
        Classes of objects.
    weights
        A graph of the same layers in order (such as a Darknet file's), arrays named as in
        PyTorch (``convolutional_0.conv.weight``), or None for seeded random weights.
    seed
        Of the random weights.

    Returns
    -------
    Graph
        (N, 3, H, W) float32 RGB, 0 to 1, sides that are multiples of 32, nominally 320x320, to
        two raw heads of 3 * (classes + 5) channels, at strides of 32 and 16;
        ``meta["heads"]`` describes them (`zqcnn_xp.formats.heads`).

    Raises
    ------
    InputError
        If there is no such variant, or the weights are not its own.

    Examples
    --------
    >>> graph = build("Lite")
    >>> [graph.shapes({"data": (1, 3, 320, 320)})[name] for name in graph.outputs]
    [(1, 75, 10, 10), (1, 75, 20, 20)]
    """
    if variant not in VARIANTS:
        msg = f"found variant {variant!r}, expected one of {', '.join(VARIANTS)}"
        raise InputError(msg)
    if classes < 1:
        msg = f"found {classes} classes, expected at least one"
        raise InputError(msg)
    net = Layers(f"mobilenetv2-yolov3-{variant.lower()}", (3, 320, 320), style="torch", free=True)
    made = _Sections(net)
    x, middle = _backbone(net, made, variant)
    x = narrow = made.conv(_pools(net, made, x), 288)
    x = made.conv(made.conv(made.filter(x), 96), 384)
    outputs = [made.head(x, 3 * (classes + 5))]
    made.skip()  # [route] to the narrow layer
    x = net.add(f"upsample_{made.number}", Upsample("nearest", "center", (2.0, 2.0)), narrow)
    made.skip()
    x = net.add(f"route_{made.number}", Concat(1), x, middle)
    made.skip()
    x = made.conv(made.conv(x, 80), 288)
    x = made.conv(made.conv(made.filter(x), 192), 288)
    outputs.append(made.head(x, 3 * (classes + 5)))
    graph = finish(net, outputs, weights, seed=seed)
    heads = tuple(
        _head(name, classes, mask, scale, stride)
        for name, mask, scale, stride in zip(
            outputs, _MASKS, _REACH[variant], (32, 16), strict=True
        )
    )
    return replace(graph, meta={"heads": heads})


def _backbone(net: Layers, made: _Sections, variant: str) -> tuple[str, str]:
    """Append stem and inverted residuals; return the end, and the last layer at stride 16."""
    x = made.conv("data", _STEM[variant], 3, 2)
    middle = x
    for index, (channels, inner, stride, units) in enumerate(VARIANTS[variant]):
        for unit in range(units):
            # Nano's first unit filters the stem's channels as they are.
            wide = x if variant == "Nano" and not index else made.conv(x, inner)
            if stride == 2:
                middle = wide
            y = made.conv(made.filter(wide, stride), channels, linear=True)
            if net.shapes[y] == net.shapes[x] and (unit or (index and _repeats(variant, index))):
                y = net.plus(f"shortcut_{made.number}", y, x)
                made.skip()
            x = y
    return x, middle


def _repeats(variant: str, index: int) -> bool:
    """Say whether a run keeps the channels of the one before."""
    runs = VARIANTS[variant]
    return runs[index][0] == runs[index - 1][0] and runs[index][2] == 1


def _pools(net: Layers, made: _Sections, x: str) -> str:
    """Append maxima over 3, 5 and 9 cells beside the map itself."""
    pools = []
    for kernel in (3, 5, 9):
        pools.append(net.maxpool(f"maxpool_{made.number}", x, kernel, 1, kernel // 2))
        made.skip()
        made.skip()  # [route] back to the map
    made.number -= 1
    name = f"route_{made.number}"
    made.skip()
    return net.add(name, Concat(1), *reversed(pools), x)


def _head(
    name: str, classes: int, mask: tuple[int, ...], scale: float, stride: int
) -> dict[str, Any]:
    index = int(name.rpartition("_")[2]) + 1
    return describe(
        *("yolo", f"yolo_{index}", index, name, classes, len(_ANCHORS)),
        anchors=tuple((float(w), float(h)) for w, h in _ANCHORS),
        mask=mask,
        stride=stride,
        scale_x_y=scale,
        nms_kind="greedynms",
    )
