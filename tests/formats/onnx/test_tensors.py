"""Tensors of ONNX files: every type, and dims that do not fit the bytes."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from zqcnn_xp import FormatError
from zqcnn_xp.formats.onnx import reader
from zqcnn_xp.formats.onnx.external import ExternalData
from zqcnn_xp.formats.onnx.tensors import DTYPES, tensor_array


@pytest.mark.parametrize(
    "dims", [[2, 3], [1 << 62, 1 << 62], [-1, -3], [1, 3, 0], [0, 1 << 62], [3] + [1] * 99]
)
def test_dims_are_compared_with_the_bytes_there(models, dims):
    def change(tensor):
        tensor.dims[:] = dims

    with pytest.raises(FormatError, match="'w'"):
        reader.read(models.with_tensor(change))


@pytest.mark.parametrize("code", [0, 8, 14, 17, 99])
def test_data_types_that_are_not_read(models, code):
    def change(tensor):
        tensor.data_type = code

    with pytest.raises(FormatError, match=f"'w': found data type {code}"):
        reader.read(models.with_tensor(change))


def test_every_numeric_type_from_raw_bytes_and_from_typed_fields():
    external = ExternalData("f", None)
    for code, (dtype, _) in DTYPES.items():
        if code == TensorProto.BFLOAT16:
            typed = helper.make_tensor("t", code, [2], [1.5, -2.0])
            raw = TensorProto(name="t", data_type=code, dims=[2], raw_data=b"\xc0\x3f\x00\xc0")
            want = np.float32([1.5, -2])
        else:
            want = np.asarray([0, 1], dtype)
            typed = helper.make_tensor("t", code, [2], want)
            raw = numpy_helper.from_array(want, "t")
        for proto in (typed, raw):
            have = tensor_array("f", proto, external)
            assert have.dtype == want.dtype
            np.testing.assert_array_equal(have, want)


def test_typed_values_out_of_range(models):
    def change(tensor):
        tensor.ClearField("raw_data")
        tensor.data_type = TensorProto.INT8
        tensor.int32_data.extend([1, 2, 300])

    with pytest.raises(FormatError, match="out of range"):
        reader.read(models.with_tensor(change))
