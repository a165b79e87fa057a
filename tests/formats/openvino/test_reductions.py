"""Reductions, normalisations, products and resampling, against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp import FormatError


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def one(net, kind, shape, constants=(), data=None, version="opset1"):
    made = net()
    inputs = [made.parameter(shape), *(made.const(np.asarray(array)) for array in constants)]
    made.result(made.layer(kind, inputs, data, version))
    return made


@pytest.mark.parametrize("kind", ["Max", "Mean", "Min", "Sum", "L1", "L2"])
@pytest.mark.parametrize("keep", ["true", "false"])
@pytest.mark.parametrize("axes", [[2, 3], [-1], [1, 2]])
def test_reductions(net, kind, keep, axes):
    version = "opset4" if kind.startswith("L") else "opset1"
    data = {"keep_dims": keep}
    made = one(net, f"Reduce{kind}", (2, 3, 4, 5), [np.int64(axes)], data, version)
    made.compare(x=values((2, 3, 4, 5)))


@pytest.mark.parametrize("turn_b", ["true", "false"])
@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6), (2, 2, 3, 6)])
def test_products_by_a_matrix(net, turn_b, shape):
    matrix = values((4, 6) if turn_b == "true" else (6, 4), 1)
    data = {"transpose_a": "false", "transpose_b": turn_b}
    made = net()
    product = made.layer("MatMul", [made.parameter(shape), made.const(matrix)], data)
    made.result(made.layer("Add", [product, made.const(values((1, 4), 2))], {}))
    made.compare(x=values(shape))


def test_a_matrix_may_have_leading_axes_of_1(net):
    data = {"transpose_a": "true", "transpose_b": "false"}
    made = one(net, "MatMul", (2, 6, 3), [values((1, 6, 4))], data)
    made.compare(x=values((2, 6, 3)))


@pytest.mark.parametrize("turns", [("false", "true"), ("true", "false")])
def test_products_of_values(net, turns):
    made = net()
    inputs = [made.parameter((2, 3, 4, 4)), made.parameter((2, 3, 4, 4), "z")]
    data = {"transpose_a": turns[0], "transpose_b": turns[1]}
    made.result(made.layer("MatMul", inputs, data))
    made.compare(x=values((2, 3, 4, 4)), z=values((2, 3, 4, 4), 1))


def test_attention(net):
    made = net()
    names = ("x", "k", "v")
    inputs = [made.parameter((2, 3, 5, 4), name) for name in names]
    layer = made.layer("ScaledDotProductAttention", inputs, {"causal": "false"}, "opset13")
    made.result(layer)
    made.compare(**{name: values((2, 3, 5, 4), k) for k, name in enumerate(names)})


@pytest.mark.parametrize(("axis", "version"), [(1, "opset1"), (3, "opset1"), (-1, "opset8")])
def test_softmax(net, axis, version):
    made = one(net, "SoftMax", (2, 3, 4, 5), (), {"axis": axis}, version)
    made.compare(x=values((2, 3, 4, 5)))


@pytest.mark.parametrize("mode", ["add", "max"])
@pytest.mark.parametrize("axes", [[1], [1, 2, 3], [2, 3], [-1]])
def test_unit_length(net, mode, axes):
    data = {"eps": "0.01", "eps_mode": mode}
    made = one(net, "NormalizeL2", (2, 3, 4, 5), [np.int64(axes)], data)
    made.compare(x=values((2, 3, 4, 5)))


@pytest.mark.parametrize("scaled", ["true", "false"])
@pytest.mark.parametrize("mode", ["inside_sqrt", "outside_sqrt"])
def test_mean_and_variance(net, scaled, mode):
    data = {"normalize_variance": scaled, "eps": "0.01", "eps_mode": mode}
    made = one(net, "MVN", (2, 3, 4, 5), [np.int64([2, 3])], data, "opset6")
    made.compare(x=values((2, 3, 4, 5)))


@pytest.mark.parametrize("axes", [[1], [2, 3]])
def test_local_response(net, axes):
    data = {"alpha": "0.5", "beta": "0.6", "bias": "1", "size": "3"}
    made = one(net, "LRN", (2, 7, 4, 5), [np.int64(axes)], data)
    made.compare(x=values((2, 7, 4, 5)))


def test_local_response_with_another_bias(net):
    """OpenVINO's processor plugin takes 1 whatever the bias; the operator's formula does not."""
    data = {"alpha": "0.6", "beta": "0.5", "bias": "3", "size": "1"}
    x = values((2, 3, 4, 5))
    (y,) = one(net, "LRN", (2, 3, 4, 5), [np.int64([1])], data).ours(x=x)
    np.testing.assert_allclose(y, x / np.sqrt(3 + 0.6 * x**2), rtol=1e-5)


@pytest.mark.parametrize("version", ["opset1", "opset5"])
def test_batch_norm(net, version):
    made = net()
    numbers = [made.const(np.abs(values((3,), k)) + 0.5) for k in range(4)]
    x = made.parameter((2, 3, 4, 5))
    inputs = [x, *numbers] if version == "opset5" else [*numbers[:2], x, *numbers[2:]]
    made.result(made.layer("BatchNormInference", inputs, {"epsilon": "0.001"}, version))
    made.compare(x=values((2, 3, 4, 5)))


def _interpolate(mode, coordinates, nearest="round_prefer_floor", rule="sizes"):
    return {
        "mode": mode, "shape_calculation_mode": rule, "nearest_mode": nearest,
        "coordinate_transformation_mode": coordinates, "antialias": "false",
        "pads_begin": "0", "pads_end": "0", "cube_coeff": "-0.75",
    }  # fmt: skip


@pytest.mark.parametrize("version", ["opset4", "opset11"])
@pytest.mark.parametrize(
    "data",
    [
        _interpolate("linear_onnx", "half_pixel"),
        _interpolate("linear_onnx", "align_corners"),
        _interpolate("linear_onnx", "asymmetric", rule="scales"),
        _interpolate("nearest", "asymmetric", "floor"),
        _interpolate("nearest", "asymmetric", "simple", rule="scales"),
        _interpolate("nearest", "half_pixel", "round_prefer_ceil"),
    ],
    ids=str,
)
def test_resampling(net, version, data):
    sizes, scales = np.int64([8, 15]), np.float32([2, 3])
    targets = [sizes, scales]
    if version == "opset11":
        targets = [scales if data["shape_calculation_mode"] == "scales" else sizes]
    made = one(net, "Interpolate", (2, 3, 4, 5), [*targets, np.int64([2, 3])], data, version)
    made.compare(x=values((2, 3, 4, 5)))


@pytest.mark.parametrize("corners", ["true", "false"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resampling_of_the_first_kind(net, corners, mode):
    data = {"axes": "2,3", "mode": mode, "align_corners": corners, "antialias": "false",
            "pads_begin": "0", "pads_end": "0"}  # fmt: skip
    made = one(net, "Interpolate", (2, 3, 4, 5), [np.int64([8, 15])], data)
    made.compare(x=values((2, 3, 4, 5)))


@pytest.mark.parametrize(
    ("kind", "constants", "data", "version", "detail"),
    [
        ("ReduceMean", [np.int64([1, -3])], {}, "opset1", "different"),
        ("MatMul", [np.ones((7, 2), np.float32)], {}, "opset1", "weight"),
        ("MatMul", [np.ones((3, 7, 2), np.float32)], {}, "opset1", "matrix"),
        ("SoftMax", [], {"axis": 4}, "opset1", "axis 4"),
        ("NormalizeL2", [np.int64([1])], {}, "opset1", "'eps'"),
        ("LRN", [np.int64([0])], {"alpha": 1, "beta": 1, "bias": 1, "size": 3}, "opset1", "axes"),
        ("Interpolate", [np.int64([8, 8]), np.float32([2, 2]), np.int64([2, 3])],
         _interpolate("cubic", "half_pixel"), "opset4", "'mode'"),
        ("Interpolate", [np.int64([8, 8]), np.float32([2, 2]), np.int64([1, 3])],
         _interpolate("nearest", "half_pixel"), "opset4", "H and W"),
        ("Interpolate", [np.int64([2, 2]), np.float32([2, 2]), np.int64([2, 3])],
         _interpolate("nearest", "half_pixel", "simple"), "opset4", "simple"),
    ],
)  # fmt: skip
def test_refusals_name_the_layer(net, kind, constants, data, version, detail):
    with pytest.raises(FormatError, match=rf"layer .*\({kind}\).*{detail}"):
        one(net, kind, (2, 3, 4, 5), constants, data, version).graph()
