"""MobileNet-SSD: MobileNet (Howard et al. 2017) with the heads of SSD (Liu et al. 2016).

The widely used Caffe deployment, batch normalisation folded in: 20 classes of PASCAL VOC and the
background, 300x300. Names are those of its files.
"""

from __future__ import annotations

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops import Concat, DetectionOutput, Flatten, PriorBox, Reshape, Softmax, Transpose
from zqcnn_xp_models.fill import Weights, finish
from zqcnn_xp_models.layers import Layers

__all__ = ["build"]

# Channels out of each depthwise separable layer, and its stride.
_BODY = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
# Channels of the narrow 1x1 convolution and of the strided 3x3 one behind it.
_EXTRA = ((256, 512), (128, 256), (128, 256), (64, 128))
_VARIANCES = (0.1, 0.1, 0.2, 0.2)
# Layer, smallest box, largest box, aspect ratios.
_HEADS = (
    ("conv11", 60.0, None, (2.0,)),
    ("conv13", 105.0, 150.0, (2.0, 3.0)),
    ("conv14_2", 150.0, 195.0, (2.0, 3.0)),
    ("conv15_2", 195.0, 240.0, (2.0, 3.0)),
    ("conv16_2", 240.0, 285.0, (2.0, 3.0)),
    ("conv17_2", 285.0, 300.0, (2.0, 3.0)),
)


def build(*, classes: int = 21, weights: Weights = None, seed: int = 0) -> Graph:
    """Build the network.

    Parameters
    ----------
    classes
        Classes, the background among them as the first.
    weights
        Arrays named as in PyTorch (``conv0.weight``), a graph of the same layers in order (such
        as a Caffe or ZQCNN file's), or None for seeded random weights.
    seed
        Of the random weights.

    Returns
    -------
    Graph
        (N, 3, H, W) float32 BGR, (x - 127.5) * 0.007843, nominally 300x300, to
        ``detection_out`` (n, 7, 1, 1) as `DetectionOutput` gives it.

    Raises
    ------
    InputError
        If there are too few classes, or the weights are not the network's.

    Examples
    --------
    >>> build().outputs
    ('detection_out',)
    """
    if classes < 2:
        msg = f"found {classes} classes, expected the background and at least one more"
        raise InputError(msg)
    net = Layers("mobilenet-ssd", (3, 300, 300), style="torch", free=True)
    x = _relu(net, net.conv("conv0", "data", 32, 3, 2, 1, bias=True))
    ends: dict[str, str] = {}
    for number, (channels, stride) in enumerate(_BODY, 1):
        name = f"conv{number}"
        x = _relu(net, net.depthwise(f"{name}/dw", x, 3, stride, 1, bias=True))
        x = ends[name] = _relu(net, net.conv(name, x, channels, 1, bias=True))
    for number, (narrow, wide) in enumerate(_EXTRA, 14):
        x = _relu(net, net.conv(f"conv{number}_1", x, narrow, 1, bias=True))
        name = f"conv{number}_2"
        x = ends[name] = _relu(net, net.conv(name, x, wide, 3, 2, 1, bias=True))
    return finish(net, (_detect(net, ends, classes),), weights, seed=seed)


def _relu(net: Layers, x: str) -> str:
    return net.relu(f"{x}/relu", x)


def _detect(net: Layers, ends: dict[str, str], classes: int) -> str:
    """Append boxes, scores and priors of each layer, and the decoding of all of them."""
    parts: dict[str, list[str]] = {"loc": [], "conf": [], "priorbox": []}
    for name, low, high, ratios in _HEADS:
        # A square box, a second one between the sizes, and two boxes for each ratio.
        boxes = 1 + (high is not None) + 2 * len(ratios)
        for kind, width in (("loc", 4), ("conf", classes)):
            x = net.conv(f"{name}_mbox_{kind}", ends[name], boxes * width, 1, bias=True)
            x = net.add(f"{x}_perm", Transpose((0, 2, 3, 1)), x)
            parts[kind].append(net.add(f"{name}_mbox_{kind}_flat", Flatten(), x))
        largest = () if high is None else (high,)
        op = PriorBox((low,), largest, ratios, _VARIANCES, offset=0.5)
        parts["priorbox"].append(net.add(f"{name}_mbox_priorbox", op, ends[name], "data"))
    boxes_all = net.add("mbox_loc", Concat(1), *parts["loc"])
    x = net.add("mbox_conf", Concat(1), *parts["conf"])
    priors = net.add("mbox_priorbox", Concat(2), *parts["priorbox"])
    x = net.add("mbox_conf_reshape", Reshape((0, -1, classes, 0)), x)
    x = net.add("mbox_conf_softmax", Softmax(2), x)
    x = net.add("mbox_conf_flatten", Flatten(), x)
    op_out = DetectionOutput(classes, nms_top_k=100, keep_top_k=100, code_type="center_size")
    return net.add("detection_out", op_out, boxes_all, x, priors)
