"""The networks of MTCNN: proposals (P), refinement (R), output (O), landmarks (L).

P, R and O are those of Zhang et al. 2016 in the authors' Caffe files; ``"P-dw20"`` and the two L
are ZQCNN's, of depthwise blocks. Names are those of the files.
"""

from __future__ import annotations

from collections.abc import Callable

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import Softmax
from zqcnn_xp_models.fill import Weights, finish
from zqcnn_xp_models.layers import Layers

__all__ = ["VARIANTS", "build"]


def build(variant: str = "P", *, weights: Weights = None, seed: int = 0) -> Graph:
    """Build a network.

    Parameters
    ----------
    variant
        ``"P"`` (any size), ``"R"`` (24x24) and ``"O"`` (48x48) as published; ``"P-dw20"``
        (any size, cells of 20 pixels every 4, no box regression); ``"L16"`` and ``"L32"``
        (48x48) with 16 and 32 channels in the first layer.
    weights
        Arrays named as in PyTorch (``conv1.weight``, ``prelu1.weight``), a graph of the same
        layers in order (such as a Caffe or ZQCNN file's), or None for seeded random weights.
    seed
        Of the random weights.

    Returns
    -------
    Graph
        (N, 3, H, W) float32, (x - 127.5) / 128. Outputs: of P ``conv4-2`` (boxes) and ``prob1``;
        of R ``conv5-2`` and ``prob1``; of O ``conv6-2``, ``conv6-3`` (landmarks) and ``prob1``;
        of L ``conv6-3``.

    Raises
    ------
    InputError
        If there is no such variant, or the weights are not its own.

    Examples
    --------
    >>> graph = build("P")
    >>> graph.shapes({"data": (1, 3, 240, 320)})["prob1"]
    (1, 2, 115, 155)
    """
    if variant not in VARIANTS:
        msg = f"found variant {variant!r}, expected one of {', '.join(VARIANTS)}"
        raise InputError(msg)
    net, outputs = VARIANTS[variant]()
    return finish(net, outputs, weights, seed=seed)


def _conv(net: Layers, number: int, x: str, channels: int, kernel: int = 3) -> str:
    x = net.conv(f"conv{number}", x, channels, kernel, bias=True)
    return net.prelu(f"prelu{number}", x)


def _pool(net: Layers, number: int, x: str, kernel: int) -> str:
    # Caffe's rule: rounded up.
    return net.maxpool(f"pool{number}", x, kernel, 2, ceil=True)


def _p() -> tuple[Layers, tuple[str, ...]]:
    net = Layers("mtcnn-P", (3, 12, 12), style="torch", free=True)
    x = _pool(net, 1, _conv(net, 1, "data", 10), 2)
    x = _conv(net, 3, _conv(net, 2, x, 16), 32)
    scores = net.conv("conv4-1", x, 2, 1, bias=True)
    boxes = net.conv("conv4-2", x, 4, 1, bias=True)
    return net, (boxes, net.add("prob1", Softmax(1), scores))


def _r() -> tuple[Layers, tuple[str, ...]]:
    net = Layers("mtcnn-R", (3, 24, 24), style="torch")
    x = _pool(net, 1, _conv(net, 1, "data", 28), 3)
    x = _pool(net, 2, _conv(net, 2, x, 48), 3)
    x = _conv(net, 3, x, 64, 2)
    x = net.prelu("prelu4", net.dense("conv4", x, 128))
    scores = net.dense("conv5-1", x, 2)
    boxes = net.dense("conv5-2", x, 4)
    return net, (boxes, net.add("prob1", Softmax(1), scores))


def _o() -> tuple[Layers, tuple[str, ...]]:
    net = Layers("mtcnn-O", (3, 48, 48), style="torch")
    x = _pool(net, 1, _conv(net, 1, "data", 32), 3)
    x = _pool(net, 2, _conv(net, 2, x, 64), 3)
    x = _pool(net, 3, _conv(net, 3, x, 64), 2)
    x = _conv(net, 4, x, 128, 2)
    x = net.prelu("prelu5", net.dense("conv5", x, 256))
    scores = net.dense("conv6-1", x, 2)
    boxes = net.dense("conv6-2", x, 4)
    points = net.dense("conv6-3", x, 10)
    return net, (boxes, points, net.add("prob1", Softmax(1), scores))


def _p_dw20() -> tuple[Layers, tuple[str, ...]]:
    net = Layers("mtcnn-P-dw20", (3, 240, 320), style="torch", free=True)
    x = net.prelu("prelu1", net.conv("conv1", "data", 8, 3, 2, bias=True))
    for number, channels, stride in ((2, 16, 1), (3, 24, 2)):
        x = net.depthwise(f"conv{number}_dw", x, 3, stride, bias=True)
        x = net.prelu(f"prelu{number}_dw", x)
        x = net.conv(f"conv{number}_sep", x, channels, 1, bias=True)
        x = net.prelu(f"prelu{number}", x)
    x = net.prelu("prelu4_dw", net.depthwise("conv4_dw", x, 3, bias=True))
    # ZQCNN's files have eps folded into the variance.
    scores = net.bn("bn4_1", net.conv("conv4_1", x, 2, 1, bias=True), 0.0)
    return net, (net.add("prob1", Softmax(1), scores),)


def _l(base: int) -> tuple[Layers, tuple[str, ...]]:
    net = Layers(f"mtcnn-L{base}", (3, 48, 48), style="torch")
    x = net.bn("bn1", net.conv("conv1", "data", base, 3, bias=True), 0.0)
    x = net.prelu("prelu1", x)
    # Windows of 2 without, and of 3 with a stride of 2, in turn; channels double at each stride.
    widths = (base, 2 * base, 2 * base, 4 * base, 4 * base, 8 * base, 8 * base, 8 * base)
    for number, channels in enumerate(widths, 2):
        kernel, stride = (3, 2 if number < 9 else 1) if number % 2 else (2, 1)
        x = net.depthwise(f"conv{number}_dw", x, kernel, stride, bias=True)
        x = net.prelu(f"prelu{number}_dw", net.bn(f"bn{number}_dw", x, 0.0))
        x = net.conv(f"conv{number}_sep", x, channels, 1, bias=True)
        x = net.prelu(f"prelu{number}_sep", net.bn(f"bn{number}_sep", x, 0.0))
    x = net.dense("conv6_3", x, 10)
    return net, (net.bn("conv6-3", x, 0.0),)


VARIANTS: dict[str, Callable[[], tuple[Layers, tuple[str, ...]]]] = {
    "P": _p,
    "R": _r,
    "O": _o,
    "P-dw20": _p_dw20,
    "L16": lambda: _l(16),
    "L32": lambda: _l(32),
}
"""Variants by name."""
