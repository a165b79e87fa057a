"""ONNX's own node cases for the op types that the reader takes: run, or refused with a reason.

Every case of these types appears: it gives ONNX's result, or it is listed in `OUTSIDE` (or is
not of float32) and loading it is an error.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from fnmatch import fnmatch
from typing import Any

import array_api_compat.numpy
import numpy as np
import pytest

import zqcnn_xp
from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import ZqcnnError
from zqcnn_xp.formats.onnx.lower import LOWERINGS

onnx = pytest.importorskip("onnx")

# Op types whose inputs are all values of the network; of all others, inputs beside the first
# are weights or attributes, and become initializers here as they are in real files.
ALL_VALUES = ("Add", "Concat", "Max", "Mean", "Min", "Mul", "Sub", "Sum")
# Constant and Shape have no inputs that a network computes.
TYPES = tuple(sorted(LOWERINGS.keys() - {"Constant", "Shape"}))

OUTSIDE = {
    "test_*pool_3d_*": "maps of three spatial axes",
    "test_maxpool_with_argmax_*": "the places of the maxima as a second output",
    "test_batchnorm_*_training_mode": "training",
    "test_training_dropout*": "training",
    "test_dropout_default_mask*": "the mask as a second output",
    "test_clip_min_greater_than_max": "bounds the wrong way round",
    "test_gemm_transposeA": "a transposed first factor",
    "test_gemm_all_attributes": "a transposed first factor",
    "test_gemm_default_matrix_bias": "a bias that differs by row",
    "test_identity_sequence": "values that are no tensors",
    "test_identity_opt": "values that are no tensors",
    "test_l1normalization_*": "another norm than the Euclidean",
    "test_l2normalization_axis_0": "normalisation along another axis than the channels",
    "test_lpnormalization_default": "normalisation along another axis than the channels",
    "test_matmul_1d_*": "a product that is no value by a matrix",
    "test_matmul_4d_1d": "a product that is no value by a matrix",
    "test_reshape_allowzero_reordered": "a network for empty inputs alone",
    "test_resize_*_cubic*": "cubic sampling",
    "test_resize_*_antialias": "anti-aliasing",
    "test_resize_tf_crop_and_resize*": "crops in a resize",
    "test_resize_*_half_pixel_symmetric": "symmetric half pixels",
    "test_resize_*_not_larger": "sizes by aspect ratio",
    "test_resize_*_not_smaller": "sizes by aspect ratio",
    "test_resize_downsample_scales_linear": "a scale that gives no whole size",
    "test_resize_downsample_scales_linear_align_corners": "a scale that gives no whole size",
    "test_resize_downsample_scales_nearest": "a scale that gives no whole size",
    "test_resize_downsample_sizes_linear_pytorch_half_pixel": "a result of one cell",
    "test_convtranspose_3d": "maps of three spatial axes",
    "test_expand_dim_changed": "a result of more axes",
    "test_gather_2d_indices": "indices of several axes",
    "test_pow": "an exponent for each element",
    "test_pow_example": "an exponent for each element",
    "test_pow_bcast_array": "an exponent for each element",
    "test_pow_types_float32_*": "an exponent for each element",
    "test_reduce_max_empty_set": "the maximum of nothing",
    "test_reduce_min_empty_set": "the minimum of nothing",
    "test_spacetodepth_*_mode_example": "a mode, which operator sets after 22 add",
    "test_slice_neg_steps": "negative steps",
    "test_split_zero_size_splits_*": "a split of the batch axis",
}


@pytest.fixture(scope="module")
def cases() -> dict[str, list[Any]]:
    """Single-node cases by op type."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose while they are made
        collected = collect_testcases(None)
    found = defaultdict(list)
    for case in collected:
        nodes = case.model.graph.node
        if len(nodes) == 1 and not nodes[0].domain:
            found[nodes[0].op_type].append(case)
    return found


def is_value(kind: str, place: int, array: Any) -> bool:
    """Whether the network computes this input; otherwise it is a weight."""
    return place == 0 or kind in ALL_VALUES or (kind == "MatMul" and np.ndim(array) > 2)


def is_float32(value: Any) -> bool:
    return np.asarray(value).dtype == np.float32


def outside(case: Any) -> bool:
    """Whether the case is listed, or computes with other types than float32."""
    kind = case.model.graph.node[0].op_type
    inputs, outputs = case.data_sets[0]
    values = inputs if kind in ALL_VALUES else inputs[:1]
    listed = any(fnmatch(case.name, pattern) for pattern in OUTSIDE)
    return listed or not all(is_float32(value) for value in (*values, *outputs))


def as_a_file(case: Any) -> tuple[bytes, dict[str, np.ndarray]]:
    """The case as a model file with its weights inside, and the values to feed."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    # What the op sets after 22 add to these op types is element types alone.
    model.opset_import[0].version = min(model.opset_import[0].version, 22)
    kind, values = model.graph.node[0].op_type, {}
    names = [port.name for port in model.graph.input]
    for place, (name, given) in enumerate(zip(names, case.data_sets[0][0], strict=True)):
        array = onnx.numpy_helper.to_array(given) if hasattr(given, "raw_data") else given
        if is_value(kind, place, array):
            values[name] = array
        elif isinstance(array, (np.ndarray, np.generic)):
            weight = onnx.numpy_helper.from_array(np.asarray(array), name)
            model.graph.initializer.append(weight)
    return model.SerializeToString(), values


@pytest.mark.parametrize("where", ["numpy", "llvm", "reference"])
@pytest.mark.parametrize("kind", TYPES)
def test_cases_give_the_results_of_onnx(cases, kind: str, where: str) -> None:
    if where == "llvm":
        pytest.importorskip("llvmlite")
    backend = Backend(array_api_compat.numpy) if where == "reference" else where
    chosen = [case for case in cases[kind] if not outside(case)]
    assert chosen or all(map(outside, cases[kind]))
    for case in chosen:
        file, values = as_a_file(case)
        found = zqcnn_xp.load(file, backend=backend)(values)
        names = [port.name for port in case.model.graph.output]
        for name, wish in zip(names, case.data_sets[0][1], strict=True):
            atol = max(case.atol, 1e-6)
            np.testing.assert_allclose(found[name], wish, case.rtol, atol, err_msg=case.name)
            assert found[name].shape == np.shape(wish), case.name


@pytest.mark.parametrize("kind", TYPES)
def test_cases_outside_are_refused(cases, kind: str) -> None:
    for case in filter(outside, cases[kind]):
        file, values = as_a_file(case)
        try:
            zqcnn_xp.load(file, backend="numpy")(values)
        except ZqcnnError:
            continue
        pytest.fail(f"{case.name} ran, but is listed as outside")


def test_what_is_listed_exists_and_most_cases_run(cases) -> None:
    known = [case for kind in TYPES for case in cases[kind]]
    for pattern in OUTSIDE:
        assert any(fnmatch(case.name, pattern) for case in known), f"no case is named {pattern}"
    assert sum(not outside(case) for case in known) >= 280
