"""Pairs of nodes and outputs, and differences down to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zqcnn_xp import InputError, Session, ShapeError
from zqcnn_xp.compare import common_input, compare_nodes, compare_outputs, largest_difference
from zqcnn_xp.formats import read_graph

HEAD = b"Input name=x C=2 H=4 W=4\n"
CONV = b"Convolution name=c bottom=x top=y num_output=3 kernel_size=1 bias\n"
RELU = b"ReLU name=r bottom=y top=z\n"
POOL = b"Pooling name=p bottom=z top=w kernel_size=2 stride=2\n"


def net(*lines, seed=0):
    return read_graph(HEAD + b"".join(lines), f"random:{seed}")


def rows_of(a, b):
    shapes = [g.shapes(g.nominal_shapes) for g in (a, b)]
    return compare_nodes(a, b, *shapes)


@pytest.mark.parametrize(
    ("a", "b", "want"),
    [
        ([1, 2], [1, 2.5], 0.5),
        ([], [], 0),
        ([np.nan], [np.nan], 0),
        ([np.nan], [1], np.inf),
        ([np.inf], [np.inf], 0),
        ([np.inf], [-np.inf], np.inf),
        ([3e38], [-3e38], 6e38),
    ],
)
def test_largest_difference(a, b, want):
    found = largest_difference(np.asarray(a, np.float32), np.asarray(b, np.float32))
    assert found == pytest.approx(want, rel=1e-6)


def test_a_graph_is_like_itself():
    rows = rows_of(net(CONV, RELU), net(CONV, RELU))
    assert all(row.same_structure and row.same_weights for row in rows)
    assert [weight.name for weight in rows[0].weights] == ["weight", "bias"]
    assert [weight.difference for weight in rows[0].weights] == [0, 0]


def test_one_bit_of_one_weight():
    a = net(CONV)
    weight = a.nodes[0].weights["weight"].copy()
    weight[0, 0, 1, 2] = np.nextafter(weight[0, 0, 1, 2], np.float32(np.inf))
    node = replace(a.nodes[0], weights={**a.nodes[0].weights, "weight": weight})
    (row,) = rows_of(a, replace(a, nodes=(node,)))
    assert row.same_structure
    assert not row.same_weights
    first, second = row.weights
    assert not first.equal
    assert 0 < first.difference < 1e-6
    assert second.equal


def test_minus_zero_is_another_bit():
    a = net(CONV)
    zero = np.zeros(3, np.float32)
    nodes = [replace(a.nodes[0], weights={**a.nodes[0].weights, "bias": b}) for b in (zero, -zero)]
    (row,) = rows_of(*(replace(a, nodes=(node,)) for node in nodes))
    assert row.weights[1].difference == 0
    assert not row.weights[1].equal


def test_nodes_of_other_names_are_paired_by_what_they_are():
    a = net(CONV, RELU, POOL)
    b = net(
        CONV.replace(b"name=c", b"name=c2"),
        RELU.replace(b"top=z", b"top=q"),
        b"Softmax name=s bottom=q top=z\n",
        POOL.replace(b"name=p", b"name=p2").replace(b"stride=2", b"stride=2 pool=AVG"),
    )
    rows = rows_of(a, b)
    assert [(row.a, row.b) for row in rows] == [("c", "c2"), ("r", "r"), (None, "s"), ("p", "p2")]
    assert [row.same_structure for row in rows] == [True, True, False, False]
    assert rows[3].attributes == {"kind": ("max", "average")}
    assert rows[2].shape_a is None
    assert rows[2].shape_b == (1, 3, 4, 4)


def test_weights_of_other_shapes():
    a = net(CONV)
    b = net(CONV.replace(b"kernel_size=1", b"kernel_size=3 pad=1").replace(b" bias", b""))
    (row,) = rows_of(a, b)
    weight, bias = row.weights
    assert (weight.shape_a, weight.shape_b) == ((1, 1, 2, 3), (3, 3, 2, 3))
    assert (weight.difference, weight.equal) == (None, False)
    assert (bias.shape_b, bias.equal) == (None, False)
    assert set(row.attributes) == {"kernel", "pads", "bias"}


def test_dense_layers_and_convolutions_are_paired():
    dense = net(b"InnerProduct name=d bottom=x top=y num_output=3\n")
    conv = net(CONV.replace(b"kernel_size=1 bias", b"kernel_size=4"))
    (row,) = rows_of(dense, conv)
    assert (row.type_a, row.type_b) == ("Dense", "Conv2D")
    assert not row.same_structure


def test_outputs_by_name_then_by_shape():
    ones = np.ones((1, 2), np.float32)
    a = {"p": ones, "q": 2 * ones, "only": np.ones((1, 9))}
    b = {"z": ones.reshape(1, 2, 1, 1), "q": 2 * ones + 1}
    rows = compare_outputs(a, b)
    assert [(row.a, row.b, row.difference) for row in rows] == [
        ("p", "z", 0), ("q", "q", 1), ("only", None, None),
    ]  # fmt: skip
    assert rows[1].relative == 0.5
    assert rows[2].relative is None
    (extra,) = compare_outputs({}, {"n": ones})
    assert (extra.a, extra.b, extra.difference) == (None, "n", None)
    infinite = compare_outputs({"p": ones}, {"p": ones * np.inf})[0]
    assert infinite.to_dict()["difference"] == "inf"


def test_common_input():
    a, b = net(CONV), net(CONV.replace(b"bottom=x", b"bottom=x"))
    x, y = common_input(a, b)
    assert x["x"] is y["x"]
    assert x["x"].shape == (1, 2, 4, 4)
    assert np.abs(x["x"]).max() <= 1
    assert common_input(a, b, (6, 7))[0]["x"].shape == (1, 2, 6, 7)
    assert not np.array_equal(common_input(a, b, seed=1)[0]["x"], x["x"])
    other = read_graph(b"Input name=img C=2\n" + CONV.replace(b"bottom=x", b"bottom=img"), "random")
    x, y = common_input(other, a)
    assert x["img"] is y["x"]
    # The first network names no size; the second one's is taken.
    assert x["img"].shape == (1, 2, 4, 4)
    wanted = Session(a, "numpy")(y)
    assert compare_outputs(wanted, Session(other, "numpy")(x))[0].difference == 0


def test_inputs_that_do_not_go_together():
    a = net(CONV)
    grey = read_graph(b"Input name=x C=1\nReLU name=r bottom=x top=y\n", b"")
    with pytest.raises(ShapeError, match="input 'x'"):
        common_input(a, grey)
    flat = replace(a, inputs=(replace(a.inputs[0], shape=(None, 2), nominal=None),))
    with pytest.raises(ShapeError, match="as many dimensions"):
        common_input(a, flat)
    with pytest.raises(InputError, match="found 1 and 2 inputs"):
        common_input(a, replace(a, inputs=a.inputs * 2))


@pytest.mark.parametrize(
    ("kind", "pads", "fields", "alike"),
    [
        ("max", (1, 1, 1, 1), {"count": "valid"}, True),
        ("max", (1, 1, 1, 1), {"pad_value": "zero"}, False),
        ("average", (1, 1, 1, 1), {"count": "valid"}, False),
        ("average", (1, 1, 1, 1), {"pad_value": "zero"}, True),
        ("average", (0, 0, 0, 0), {"count": "valid"}, True),
        ("max", (0, 0, 0, 0), {"clip_last": True}, True),
        ("max", (0, 0, 0, 0), {"clip_last": True, "stride": (3, 3)}, False),
        ("max", (1, 1, 1, 1), {"clip_last": True}, False),
        ("max", (0, 0, 0, 0), {"pad_value": "zero", "counted": (3, 3)}, True),
    ],
)
def test_attributes_that_change_nothing_are_alike(kind, pads, fields, alike):
    a = net(CONV, RELU, POOL)
    *_, pool = a.nodes
    common = {"kind": kind, "pads": pads, "ceil": "clip_last" in fields}
    ops = [replace(pool.op, **common | {"clip_last": False} | f) for f in ({}, fields)]
    pair = [replace(a, nodes=(*a.nodes[:2], replace(pool, op=op))) for op in ops]
    x = common_input(*pair)[0]
    one, other = (Session(graph, "numpy")(x)["w"] for graph in pair)
    *_, row = rows_of(*pair)
    assert (not row.attributes) == alike
    if alike:  # the rule, not a list of names: what is called alike computes alike
        np.testing.assert_array_equal(one, other)


def test_weights_of_a_node_without_a_partner_are_not_equal():
    rows = rows_of(net(CONV, RELU), net(RELU.replace(b"bottom=y", b"bottom=x")))
    lonely = next(row for row in rows if row.a == "c")
    assert lonely.b is None
    assert [(weight.shape_b, weight.equal) for weight in lonely.weights] == [(None, False)] * 2
    assert not lonely.same_weights
