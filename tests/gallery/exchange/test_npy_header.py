"""Headers of .npy files: what they claim is compared with what is there."""

import io
import pickle

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.gallery.exchange.npy_header import feature_header, read_header, text_header


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def claiming(text, size=0):
    head = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head + bytes(size)


def read(data):
    return read_header(io.BytesIO(data), "a.npy", len(data))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8", "<U7", "S3", "<i8"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (3, 4)])
def test_what_numpy_writes_is_read(dtype, shape):
    data = saved(np.zeros(shape, dtype))
    header = read(data)
    assert header.shape == shape
    assert header.dtype == dtype
    assert len(data) == header.size + header.values * header.dtype.itemsize


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\3\0" + saved(np.zeros(3))[8:],
        b"PK\3\4" + bytes(100),
        pickle.dumps(print),
        claiming("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 128), }", 64),
        claiming("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 16), }", 64),
        claiming("{'descr': '<f4', 'fortran_order': False, 'shape': (1e9, 16), }", 64),
        claiming("{'descr': '|O', 'fortran_order': False, 'shape': (8,), }", 64),
        claiming("{'descr': '|V0', 'fortran_order': False, 'shape': (99999999999,), }"),
        claiming("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (8,), }", 64),
        claiming("{'descr': '<f4', 'fortran_order': False}", 64),
        claiming("{'descr': 7, 'fortran_order': 3, 'shape': (4, 4), }", 64),
        claiming("[" * 110, 64),
        claiming("__import__('os').getcwd()", 64),
        claiming("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }", 63),
        claiming("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4), }", 65),
    ],
)
def test_what_is_no_array_is_refused(data):
    with pytest.raises(DatasetError, match=r"a\.npy, byte \d+: found"):
        read(data)


@pytest.mark.parametrize(
    "array",
    [
        *(np.zeros(4), np.zeros((2, 2), int), np.zeros((2, 3, 4))),
        *(np.zeros((2, 0)), np.zeros((2, 2), "g")),
    ],
)
def test_features_are_two_dimensional_floats(array):
    with pytest.raises(DatasetError, match=r"a\.npy"):
        feature_header(read(saved(array)), "a.npy")


def test_texts_are_as_many_as_the_features():
    text_header(read(saved(np.array(["a", "bc"]))), "a.npy", 2)
    for array, count in ((np.array(["a"]), 2), (np.zeros(2), 2), (np.zeros(2, "<U70000"), 2)):
        with pytest.raises(DatasetError, match=r"expected \(2,\) strings"):
            text_header(read(saved(array)), "a.npy", count)
