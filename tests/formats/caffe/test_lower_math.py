"""Arithmetic layers."""

import numpy as np
import pytest


def expect(found, want):
    assert found.shape == np.shape(want)
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "parameters", "function"),
    [
        ("AbsVal", "", np.abs),
        ("Power", "", lambda x: x),
        ("Power", "power_param { scale: 2 shift: -1 }", lambda x: 2 * x - 1),
        ("Power", "power_param { power: 2 scale: 0.5 shift: 3 }", lambda x: (x / 2 + 3) ** 2),
        ("Power", "power_param { power: 0 }", np.ones_like),
        ("Power", "power_param { power: -1 shift: 9 }", lambda x: 1 / (x + 9)),
        ("Exp", "", np.exp),
        ("Exp", "exp_param { base: 2 scale: 3 shift: 1 }", lambda x: 2.0 ** (3 * x + 1)),
        ("Exp", "exp_param { base: 1 }", np.ones_like),
        ("Exp", "exp_param { shift: -1 }", lambda x: np.exp(x - 1)),
        ("Log", "log_param { shift: 9 }", lambda x: np.log(x + 9)),
        ("Log", "log_param { base: 10 scale: -2 shift: 20 }", lambda x: np.log10(20 - 2 * x)),
    ],
)
def test_functions(cf, kind, parameters, function):
    x = np.clip(cf.noise(1, 4, 6, 8), -3, 3)
    expect(cf.one(kind, parameters, x), function(x))


@pytest.mark.parametrize(
    ("parameters", "function"),
    [
        ("", lambda x, y, z: x + y + z),
        ("eltwise_param { operation: SUM coeff: [1, -1, 0.5] }", lambda x, y, z: x - y + z / 2),
        ("eltwise_param { operation: SUM coeff: [1, 1, 1] }", lambda x, y, z: x + y + z),
        ("eltwise_param { operation: PROD }", lambda x, y, z: x * y * z),
        ("eltwise_param { operation: MAX }", lambda x, y, z: np.maximum(np.maximum(x, y), z)),
        ("eltwise_param { operation: 0 }", lambda x, y, z: x * y * z),
    ],
)
def test_eltwise(cf, parameters, function):
    x, y, z = (cf.noise(1, 4, 6, 8, seed=k) for k in range(3))
    expect(cf.one("Eltwise", parameters, x, inputs={"y0": y, "z": z}), function(x, y, z))


@pytest.mark.parametrize("shape", [(2, 4), (2, 4, 1, 1)])
def test_axpy(cf, shape):
    a, x, y = cf.noise(*shape), cf.noise(2, 4, 3, 5), cf.noise(2, 4, 3, 5, seed=1)
    expect(cf.one("Axpy", "", a, inputs={"p": x, "q": y}), a.reshape(2, 4, 1, 1) * x + y)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize(
    ("operation", "function"),
    [
        ("SUM", lambda x, a: x.sum(a)),
        ("ASUM", lambda x, a: np.abs(x).sum(a)),
        ("SUMSQ", lambda x, a: (x**2).sum(a)),
        ("MEAN", lambda x, a: x.mean(a)),
    ],
)
@pytest.mark.parametrize("coeff", [1, -0.5])
def test_reduction(cf, operation, function, axis, coeff):
    x = cf.noise(2, 4, 3, 5)
    param = f"reduction_param {{ operation: {operation} axis: {axis} coeff: {coeff} }}"
    expect(cf.one("Reduction", param, x), coeff * function(x, tuple(range(axis % 4, 4))))


@pytest.mark.parametrize(
    ("kind", "parameters", "match"),
    [
        ("Exp", "exp_param { base: 0 }", "a positive base"),
        ("Exp", "exp_param { base: 1e38 shift: 1e38 }", "a finite number"),
        ("Log", "log_param { base: -2 }", "a positive base"),
        ("Log", "log_param { base: 1 }", "another positive base"),
        ("Power", "power_param { scale: inf }", "a finite number"),
        ("Eltwise", "eltwise_param { coeff: [1, 2] }", "2 coeff for a sum of 1"),
        ("Eltwise", "eltwise_param { operation: PROD coeff: 1 }", "1 coeff for a product"),
        ("Eltwise", "eltwise_param { operation: MIN }", "one of PROD, SUM, MAX"),
        ("Axpy", "", "1 bottoms of Axpy layer 'the_layer', expected 3"),
        ("Reduction", "reduction_param { axis: 4 }", "axis 4"),
    ],
)
def test_what_is_refused(cf, kind, parameters, match):
    cf.fails(match, cf.layer(kind, parameters))


def test_shapes_that_differ(cf):
    cf.fails("equal shapes", cf.layer("Eltwise", "", "x z"), inputs={"z": (1, 4, 6, 1)})
    cf.fails(r"\(N, C\)", cf.layer("Axpy", "", "a x x"), inputs={"a": (1, 3)})
