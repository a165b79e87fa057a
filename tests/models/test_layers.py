"""Assembling networks: names, shapes, and what is refused."""

import pytest

from zqcnn_xp.errors import GraphError, ShapeError
from zqcnn_xp.ops import BatchNorm, Conv2D, Pool2D
from zqcnn_xp_models.fill import finish
from zqcnn_xp_models.layers import Layers

NAMES = {"torch": "a.b", "mxnet": "a_b"}


@pytest.mark.parametrize("style", ["torch", "mxnet"])
def test_the_style_names_the_nodes(style):
    net = Layers("net", (3, 8, 8), style=style)
    assert net.conv(NAMES, "data", 4, 3) == NAMES[style]
    assert net.shapes[NAMES[style]] == (1, 4, 6, 6)
    assert net.slots[0].names == NAMES


def test_ops_as_asked_for():
    net = Layers("net", (4, 9, 9), style="torch")
    x = net.depthwise("dw", "data", 3, 2, 1, bias=True)
    assert net.slots[-1].op == Conv2D(4, (3, 3), (2, 2), pads=(1, 1, 1, 1), groups=4, bias=True)
    net.maxpool("full", x, 2, 2, ceil=True)
    assert net.slots[-1].op == Pool2D("max", (2, 2), (2, 2), ceil=True, clip_last=True)
    net.maxpool("floor", x, 3, 1, 1)
    assert net.slots[-1].op == Pool2D("max", (3, 3), pads=(1, 1, 1, 1))
    net.bn("bn", x, {"torch": 1e-5, "mxnet": 2e-5}, unit=frozenset({"mxnet"}))
    assert net.slots[-1].op == BatchNorm(1e-5)
    assert net.slots[-1].eps["mxnet"] == 2e-5


def test_free_and_fixed_sizes():
    fixed = Layers("net", (3, 8, 8), style="torch").inputs[0]
    free = Layers("net", (3, 8, 8), style="torch", free=True).inputs[0]
    assert fixed.shape == (None, 3, 8, 8)
    assert free.shape == (None, 3, None, None)
    assert fixed.nominal == free.nominal == (1, 3, 8, 8)


def test_blobs_may_have_second_names():
    net = Layers("net", (3, 8, 8), style="torch")
    net.alias("stage", net.relu("act", net.mfm("mfm", net.conv("conv", "data", 6, 3))))
    graph = finish(net, ("act",))
    assert graph.value("stage") == "act"
    assert graph.value("data") == "data"


def test_double_names_and_wrong_shapes_are_refused():
    net = Layers("net", (3, 8, 8), style="torch")
    net.conv("conv", "data", 5, 3)
    with pytest.raises(GraphError, match="a second layer 'conv'"):
        net.conv("conv", "data", 5, 3)
    with pytest.raises(ShapeError, match="even number of channels"):
        net.mfm("mfm", "conv")
