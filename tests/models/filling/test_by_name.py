"""Weights by the rules of PyTorch and MXNet, against PyTorch itself."""

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops import BatchNorm, PReLU
from zqcnn_xp_models.fill import finish


@pytest.mark.parametrize("prefix", ["", "module."])
def test_state_dicts_give_what_pytorch_gives(tiny, module, prefix):
    named = {prefix + key: value for key, value in tiny.state(module).items()}
    graph = finish(tiny.draft(), ("embedding",), named)
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        want = module(torch.from_numpy(tiny.x)).numpy()
    np.testing.assert_allclose(tiny.run(graph), want, rtol=1e-5, atol=1e-5)


def test_mxnets_names_bring_its_epsilon_and_its_fixed_scale(tiny, module):
    graph = finish(tiny.draft(), ("embedding",), tiny.as_mxnet(tiny.state(module)))
    norms = [node for node in graph.nodes if isinstance(node.op, BatchNorm)]
    assert [node.op.eps for node in norms] == [2e-5, 2e-5]
    named = tiny.state(module)
    np.testing.assert_array_equal(norms[0].weights["scale"], named["bn.weight"])
    np.testing.assert_array_equal(norms[1].weights["scale"], np.ones(7))
    np.testing.assert_array_equal(norms[1].weights["bias"], named["out.bias"])


def test_a_shared_slope_and_half_precision(tiny, module):
    named = tiny.state(module) | {"act.weight": np.float16([0.5])}
    graph = finish(tiny.draft(), ("embedding",), named)
    node = next(node for node in graph.nodes if isinstance(node.op, PReLU))
    assert node.op.shared
    assert node.weights["slope"].dtype == np.float32
    assert tiny.run(graph).shape == (2, 7)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"conv.weight": None}, r"found no 'conv.weight' for the weight of conv, expected shape"),
        ({"conv.weight": np.ones((6, 4, 3, 3), "f4")}, r"conv.weight: found shape \(6, 4, 3, 3\)"),
        ({"fc.weight": np.ones((72, 7), "f4")}, r"fc.weight: found shape \(72, 7\), expected"),
        ({"bn.bias": np.ones(5, "f4")}, r"bn.bias: found shape \(5,\), expected \(6,\)"),
        ({"bn.bias": np.ones(6, "i4")}, r"bn.bias: found dtype int32, expected floating point"),
        ({"head.weight": np.ones(6, "f4")}, r"1 weights that tiny does not have: head.weight"),
    ],
)
def test_weights_that_do_not_fit_are_named(tiny, module, change, match):
    named = {
        key: value for key, value in (tiny.state(module) | change).items() if value is not None
    }
    with pytest.raises(InputError, match=match):
        finish(tiny.draft(), ("embedding",), named)


def test_a_classifier_may_be_left_over(tiny, module):
    named = tiny.state(module) | {"head.weight": np.ones(6, "f4")}
    assert finish(tiny.draft(), ("embedding",), named, unused=("head.",)).parameters


def test_foreign_names_say_what_was_expected(tiny):
    with pytest.raises(InputError, match=r"'layer1.x'.*: 'conv.weight' or 'c_weight'"):
        finish(tiny.draft(), ("embedding",), {"layer1.x": np.ones(3)})
    with pytest.raises(InputError, match="found weights of type list"):
        finish(tiny.draft(), ("embedding",), [])
