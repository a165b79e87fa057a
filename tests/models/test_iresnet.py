"""LResNet-E-IR and iresnet: the published sizes, and both conventions of one network."""

from math import prod

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops import BatchNorm, Conv2D, Dense, Elementwise, PReLU, Scalar
from zqcnn_xp.passes import optimize
from zqcnn_xp_models import iresnet
from zqcnn_xp_models.counts import learnable, products


@pytest.fixture(scope="module")
def r34():
    return iresnet.build("LResNet34E-IR")


def test_r34_has_the_published_parameters(r34):
    assert learnable(r34) == 34_139_328
    assert r34.parameters - learnable(r34) == 25_856  # means and variances


def test_r34_folded_has_the_published_parameters(r34):
    """Norms before a padded convolution stay: two numbers for each channel of them."""
    folded = optimize(r34)
    norms = [node for node in folded.nodes if isinstance(node.op, BatchNorm)]
    assert len(norms) == 17
    channels = sum(node.weights["mean"].size for node in norms)
    assert folded.parameters - 2 * channels == 34_129_728


def test_r34_has_the_published_operations(r34):
    assert 2 * products(r34) == 8_919_285_760
    # OpenVINO's 8.934 G counts, beside them, one for each bias, rectifier and sum, and two for
    # each norm that stays and for the scaling of the input.
    folded = optimize(r34)
    shapes = folded.shapes(folded.nominal_shapes)
    extra = 0
    for node in folded.nodes:
        size = prod(shapes[node.outputs[0]])
        if isinstance(node.op, (Conv2D, Dense)):
            extra += size * (node.op.bias + isinstance(node.op.activation, PReLU))
        elif isinstance(node.op, BatchNorm):
            extra += 2 * size
        elif isinstance(node.op, (Elementwise, Scalar, PReLU)):
            extra += size
    assert abs((2 * products(r34) + extra) / 1e9 - 8.934) < 1e-3


@pytest.mark.parametrize(
    ("variant", "parameters", "operations"),
    [("LResNet50E-IR", 43_590_848, 12.62), ("LResNet100E-IR", 65_156_160, 24.18)],
)
def test_deeper_ones_have_the_published_sizes(variant, parameters, operations):
    graph = iresnet.build(variant)
    assert learnable(graph) == parameters
    assert round(2 * products(graph) / 1e9, 2) == operations
    assert graph.shapes({"data": (2, 3, 112, 112)})[graph.outputs[0]] == (2, 512)


def test_the_forms_differ_in_input_epsilon_and_names():
    torch, mxnet = iresnet.build("iresnet18"), iresnet.build("LResNet18E-IR")
    assert learnable(torch) == learnable(mxnet)
    assert [node.op for node in mxnet.nodes[:2]] == [
        Scalar("subtract", 127.5),
        Scalar("multiply", 0.0078125),
    ]
    assert {n.op.eps for n in torch.nodes if isinstance(n.op, BatchNorm)} == {1e-5}
    assert {n.op.eps for n in mxnet.nodes if isinstance(n.op, BatchNorm)} == {2e-5}
    assert torch.nodes[0].name == "conv1"
    assert mxnet.nodes[2].name == "conv0"
    assert mxnet.value("stage4_unit2_conv2") == "stage4_unit2_conv2"


def test_a_forms_weights_fit_the_other_by_order_and_by_name():
    torch = iresnet.build("iresnet18", features=16, seed=4)
    mxnet = iresnet.build("LResNet18E-IR", features=16, weights=torch)
    ones, twos = ([n for n in g.nodes if n.weights] for g in (torch, mxnet))
    for one, two in zip(ones, twos, strict=True):
        for name, weight in one.weights.items():
            np.testing.assert_array_equal(weight, two.weights[name])


def test_what_does_not_exist_is_refused():
    with pytest.raises(InputError, match="found variant 'LResNet152E-IR', expected one of"):
        iresnet.build("LResNet152E-IR")
    with pytest.raises(InputError, match="found 0 features"):
        iresnet.build("iresnet18", features=0)
