"""LightCNN (Wu et al. 2018, "A Light CNN for Deep Face Representation with Noisy Labels").

Every activation is a max feature map, the larger of two halves of the channels. Nodes have the
names of the authors' PyTorch modules.
"""

from __future__ import annotations

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import Pool2D
from zqcnn_xp_models.fill import Weights, finish
from zqcnn_xp_models.layers import Layers

__all__ = ["VARIANTS", "build"]

VARIANTS = ("9", "29", "29v2")
_FEATURES = 256
# Residual units before, and channels behind, each group.
_GROUPS = ((1, 96), (2, 192), (3, 128), (4, 128))


def build(
    variant: str = "29v2", *, classes: int = 0, weights: Weights = None, seed: int = 0
) -> Graph:
    """Build a network.

    Parameters
    ----------
    variant
        ``"9"``, ``"29"`` (residual) or ``"29v2"`` (pools by maximum plus mean, plain last
        matrix).
    classes
        Append the classifier ``fc2`` of so many classes, which also becomes an output; 0 leaves
        it out. The published ones have 79,077 or 80,013.
    weights
        Arrays by the names of the authors' PyTorch modules, with or without ``module.``; a graph
        of the same layers in order; or None for seeded random weights.
    seed
        Of the random weights.

    Returns
    -------
    Graph
        (N, 1, 128, 128) float32 grey, 0 to 1, to (N, 256) features, the last output.

    Raises
    ------
    InputError
        If there is no such variant, or the weights are not its own.

    Examples
    --------
    >>> graph = build("9")
    >>> graph.shapes({"data": (1, 1, 128, 128)})[graph.outputs[-1]]
    (1, 256)
    """
    if variant not in VARIANTS:
        msg = f"found variant {variant!r}, expected one of {', '.join(VARIANTS)}"
        raise InputError(msg)
    if classes < 0:
        msg = f"found {classes} classes, expected 0 for none or more"
        raise InputError(msg)
    net = Layers(f"lightcnn-{variant}", (1, 128, 128), style="torch")
    if variant == "9":
        x, last = _nine(net), "fc1"
    else:
        x, last = _residual(net, both=variant == "29v2"), "fc"
    if variant == "29v2":
        x = net.dense(f"{last}.map", x, _FEATURES)
    else:
        x = net.mfm(f"{last}.mfm", net.dense(f"{last}.filter", x, 2 * _FEATURES))
    x = net.vector(last, x)
    outputs = [x]
    if classes:
        outputs.insert(0, net.dense("fc2", x, classes, bias=variant != "29v2"))
    renamed = {f"{last}.weight": f"{last}.map.weight", f"{last}.bias": f"{last}.map.bias"}
    unused = () if classes else ("fc2.",)
    return finish(net, outputs, weights, seed=seed, unused=unused, renamed=renamed)


def _mfm(net: Layers, name: str, x: str, channels: int, kernel: int, pad: int) -> str:
    """Append a convolution and the larger halves of its result."""
    return net.mfm(name, net.conv(f"{name}.filter", x, 2 * channels, kernel, 1, pad, bias=True))


def _group(net: Layers, name: str, x: str, channels: int) -> str:
    """Append a 1x1 convolution that keeps the channels, and a 3x3 one that changes them."""
    x = _mfm(net, f"{name}.conv_a", x, net.shapes[x][1], 1, 0)
    x = _mfm(net, f"{name}.conv", x, channels, 3, 1)
    net.alias(name, x)
    return x


def _nine(net: Layers) -> str:
    x = _mfm(net, "features.0", "data", 48, 5, 2)
    for place, channels in ((1, 96), (3, 192), (5, 128), (7, 128)):
        # No pool stands between the last two groups.
        if place < 7:
            x = net.maxpool(f"features.{place}", x, 2, 2, ceil=True)
            x = _group(net, f"features.{place + 1}", x, channels)
        else:
            x = _group(net, f"features.{place}", x, channels)
            x = net.maxpool("features.8", x, 2, 2, ceil=True)
    return x


def _residual(net: Layers, *, both: bool) -> str:
    x = _mfm(net, "conv1", "data", 48, 5, 2)
    x = _pool(net, "pool1", x, both)
    for index, (units, channels) in enumerate(_GROUPS, 1):
        for unit in range(units):
            name = f"block{index}.{unit}"
            width = net.shapes[x][1]
            y = _mfm(net, f"{name}.conv1", x, width, 3, 1)
            y = _mfm(net, f"{name}.conv2", y, width, 3, 1)
            x = net.plus(name, y, x)
        net.alias(f"block{index}", x)
        x = _group(net, f"group{index}", x, channels)
        if index != 3:
            x = _pool(net, f"pool{min(index + 1, 4)}", x, both)
    return x


def _pool(net: Layers, name: str, x: str, both: bool) -> str:
    if not both:
        return net.maxpool(name, x, 2, 2, ceil=True)
    high = net.maxpool(f"{name}.max", x, 2, 2)
    mean = net.add(f"{name}.mean", Pool2D("average", (2, 2), (2, 2)), x)
    return net.plus(name, high, mean)
