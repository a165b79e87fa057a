"""Functions of one element and arithmetic, against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import FormatError


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * 3


FUNCTIONS = {
    "Abs": {}, "Clamp": {"min": "-1.5", "max": "2"}, "Elu": {"alpha": "0.7"}, "Exp": {},
    "HSigmoid": {}, "HSwish": {}, "Mish": {}, "Negative": {}, "ReLU": {}, "Sigmoid": {},
    "SoftPlus": {}, "Swish": {}, "Tanh": {},
}  # fmt: skip
VERSIONS = {"HSigmoid": "opset5", "HSwish": "opset4", "Mish": "opset4", "SoftPlus": "opset4",
            "Swish": "opset4"}  # fmt: skip


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 6)])
def test_functions(net, kind, shape):
    x = values(shape)
    made = net()
    version = VERSIONS.get(kind, "opset1")
    made.result(made.layer(kind, [made.parameter(shape)], FUNCTIONS[kind], version))
    made.compare(x=x)


@pytest.mark.parametrize("kind", ["Log", "Sqrt"])
def test_functions_of_positive_numbers(net, kind):
    made = net()
    made.result(made.layer(kind, [made.parameter((2, 3, 4, 5))]))
    made.compare(x=np.abs(values((2, 3, 4, 5))) + 0.1)


ARITHMETIC = ["Add", "Subtract", "Multiply", "Divide", "Maximum", "Minimum", "SquaredDifference"]


@pytest.mark.parametrize("kind", ARITHMETIC)
def test_arithmetic_of_values(net, kind):
    made = net()
    shape = (2, 3, 4, 5)
    inputs = [made.parameter(shape), made.parameter((2, 1, 4, 1), "z")]
    made.result(made.layer(kind, inputs, {"auto_broadcast": "numpy"}))
    made.compare(x=values(shape), z=np.abs(values((2, 1, 4, 1), 1)) + 1)


@pytest.mark.parametrize("kind", ARITHMETIC)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (1,), (5,), (3, 4, 5)])
def test_arithmetic_with_a_constant(net, kind, turned, shape):
    if kind in ("Maximum", "Minimum"):
        shape = (1,)
    made = net()
    inputs = [made.parameter((2, 3, 4, 5)), made.const(np.abs(values(shape, 1)) + 1)]
    inputs = inputs[::-1] if turned else inputs
    made.result(made.layer(kind, inputs, {"auto_broadcast": "numpy"}))
    made.compare(x=np.abs(values((2, 3, 4, 5))) + 0.5)


@pytest.mark.parametrize("exponent", [2.0, 0.5, 1.0, 3.0])
def test_powers(net, exponent):
    made = net()
    inputs = [made.parameter((2, 3, 4, 5)), made.const(np.float32(exponent))]
    made.result(made.layer("Power", inputs, {"auto_broadcast": "numpy"}))
    made.compare(x=np.abs(values((2, 3, 4, 5))) + 0.1)


@pytest.mark.parametrize(
    ("shape", "slope"),
    [((2, 3, 4, 3), (3,)), ((2, 3, 4, 3), (1, 3, 1, 1)), ((2, 3, 4, 3), (1,)), ((2, 6), (6,))],
)
def test_slopes_of_one_list_go_along_the_channels(net, shape, slope):
    made = net()
    made.result(made.layer("PReLU", [made.parameter(shape), made.const(values(slope, 1))]))
    made.compare(x=values(shape))


def test_hard_sigmoid(net):
    made = net()
    inputs = [
        made.parameter((2, 3, 4, 5)),
        made.const(np.float32(0.3)),
        made.const(np.float32(0.4)),
    ]
    made.result(made.layer("HardSigmoid", inputs))
    made.compare(x=values((2, 3, 4, 5)))


def test_half_constants_are_widened(net):
    made = net()
    half = made.const(values((1, 3, 1, 1)).astype(np.float16))
    wide = made.layer("Convert", [half], {"destination_type": "f32"})
    total = made.layer("Add", [made.parameter((2, 3, 4, 5)), wide], {"auto_broadcast": "numpy"})
    made.result(made.layer("Convert", [total], {"destination_type": "f32"}))
    made.compare(x=values((2, 3, 4, 5)))


@pytest.mark.parametrize(
    ("kind", "data", "constants", "detail"),
    [
        ("FakeQuantize", {"levels": 255}, [np.float32(k) for k in range(4)], "'FakeQuantize'"),
        ("Add", {"auto_broadcast": "pdpd"}, [np.float32(1)], "'auto_broadcast'"),
        ("Add", {}, [np.int64(1)], "float type"),
        ("Divide", {}, [np.float32(0)], "reciprocal"),
        ("Clamp", {"min": 2, "max": 1}, [], "bounds"),
        ("Clamp", {"min": 2}, [], "'max'"),
        ("Clamp", {"min": "nan", "max": 1}, [], "'min'"),
        ("Elu", {"alpha": "1_0"}, [], "'alpha'"),
        ("Swish", {}, [np.float32(2)], "beta"),
        ("HardSigmoid", {}, [np.float32([1, 2]), np.float32(0)], "one finite number"),
        ("Convert", {"destination_type": "i32"}, [], "'destination_type'"),
        ("ReLU", {"slope": "0.1"}, [], "'slope'"),
    ],
)
def test_refusals_name_the_layer(net, kind, data, constants, detail):
    made = net()
    inputs = [made.parameter((2, 3, 4, 5)), *map(made.const, constants)]
    made.result(made.layer(kind, inputs, data))
    with pytest.raises(FormatError, match=rf"layer .*\({kind}\).*{detail}"):
        made.graph()
