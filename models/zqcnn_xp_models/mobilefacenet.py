"""MobileFaceNet (Chen et al. 2018) in the forms that are published with weights.

A strided stem, then three times a strided block and residual blocks, a wide 1x1 convolution, and
a head that reduces the 7x7 map to an embedding: a 7x7 depthwise convolution (GDC), or an average
in which every place counts by its norm (GNAP). A block is a 1x1 convolution, a 3x3 depthwise one
and a linear 1x1 one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import Elementwise, Pool2D, Reduce, Scalar, Unary
from zqcnn_xp_models.fill import Weights, finish
from zqcnn_xp_models.layers import Layers, Names

__all__ = ["VARIANTS", "Form", "build"]


@dataclass(frozen=True)
class Form:
    """Sizes of a form.

    Parameters
    ----------
    units
        Residual blocks of the four resolutions. Where the first is 1, a single grouped
        convolution takes its place.
    stem
        Channels of the first resolution.
    outs, inner
        Channels out of, and inside of, each strided block and its residual blocks.
    style
        Whose names nodes have: ``"mxnet"`` or ``"torch"``.
    features
        Length of the embedding.
    groups
        Of the convolution that stands for a single first block; 0 is one a channel.
    head
        ``"GDC"`` or ``"GNAP"``.
    bias
        Whether the last matrix has one.
    raw
        Whether the network takes 0 to 255 and normalises by itself.
    """

    units: tuple[int, int, int, int]
    stem: int
    outs: tuple[int, int, int]
    inner: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    style: str = "mxnet"
    features: int = 128
    groups: int = 0
    head: str = "GDC"
    bias: bool = True
    raw: bool = False


_SMALL = Form((1, 4, 6, 2), 64, (64, 128, 128), ((128, 128), (256, 256), (512, 256)))
_WIDE = Form((2, 6, 10, 2), 64, (128, 256, 512), ((128, 128), (256, 256), (512, 512)))
VARIANTS = {
    "y1": replace(_SMALL, raw=True),
    "v1": _SMALL,
    "GNAP": replace(_SMALL, head="GNAP"),
    "res2-6-10-2": _WIDE,
    "res4-8-16-4": replace(_WIDE, units=(4, 8, 16, 4)),
    "res8-16-32-8": replace(_WIDE, units=(8, 16, 32, 8)),
    "mbf": Form(
        (1, 4, 6, 2),
        128,
        (128, 256, 256),
        ((128, 128), (256, 256), (512, 256)),
        style="torch",
        features=512,
        groups=64,
        bias=False,
    ),
}
"""Forms by name: InsightFace's y1, ZQCNN's, and InsightFace's PyTorch mbf."""

# MXNet's default inside the blocks, what InsightFace sets in the head; PyTorch's default.
_EPS = {"mxnet": 1e-3, "torch": 1e-5}
_HEAD = {"mxnet": 2e-5, "torch": 1e-5}
_UNIT = frozenset({"mxnet"})


def build(
    variant: str = "res2-6-10-2",
    *,
    features: int | None = None,
    weights: Weights = None,
    seed: int = 0,
) -> Graph:
    """Build a network.

    Parameters
    ----------
    variant
        A key of `VARIANTS`.
    features
        Length of the embedding, such as 128, 256 or 512; None takes the form's own.
    weights
        Arrays by InsightFace's MXNet or PyTorch names, a graph of the same layers in order (such
        as a ZQCNN file's), or None for seeded random weights.
    seed
        Of the random weights.

    Returns
    -------
    Graph
        (N, 3, 112, 112) float32 to (N, features). ``"y1"`` takes RGB from 0 to 255 and
        normalises by itself; the others take (x - 127.5) / 128, ``"mbf"`` (x - 127.5) / 127.5.

    Raises
    ------
    InputError
        If there is no such variant, or the weights are not its own.

    Examples
    --------
    >>> graph = build("res4-8-16-4", features=256)
    >>> graph.shapes({"data": (1, 3, 112, 112)})[graph.outputs[0]]
    (1, 256)
    """
    if variant not in VARIANTS:
        msg = f"found variant {variant!r}, expected one of {', '.join(VARIANTS)}"
        raise InputError(msg)
    form = VARIANTS[variant]
    count = form.features if features is None else features
    if count < 1:
        msg = f"found {count} features, expected at least one"
        raise InputError(msg)
    net = Layers(f"mobilefacenet-{variant}-dim{count}", (3, 112, 112), style=form.style)
    x = "data"
    if form.raw:
        x = net.add("_minusscalar0", Scalar("subtract", 127.5), x)
        x = net.add("_mulscalar0", Scalar("multiply", 0.0078125), x)
    x = _conv(net, ("conv_1", "layers.0"), x, form.stem, 3, 2, 1)
    x = _first(net, form, x)
    for stage, (out, (down, inner)) in enumerate(zip(form.outs, form.inner, strict=True), 2):
        place = f"layers.{2 * stage - 2}"
        x = _block(net, (f"dconv_{stage}{stage + 1}", place), x, out, down, 2)
        net.alias(place, x)
        x = _residual(net, stage + 1, f"layers.{2 * stage - 1}", x, form.units[stage - 1], inner)
    x = _conv(net, ("conv_6sep", "conv_sep"), x, 512, 1)
    net.alias("conv_sep", x)
    x = _gnap(net, x, count) if form.head == "GNAP" else _gdc(net, x, count, form.bias)
    # The matrix of y1's file is called by the name of the norm behind it.
    renamed = {"fc1_weight": "pre_fc1_weight"}
    return finish(net, (x,), weights, seed=seed, unused=("fc7",), renamed=renamed)


def _names(mxnet: str, torch: str) -> Names:
    return {"mxnet": mxnet, "torch": torch}


def _conv(
    net: Layers,
    place: tuple[str, str],
    x: str,
    channels: int,
    kernel: int,
    stride: int = 1,
    pad: int = 0,
    *,
    groups: int = 1,
    linear: bool = False,
) -> str:
    """Append convolution, norm and, unless linear, rectifier."""
    mxnet, torch = place
    names = _names(f"{mxnet}_conv2d", f"{torch}.layers.0")
    x = net.conv(names, x, channels, kernel, stride, pad, groups=groups)
    x = net.bn(_names(f"{mxnet}_batchnorm", f"{torch}.layers.1"), x, _EPS)
    if not linear:
        x = net.prelu(_names(f"{mxnet}_relu", f"{torch}.layers.2"), x)
    if net.style == "torch":
        net.alias(torch, x)
    return x


def _block(net: Layers, place: tuple[str, str], x: str, out: int, inner: int, stride: int) -> str:
    """Append a block: widen, filter each channel by itself, project."""
    mxnet, torch = place
    x = _conv(net, (f"{mxnet}_conv_sep", f"{torch}.layers.0"), x, inner, 1)
    filters = (f"{mxnet}_conv_dw", f"{torch}.layers.1")
    x = _conv(net, filters, x, inner, 3, stride, 1, groups=inner)
    return _conv(net, (f"{mxnet}_conv_proj", f"{torch}.layers.2"), x, out, 1, linear=True)


def _residual(net: Layers, level: int, torch: str, x: str, units: int, inner: int) -> str:
    """Append blocks, each added to its input."""
    out = net.shapes[x][1]
    for unit in range(units):
        place = (f"res_{level}_block{unit}", f"{torch}.layers.{unit}")
        y = _block(net, place, x, out, inner, 1)
        number = sum(slot.name.startswith(("_plus", "sum.")) for slot in net.slots)
        x = net.plus(_names(f"_plus{number}", f"sum.{torch}.{unit}"), y, x)
    if net.style == "torch":
        net.alias(torch, x)
    return x


def _first(net: Layers, form: Form, x: str) -> str:
    """Append what comes at the first resolution."""
    if form.units[0] == 1:
        groups = form.groups or form.stem
        return _conv(net, ("conv_2_dw", "layers.1"), x, form.stem, 3, 1, 1, groups=groups)
    return _residual(net, 2, "layers.1", x, form.units[0], form.stem)


def _gdc(net: Layers, x: str, features: int, bias: bool) -> str:
    """Append the global depthwise convolution and the matrix (Chen et al. 2018)."""
    place = ("conv_6dw7_7", "features.layers.0")
    x = _conv(net, place, x, 512, 7, groups=512, linear=True)
    x = net.dense(_names("pre_fc1", "features.layers.2"), x, features, bias=bias)
    x = net.bn(_names("fc1", "features.layers.3"), x, _HEAD, unit=_UNIT)
    return net.vector(_names("fc1_output", "features"), x)


def _gnap(net: Layers, x: str, features: int) -> str:
    """Append the average of places, each scaled to the map's mean norm (InsightFace's GNAP).

    InsightFace takes the mean over the batch as well, which makes samples depend on their
    company; this is the mean of each map, the same at batch size 1.
    """
    if features > 512:
        msg = f"found {features} features, expected at most 512 with GNAP"
        raise InputError(msg)
    x = net.bn("bn6f", x, _HEAD["mxnet"], unit=_UNIT)
    square = net.add("_mul0", Elementwise("product"), x, x)
    norm = net.add("sqrt0", Unary("sqrt"), net.add("sum0", Reduce("sum", (1,)), square))
    mean = net.add("mean0", Reduce("mean", (1, 2, 3)), norm)
    inverse = net.add("reciprocal0", Unary("reciprocal"), norm)
    factor = net.add("div0", Elementwise("product"), mean, inverse)
    x = net.add("_mul1", Elementwise("product"), x, factor)
    x = net.add("pooling0", Pool2D("average", None), x)
    if features < 512:
        x = net.bn("bn6w", x, _HEAD["mxnet"], unit=_UNIT)
        x = net.dense("pre_fc1", x, features)
    x = net.bn("fc1", x, _HEAD["mxnet"], unit=_UNIT)
    return net.vector("fc1_output", x)
