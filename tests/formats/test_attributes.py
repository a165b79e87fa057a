"""Attributes of ops as plain values: every op there is, both ways, and what is refused."""

import json
from dataclasses import fields

import pytest

from zqcnn_xp import ops
from zqcnn_xp.errors import GraphError, InputError
from zqcnn_xp.formats.attributes import decode_op, encode_op, encode_plain, op_types
from zqcnn_xp.ops.base import Op
from zqcnn_xp.testing.cases import op_cases

SAMPLES = [
    ops.Activation("clip", low=float("-inf"), high=float("inf")),
    ops.Conv2D(8, (3, 5), (2, 1), (1, 2), "same_upper", 2, False, ops.PReLU(shared=True)),
    ops.Conv2D(8, (3, 5), activation=ops.Activation("leaky_relu", alpha=0.1)),
    ops.Dense(3, activation=ops.Activation("relu")),
    ops.Pad(((0, 0), (1, 2)), -1.5),
    ops.Pool2D("max", None),
    ops.PriorBox((30.0, 60.0), (60.0, 90.0), (2.0,), (0.1, 0.1, 0.2, 0.2)),
    ops.Reduce("mean", None, False),
    ops.Slice(1, start=-3, step=2),
    ops.Upsample("bilinear", "center", size=(3, 4)),
]


@pytest.mark.parametrize("op", SAMPLES, ids=str)
def test_samples_come_back(op):
    text = json.dumps(encode_op(op), allow_nan=False)
    assert decode_op(json.loads(text)) == op


def test_every_op_of_the_conformance_table_comes_back():
    seen = set()
    for case in op_cases():
        op = case.op
        assert decode_op(json.loads(json.dumps(encode_op(op)))) == op
        seen.add(type(op).__name__)
    assert len(seen) > 15


def test_every_op_is_known():
    names = set(ops.__all__) - {"Op"}
    assert op_types().keys() == names
    for kind in op_types().values():
        assert issubclass(kind, Op)


def test_defaults_stand_in_for_what_is_absent():
    op = decode_op({"op": "Conv2D", "attributes": {"out_channels": 4, "kernel": [3, 3]}})
    assert op == ops.Conv2D(4, (3, 3))
    assert len(encode_op(op)["attributes"]) == len(fields(op))


@pytest.mark.parametrize(
    ("name", "attributes", "match"),
    [
        ("Op", {}, "found op type 'Op'"),
        ("Node", {}, "found op type 'Node'"),
        ("encode_op", {}, "found op type"),
        (["Conv2D"], {}, "found op type"),
        ("Softmax", [], "Softmax: found attributes"),
        ("Softmax", {"axes": 1}, "found attribute 'axes', expected axis"),
        ("Softmax", {"axis": "1"}, "Softmax.axis: found '1', expected int"),
        ("Softmax", {"axis": True}, "found True, expected int"),
        ("Softmax", {"axis": 1.0}, "found 1.0, expected int"),
        ("Softmax", {"axis": 1 << 63}, "expected int"),
        ("BatchNorm", {"eps": "big"}, "BatchNorm.eps: found 'big', expected float"),
        ("BatchNorm", {"eps": 10**400}, "expected float"),
        ("BatchNorm", {"eps": True}, "expected float"),
        ("BatchNorm", {"scale": 1}, "expected bool"),
        ("Dense", {}, "found no attribute out_features"),
        ("Dense", {"out_features": 3, "activation": {"op": "Dense"}}, "expected an op: {op, attr"),
        ("Dense", {"out_features": 3, "activation": "relu"}, "Dense.activation: found 'relu'"),
        ("Pad", {"pads": [[0, 0], [1]]}, r"Pad.pads: found \[1\]"),
        ("Pad", {"pads": "0000"}, "Pad.pads: found '0000'"),
        ("Unary", {"kind": "cos"}, "Unary.kind: found 'cos'"),
        ("Reduce", {"kind": "sum", "axes": 3}, "Reduce.axes: found 3"),
    ],
)
def test_anything_else_is_refused(name, attributes, match):
    with pytest.raises(InputError, match=match):
        decode_op({"op": name, "attributes": attributes})


@pytest.mark.parametrize("found", [None, [], "Softmax", {"op": "Softmax"}, {"op": 1, "x": 2}])
def test_no_op_at_all(found):
    with pytest.raises(InputError, match="expected an op"):
        decode_op(found)


def test_ops_do_not_nest_without_end():
    found = {"op": "Activation", "attributes": {"kind": "relu"}}
    for _ in range(3):
        found = {"op": "Dense", "attributes": {"out_features": 3, "activation": found}}
    with pytest.raises(InputError, match="an op inside of an activation"):
        decode_op(found)


def test_foreign_ops_and_values_are_refused():
    class Mine(ops.Identity):
        pass

    with pytest.raises(GraphError, match=r"expected one of zqcnn_xp.ops"):
        encode_op(Mine())
    with pytest.raises(GraphError, match="of type object, expected plain values"):
        encode_plain({"a": [object()]})
    with pytest.raises(GraphError, match="expected plain values"):
        encode_plain({1: 2})
