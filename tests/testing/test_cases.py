"""The table of op cases: complete, and reproducible."""

from __future__ import annotations

import numpy as np
import pytest

import zqcnn_xp.ops as ops
from zqcnn_xp.testing import op_cases

CASES = list(op_cases())


# Every op of ZQCNN's files, and more; an op that a backend has a kernel for belongs here.
COVERED = [
    "Activation",
    "BatchNorm",
    "Concat",
    "Constant",
    "Conv2D",
    "ConvTranspose2D",
    "Crop",
    "Dense",
    "Elementwise",
    "Flatten",
    "Identity",
    "L2Normalize",
    "LRN",
    "Lstm",
    "MatMul",
    "MaxFeatureMap",
    "Pad",
    "Pool2D",
    "PReLU",
    "PriorBox",
    "PriorBoxMxnet",
    "PriorBoxText",
    "Reduce",
    "Reorg",
    "Reshape",
    "Scalar",
    "ScalarOf",
    "Scale",
    "Slice",
    "Softmax",
    "Tile",
    "Transpose",
    "Unary",
    "Upsample",
]


def test_the_ops_that_networks_are_made_of_have_cases():
    have = {type(case.op).__name__ for case in CASES}
    assert have >= set(COVERED)
    assert not any(case.op.host for case in CASES)


def test_every_kind_of_attribute_is_there():
    pools = [case.op for case in CASES if isinstance(case.op, ops.Pool2D)]
    assert {pool.kind for pool in pools} == {"max", "average"}
    assert {pool.ceil for pool in pools} == {False, True}
    assert {pool.count for pool in pools} == {"valid", "padded", "kernel"}
    convolutions = [case for case in CASES if isinstance(case.op, ops.Conv2D)]
    assert any(case.op.groups == case.shapes[0][1] > 1 for case in convolutions)
    assert any(1 < case.op.groups < case.shapes[0][1] for case in convolutions)
    assert any(case.op.dilation != (1, 1) for case in convolutions)
    assert any(case.op.pads == "same_upper" for case in convolutions)
    assert {case.shapes[0][0] for case in convolutions} >= {0, 1, 3}


def test_seeds_differ():
    assert len({case.seed for case in CASES}) == len(CASES) > 200


def test_a_case_draws_the_same_arrays_again():
    case = CASES[0]
    np.testing.assert_array_equal(case.inputs()[0], case.inputs()[0])
    np.testing.assert_array_equal(case.weights()["weight"], case.weights()["weight"])
    assert case.inputs()[0].dtype == np.float32


@pytest.mark.parametrize("case", CASES[:3], ids=str)
def test_the_reference_is_computed_in_float64(case):
    (y,) = case.expected()
    assert y.dtype == np.float64
