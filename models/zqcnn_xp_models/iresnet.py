"""Residual networks for faces with a norm before the first convolution of each unit (IR).

Deng et al. 2019, "ArcFace". Two forms of the same network: that of InsightFace's MXNet symbols
(``LResNet34E-IR``: normalisation of the input inside, epsilon 2e-5, output ``fc1``), and that of
its PyTorch modules (``iresnet34``: input already normalised, epsilon 1e-5, output ``features``).
"""

from __future__ import annotations

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import Scalar
from zqcnn_xp_models.fill import Weights, finish
from zqcnn_xp_models.layers import Layers, Names

__all__ = ["DEPTHS", "build"]

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
"""Units of the four stages, of 64, 128, 256 and 512 channels."""
_EPS = {"torch": 1e-5, "mxnet": 2e-5}
_FORMS = {
    **{f"LResNet{depth}E-IR": (depth, "mxnet") for depth in DEPTHS},
    **{f"iresnet{depth}": (depth, "torch") for depth in DEPTHS},
}
# Classifiers and margins of training.
_UNUSED = ("fc7", "head.", "classifier.")


def build(
    variant: str = "LResNet34E-IR", *, features: int = 512, weights: Weights = None, seed: int = 0
) -> Graph:
    """Build a network.

    Parameters
    ----------
    variant
        ``"LResNet34E-IR"`` (18, 34, 50, 100), as InsightFace's MXNet symbols, or
        ``"iresnet34"``, as its PyTorch modules.
    features
        Length of the embedding.
    weights
        Arrays by the names of either form, a graph of the same layers in order, or None for
        seeded random weights. Epsilon follows the names: 2e-5 with MXNet's, 1e-5 with PyTorch's.
    seed
        Of the random weights.

    Returns
    -------
    Graph
        (N, 3, 112, 112) float32 RGB to (N, ``features``). The input is 0 to 255 for the MXNet
        form, (x - 127.5) / 127.5 for PyTorch's.

    Raises
    ------
    InputError
        If there is no such variant, or the weights are not its own.

    Examples
    --------
    >>> graph = build("iresnet18")
    >>> graph.shapes({"data": (2, 3, 112, 112)})[graph.outputs[0]]
    (2, 512)
    """
    if variant not in _FORMS:
        msg = f"found variant {variant!r}, expected one of {', '.join(_FORMS)}"
        raise InputError(msg)
    if features < 1:
        msg = f"found {features} features, expected at least one"
        raise InputError(msg)
    depth, style = _FORMS[variant]
    net = Layers(variant, (3, 112, 112), style=style)
    x = "data"
    if style == "mxnet":
        x = net.add("_minusscalar0", Scalar("subtract", 127.5), x)
        x = net.add("_mulscalar0", Scalar("multiply", 0.0078125), x)
    x = net.conv(_names("conv1", "conv0"), x, 64, 3, pad=1)
    x = net.bn(_names("bn1", "bn0"), x, _EPS)
    x = net.prelu(_names("prelu", "relu0"), x)
    sums = 0
    for stage, units in enumerate(DEPTHS[depth], 1):
        for unit in range(units):
            x = _unit(net, x, stage, unit, sums)
            sums += 1
        net.alias(f"layer{stage}", x)
    x = net.bn(_names("bn2", "bn1"), x, _EPS)
    x = net.dense(_names("fc", "pre_fc1"), x, features)
    # MXNet trains this norm with fix_gamma: the scale is 1 whatever its file holds.
    x = net.bn(_names("features", "fc1"), x, _EPS, unit=frozenset({"mxnet"}))
    x = net.vector(_names("embedding", "fc1_output"), x)
    return finish(net, (x,), weights, seed=seed, unused=_UNUSED)


def _names(torch: str, mxnet: str) -> Names:
    return {"torch": torch, "mxnet": mxnet}


def _unit(net: Layers, x: str, stage: int, unit: int, index: int) -> str:
    """Append norm, convolution, norm, rectifier, strided convolution, norm; and the shortcut."""
    channels, stride = 32 << stage, 1 if unit else 2

    def names(torch: str, mxnet: str) -> Names:
        return _names(f"layer{stage}.{unit}.{torch}", f"stage{stage}_unit{unit + 1}_{mxnet}")

    y = net.bn(names("bn1", "bn1"), x, _EPS)
    y = net.conv(names("conv1", "conv1"), y, channels, 3, pad=1)
    y = net.bn(names("bn2", "bn2"), y, _EPS)
    y = net.prelu(names("prelu", "relu1"), y)
    y = net.conv(names("conv2", "conv2"), y, channels, 3, stride, 1)
    y = net.bn(names("bn3", "bn3"), y, _EPS)
    if not unit:
        x = net.conv(names("downsample.0", "conv1sc"), x, channels, 1, stride)
        x = net.bn(names("downsample.1", "sc"), x, _EPS)
    return net.plus(_names(f"layer{stage}.{unit}", f"_plus{index}"), y, x)
