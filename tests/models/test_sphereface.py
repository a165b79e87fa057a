"""SphereFace 04bn and 10bn: layers, sizes, residuals."""

from itertools import pairwise

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops import Conv2D, Elementwise
from zqcnn_xp.session import Session
from zqcnn_xp_models import sphereface
from zqcnn_xp_models.counts import learnable, products

SHAPE = (1, 3, 112, 96)


def test_04bn_is_four_strided_convolutions_and_a_matrix():
    graph = sphereface.build("04bn")
    convolutions = [node.op for node in graph.nodes if isinstance(node.op, Conv2D)]
    assert [op.out_channels for op in convolutions] == [64, 128, 256, 512]
    assert {(op.kernel, op.stride) for op in convolutions} == {((3, 3), (2, 2))}
    # Kernels, biases, norms and slopes of each, then 7 x 6 x 512 to 256 with a norm.
    widths = (3, 64, 128, 256, 512)
    want = sum(9 * a * b + 4 * b for a, b in pairwise(widths)) + 42 * 512 * 256 + 3 * 256
    assert learnable(graph) == want == 7_059_648
    assert graph.shapes({"data": SHAPE})["feature"] == (1, 256)


def test_10bn_needs_fewer_operations_than_04bn():
    graph = sphereface.build("10bn")
    assert products(graph) == 102_004_224 < products(sphereface.build("04bn"))
    depthwise = [n for n in graph.nodes if isinstance(n.op, Conv2D) and n.op.groups > 1]
    assert len(depthwise) == 9
    sums = [node for node in graph.nodes if isinstance(node.op, Elementwise)]
    assert [node.name for node in sums] == ["res2_3", "res3_3", "res3_5"]
    assert graph.shapes({"data": SHAPE})["feature"] == (1, 512)


def test_units_add_to_their_input():
    session = Session(sphereface.build("10bn"), "numpy")
    x = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    found = session(x, ["relu2_1/sep", "relu2_3/sep", "res2_3"])
    want = found["relu2_1/sep"] + found["relu2_3/sep"]
    np.testing.assert_allclose(found["res2_3"], want, rtol=1e-6, atol=1e-6)


def test_what_does_not_exist_is_refused():
    with pytest.raises(InputError, match="found variant '20', expected one of 04bn, 10bn"):
        sphereface.build("20")
    with pytest.raises(InputError, match="found 0 features"):
        sphereface.build(features=0)
