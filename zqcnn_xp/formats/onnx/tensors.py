"""From a TensorProto to a NumPy array, its dims checked against its bytes first."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.onnx.external import ExternalData
from zqcnn_xp.formats.onnx.records import Tensor

__all__ = ["DTYPES", "MAX_RANK", "tensor_array"]

MAX_RANK = 16
"""Axes of a tensor or a value; no network comes near."""

# TensorProto.DataType -> (NumPy dtype of the values, typed field that may carry them).
DTYPES: dict[int, tuple[str, str]] = {
    1: ("<f4", "float_data"),
    2: ("|u1", "int32_data"),
    3: ("|i1", "int32_data"),
    4: ("<u2", "int32_data"),
    5: ("<i2", "int32_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    9: ("|b1", "int32_data"),
    10: ("<f2", "int32_data"),
    11: ("<f8", "double_data"),
    12: ("<u4", "uint64_data"),
    13: ("<u8", "uint64_data"),
    16: ("<u2", "int32_data"),  # bfloat16: the upper half of a float32
}
_HALF, _BFLOAT = 10, 16
_EXTERNAL = 1


def tensor_array(file: str, proto: Any, external: ExternalData) -> Tensor:
    """Decode one TensorProto; the result may be a read-only view of the file's bytes.

    Parameters
    ----------
    file
        Name for messages.
    proto
        The ``onnx.TensorProto``.
    external
        Where tensors outside the file may be found.

    Returns
    -------
    ndarray
        In the tensor's own dtype (bfloat16 becomes float32).

    Raises
    ------
    FormatError
        If dtype, dims and the bytes there are do not fit together.
    """
    where = f"tensor {proto.name!r}"
    code = proto.data_type
    if code not in DTYPES:
        raise FormatError(file, where, f"data type {code}", "a float, integer or bool type")
    dtype, field = np.dtype(DTYPES[code][0]), DTYPES[code][1]
    dims = tuple(int(size) for size in proto.dims)
    if len(dims) > MAX_RANK or any(not 0 <= size < 1 << 40 for size in dims):
        expected = f"at most {MAX_RANK} sizes of 0 or more"
        raise FormatError(file, where, f"dims {dims[: MAX_RANK + 1]}", expected)
    count = prod(dims)
    if proto.HasField("segment"):
        raise FormatError(file, where, "a segmented tensor", "one in one piece")
    if proto.data_location == _EXTERNAL:
        entries = {entry.key: entry.value for entry in proto.external_data}
        raw: bytes | None = external.read(where, entries, count * dtype.itemsize)
    else:
        raw = proto.raw_data if proto.HasField("raw_data") else None
    if raw is not None:
        if len(raw) != count * dtype.itemsize:
            expected = f"{count * dtype.itemsize} for dims {dims} of {dtype}"
            raise FormatError(file, where, f"{len(raw)} bytes", expected)
        array = np.frombuffer(raw, dtype)
    else:
        typed = getattr(proto, field)
        if len(typed) != count:
            raise FormatError(file, where, f"{len(typed)} values", f"{count} for dims {dims}")
        array = _typed(file, where, code, dtype, np.asarray(typed))
    if code == _BFLOAT:
        array = (array.astype("<u4") << 16).view("<f4")
    return array.reshape(dims)


def _typed(file: str, where: str, code: int, dtype: np.dtype[Any], values: Any) -> Any:
    """Narrow the values of a typed field; half floats lie there as their bits."""
    if not len(values):
        return np.empty(0, dtype)
    if code in (_HALF, _BFLOAT):
        bits = values.astype("<u2")
        fits = bool(np.all(values == bits))
        array = bits.view(dtype)
    else:
        array = values.astype(dtype)
        fits = dtype.kind == "f" or bool(np.all(array == values))
    if not fits:
        raise FormatError(file, where, "values out of range", f"values that fit {dtype}")
    return array
