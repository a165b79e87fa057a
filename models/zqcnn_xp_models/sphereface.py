"""SphereFace networks (Liu et al. 2017) with batch normalisation, as ZQCNN uses them.

``"04bn"`` is four strided 3x3 convolutions and a matrix. ``"10bn"`` is the ten-layer network
with every convolution but the first split into a depthwise and a pointwise one (ZQCNN's
Mobile-SphereFace10bn). Layer names are those of ZQCNN's Caffe files; the widths are the paper's.
"""

from __future__ import annotations

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp_models.fill import Weights, finish
from zqcnn_xp_models.layers import Layers

__all__ = ["VARIANTS", "build"]

VARIANTS = {"04bn": 256, "10bn": 512}
"""Variants, and the length of each one's embedding."""
_WIDTHS = (64, 128, 256, 512)
# Residual units behind the strided convolution of each stage.
_UNITS = (0, 1, 2, 0)
_EPS = 1e-5  # Caffe's default


def build(
    variant: str = "04bn",
    *,
    features: int | None = None,
    weights: Weights = None,
    seed: int = 0,
) -> Graph:
    """Build a network.

    Parameters
    ----------
    variant
        ``"04bn"`` or ``"10bn"``.
    features
        Length of the embedding; None takes the variant's own, 256 or 512.
    weights
        A graph of the same layers in order (such as a Caffe or ZQCNN file's), arrays named by
        layer (``conv1_1.weight``, ``batchnorm1_1.running_mean``), or None for seeded random
        weights.
    seed
        Of the random weights.

    Returns
    -------
    Graph
        (N, 3, 112, 96) float32 BGR, (x - 127.5) / 128, to (N, features).

    Raises
    ------
    InputError
        If there is no such variant, or the weights are not its own.

    Examples
    --------
    >>> graph = build("10bn")
    >>> graph.shapes({"data": (1, 3, 112, 96)})[graph.outputs[0]]
    (1, 512)
    """
    if variant not in VARIANTS:
        msg = f"found variant {variant!r}, expected one of {', '.join(VARIANTS)}"
        raise InputError(msg)
    count = VARIANTS[variant] if features is None else features
    if count < 1:
        msg = f"found {count} features, expected at least one"
        raise InputError(msg)
    net = Layers(f"sphereface{variant}{count}", (3, 112, 96), style="torch")
    x = _plain(net, "1_1", "data", _WIDTHS[0])
    for stage, width in enumerate(_WIDTHS[1:], 2):
        if variant == "04bn":
            x = _plain(net, f"{stage}_1", x, width)
            continue
        x = _split(net, f"{stage}_1", x, width, 2)
        for unit in range(_UNITS[stage - 1]):
            y = _split(net, f"{stage}_{2 * unit + 2}", x, width, 1)
            y = _split(net, f"{stage}_{2 * unit + 3}", y, width, 1)
            x = net.plus(f"res{stage}_{2 * unit + 3}", x, y)
    x = net.dense("fc5", x, count)
    x = net.bn("batchnorm5", x, _EPS)
    x = net.vector("feature", x)
    return finish(net, (x,), weights, seed=seed, unused=("fc6",))


def _plain(net: Layers, place: str, x: str, width: int) -> str:
    """Append a strided 3x3 convolution, norm and rectifier."""
    x = net.conv(f"conv{place}", x, width, 3, 2, 1, bias=True)
    x = net.bn(f"batchnorm{place}", x, _EPS)
    return net.prelu(f"relu{place}", x)


def _split(net: Layers, place: str, x: str, width: int, stride: int) -> str:
    """Append a depthwise 3x3 and a pointwise convolution, norm and rectifier behind each."""
    x = net.depthwise(f"conv{place}/dw", x, 3, stride, 1, bias=True)
    x = net.bn(f"conv{place}/dw/bn", x, _EPS)
    x = net.prelu(f"relu{place}/dw", x)
    x = net.conv(f"conv{place}/sep", x, width, 1, bias=True)
    x = net.bn(f"conv{place}/sep/bn", x, _EPS)
    return net.prelu(f"relu{place}/sep", x)
