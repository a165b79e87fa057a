"""Counting, on a network small enough to count by hand."""

from zqcnn_xp_models.counts import learnable, products
from zqcnn_xp_models.fill import finish
from zqcnn_xp_models.layers import Layers


def network():
    net = Layers("net", (4, 6, 6), style="torch")
    x = net.bn("bn", net.conv("conv", "data", 8, 3, groups=2, bias=True), 1e-5)
    return finish(net, (net.dense("fc", net.prelu("act", x), 5),))


def test_learnable_leaves_means_and_variances_out():
    # 3 * 3 * 2 * 8 + 8, scale and bias of 8, 8 slopes, 4 * 4 * 8 * 5 + 5.
    assert learnable(network()) == 144 + 8 + 16 + 8 + 640 + 5


def test_products_count_kernels_and_matrices_alone():
    assert products(network()) == 4 * 4 * 8 * 9 * 2 + 4 * 4 * 8 * 5
    assert products(network(), {"data": (3, 4, 6, 6)}) == 3 * products(network())
