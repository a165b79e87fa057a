"""Weights for networks: random, by the rules of PyTorch and MXNet, by order."""

from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import BatchNorm, Conv2D, Dense, PReLU, Scale
from zqcnn_xp.session import Session
from zqcnn_xp_models.fill import finish
from zqcnn_xp_models.layers import Layers

torch = pytest.importorskip("torch")


def draft():
    """Convolution in groups, norm, rectifier, matrix after a map, norm whose scale MXNet fixes."""
    net = Layers("tiny", (4, 5, 6), style="torch")
    x = net.conv({"torch": "conv", "mxnet": "c"}, "data", 6, 3, groups=2)
    x = net.bn({"torch": "bn", "mxnet": "b"}, x, {"torch": 1e-5, "mxnet": 2e-5})
    x = net.prelu({"torch": "act", "mxnet": "r"}, x)
    x = net.dense({"torch": "fc", "mxnet": "f"}, x, 7)
    x = net.bn(
        {"torch": "out", "mxnet": "o"}, x, {"torch": 1e-5, "mxnet": 2e-5}, unit=frozenset({"mxnet"})
    )
    net.vector({"torch": "embedding", "mxnet": "e"}, x)
    return net


class Module(torch.nn.Module):
    """The same network in PyTorch."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(4, 6, 3, groups=2, bias=False)
        self.bn = torch.nn.BatchNorm2d(6)
        self.act = torch.nn.PReLU(6)
        self.fc = torch.nn.Linear(6 * 3 * 4, 7)
        self.out = torch.nn.BatchNorm1d(7)

    def forward(self, x):
        return self.out(self.fc(self.act(self.bn(self.conv(x))).flatten(1)))


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(3)
    made = Module().eval()
    with torch.no_grad():
        for name, value in [*made.named_parameters(), *made.named_buffers()]:
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape) - (0.0 if "var" in name else 0.4))
    return made


def state(module):
    return {name: value.numpy() for name, value in module.state_dict().items()}


def as_mxnet(named):
    """The same arrays under MXNet's names."""
    suffixes = {"weight": "_gamma", "bias": "_beta"}
    suffixes |= {"running_mean": "_moving_mean", "running_var": "_moving_var"}
    bases = {"conv": "c", "bn": "b", "act": "r", "fc": "f", "out": "o"}
    found = {}
    for key, value in named.items():
        base, leaf = key.split(".")
        if leaf == "num_batches_tracked":
            continue
        suffix = f"_{leaf}" if base in ("conv", "fc") else suffixes[leaf]
        kind = "aux:" if "moving" in suffix else "arg:"
        found[f"{kind}{bases[base]}{suffix}"] = value
    return found


X = np.random.default_rng(0).random((2, 4, 5, 6), dtype=np.float32)


def run(graph):
    (found,) = Session(graph, "numpy")(X).values()
    return found


@pytest.mark.parametrize("prefix", ["", "module."])
def test_state_dicts_give_what_pytorch_gives(module, prefix):
    named = {prefix + key: value for key, value in state(module).items()}
    graph = finish(draft(), ("embedding",), named)
    with torch.no_grad():
        want = module(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(run(graph), want, rtol=1e-5, atol=1e-5)


def test_mxnets_names_bring_its_epsilon_and_its_fixed_scale(module):
    graph = finish(draft(), ("embedding",), as_mxnet(state(module)))
    norms = [node for node in graph.nodes if isinstance(node.op, BatchNorm)]
    assert [node.op.eps for node in norms] == [2e-5, 2e-5]
    named = state(module)
    np.testing.assert_array_equal(norms[0].weights["scale"], named["bn.weight"])
    np.testing.assert_array_equal(norms[1].weights["scale"], np.ones(7))
    np.testing.assert_array_equal(norms[1].weights["bias"], named["out.bias"])


def test_a_shared_slope_and_half_precision(module):
    named = state(module) | {"act.weight": np.float16([0.5])}
    graph = finish(draft(), ("embedding",), named)
    node = next(node for node in graph.nodes if isinstance(node.op, PReLU))
    assert node.op.shared
    assert node.weights["slope"].dtype == np.float32
    assert run(graph).shape == (2, 7)


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
def test_weights_that_do_not_fit_are_named(module, change, match):
    named = {key: value for key, value in (state(module) | change).items() if value is not None}
    with pytest.raises(InputError, match=match):
        finish(draft(), ("embedding",), named)


def test_a_classifier_may_be_left_over(module):
    named = state(module) | {"head.weight": np.ones(6, "f4")}
    assert finish(draft(), ("embedding",), named, unused=("head.",)).parameters


def test_foreign_names_say_what_was_expected():
    with pytest.raises(InputError, match=r"'layer1.x'.*: 'conv.weight' or 'c_weight'"):
        finish(draft(), ("embedding",), {"layer1.x": np.ones(3)})
    with pytest.raises(InputError, match="found weights of type list"):
        finish(draft(), ("embedding",), [])


def test_random_weights_are_seeded_and_of_a_plausible_size():
    one, two, other = (finish(draft(), ("embedding",), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(run(one), run(two))
    assert np.abs(run(one) - run(other)).max() > 0
    assert 0.01 < np.abs(run(one)).max() < 100


@pytest.fixture
def given(module):
    return finish(draft(), ("embedding",), state(module))


def test_another_graph_by_order(given):
    renamed = replace(
        given, nodes=tuple(replace(node, name=f"x{i}") for i, node in enumerate(given.nodes))
    )
    np.testing.assert_array_equal(run(finish(draft(), ("embedding",), renamed)), run(given))


def test_epsilon_scale_and_bias_follow_the_other_graph(given):
    nodes = []
    for node in given.nodes:
        op, weights = node.op, dict(node.weights)
        if isinstance(op, BatchNorm):
            op, weights = BatchNorm(0.25, bias=False), weights | {}
            del weights["bias"]
        elif isinstance(op, Conv2D):
            op, weights["bias"] = replace(op, bias=True), np.float32(np.arange(6))
        nodes.append(replace(node, op=op, weights=weights))
    other = replace(given, nodes=tuple(nodes))
    np.testing.assert_array_equal(run(finish(draft(), ("embedding",), other)), run(other))


def test_caffes_scale_behind_its_norm_is_one_layer(given):
    nodes = []
    for node in given.nodes:
        if not isinstance(node.op, BatchNorm):
            nodes.append(node)
            continue
        bare = {key: node.weights[key] for key in ("mean", "variance")}
        rest = {key: node.weights[key] for key in ("scale", "bias")}
        between = f"{node.name}.bare"
        nodes.append(Node(between, BatchNorm(1e-5, False, False), node.inputs, (between,), bare))
        nodes.append(Node(node.name, Scale(), (between,), node.outputs, rest))
    other = replace(given, nodes=tuple(nodes))
    np.testing.assert_allclose(
        run(finish(draft(), ("embedding",), other)), run(other), rtol=1e-5, atol=1e-6
    )


def test_fused_rectifiers_are_taken_apart(given):
    conv, _, act, *_ = given.nodes
    fused = replace(conv.op, activation=PReLU())
    weights = {**conv.weights, **act.weights}
    net = Layers("tiny", (4, 5, 6), style="torch")
    net.prelu("act", net.conv("conv", "data", 6, 3, groups=2))
    other = Graph(given.inputs, (replace(conv, op=fused, weights=weights),), ("conv",))
    np.testing.assert_array_equal(run(finish(net, ("act",), other)), run(other))


def test_a_matrix_of_a_flattened_map_is_brought_into_place(given):
    """Formats that flatten first keep (C * H * W, O), here (H, W, C, O) is needed."""
    dense = next(node for node in given.nodes if isinstance(node.op, Dense))
    flat = dense.weights["weight"].transpose(2, 0, 1, 3).reshape(72, 7)
    nodes = [
        replace(node, weights={**node.weights, "weight": flat}) if node is dense else node
        for node in given.nodes
    ]
    found = finish(draft(), ("embedding",), replace(given, nodes=tuple(nodes)))
    np.testing.assert_array_equal(run(found), run(given))


def test_layers_that_do_not_match_are_named(given):
    def fails(nodes, match):
        source = GraphInput("data", (None, 4, 5, 6))
        with pytest.raises(InputError, match=match):
            finish(draft(), ("embedding",), Graph((source,), tuple(nodes), ("embedding",)))

    nodes = list(given.nodes)
    fails(nodes[:3], "found no layer for fc, expected as many as tiny has")
    extra = replace(nodes[1], name="more", outputs=("more",))
    fails([*nodes, extra], "found BatchNorm 'more' behind the last layer of tiny")
    fails([nodes[1], *nodes[1:]], "found BatchNorm 'bn' for conv, expected a Conv2D")
    wrong = replace(nodes[0], weights={"weight": np.ones((3, 3, 4, 6), np.float32)})
    fails([wrong, *nodes[1:]], r"found weight of shape \(3, 3, 4, 6\), expected \(3, 3, 2, 6\)")
