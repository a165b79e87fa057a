"""Arrays from the bytes of weight files, or random."""

import warnings

import numpy as np
import pytest

from zqcnn_xp.errors import FormatError, TrailingWeightsWarning
from zqcnn_xp.formats import Limits, Source
from zqcnn_xp.formats.weights import FileWeights, RandomWeights
from zqcnn_xp.formats.zqcnn.record import Record

RECORD = Record("net", 7, "Scale", (("name", "s1"),))


def stream(values, cut=None, limits=None):
    return FileWeights(Source("w", np.asarray(values, "<f4").tobytes()), cut, limits or Limits())


def test_arrays_come_in_order_and_shape():
    weights = stream(range(10))
    assert weights.take(RECORD, "a", (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert weights.take(RECORD, "b", (4,)).tolist() == [6, 7, 8, 9]
    weights.finish()


def test_a_short_file_names_layer_line_and_byte():
    weights = stream(range(5))
    weights.take(RECORD, "scale", (3,))
    with pytest.raises(FormatError) as caught:
        weights.take(RECORD, "bias", (3,))
    text = str(caught.value)
    assert caught.value.where == "byte 12"
    for part in ("w, byte 12", "found 8 bytes", "'bias'", "'s1'", "net line 7", "12 bytes"):
        assert part in text


def test_a_count_is_checked_before_memory_is_taken():
    with pytest.raises(FormatError, match="expected 36,893,488,113,059,364,872 bytes"):
        stream([]).take(RECORD, "weight", (2147483647, 2147483647, 2, 1))


@pytest.mark.parametrize(
    ("extra", "match"), [(b"\0" * 8, r"2 floats \(8 bytes\) after byte 4"), (b"abc", "3 bytes")]
)
def test_a_rest_warns_with_its_size(extra, match):
    weights = FileWeights(Source("w", b"\0\0\0\0" + extra), None, Limits())
    weights.take(RECORD, "scale", (1,))
    with pytest.warns(TrailingWeightsWarning, match=match):
        weights.finish()


def test_a_header_is_passed_over():
    weights = FileWeights(Source("w", b"head" + b"\0" * 4), None, Limits(), offset=4)
    assert weights.take(RECORD, "scale", (1,)).tolist() == [0]
    weights.finish()


def test_no_rest_no_warning():
    weights = stream([1])
    weights.take(RECORD, "scale", (1,))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights.finish()


def test_denormals_become_zero_and_nothing_else_does():
    tiny = np.finfo(np.float32).tiny
    values = np.float32([1e-40, -1e-40, tiny, -tiny, 1e-30, 0, np.inf])
    found = stream(values).take(RECORD, "scale", (7,))
    assert found.tolist() == [0, 0, tiny, -tiny, values[4], 0, np.inf]


def test_a_cut_takes_what_is_below_it():
    values = np.float32([9e-10, -9e-10, 1.1e-9, -1])
    assert stream(values, 1e-9).take(RECORD, "a", (4,)).tolist() == [0, 0, values[2], -1]
    assert stream(values, 1e-9).take(RECORD, "a", (4,), cut=False).tolist() == values.tolist()


def test_arrays_do_not_hold_the_whole_file():
    assert stream(range(1000)).take(RECORD, "a", (2,)).base.nbytes == 8


def test_limits():
    weights = stream(range(9), limits=Limits(max_elements=4, max_tensors=1))
    with pytest.raises(FormatError, match=r"Limits\.max_elements"):
        weights.take(RECORD, "a", (5,))
    weights = stream(range(9), limits=Limits(max_tensors=1))
    weights.take(RECORD, "a", (1,))
    with pytest.raises(FormatError, match=r"Limits\.max_tensors"):
        weights.take(RECORD, "b", (1,))


@pytest.mark.parametrize("name", ["variance", "scale", "slope"])
def test_random_positive_arrays(name):
    found = RandomWeights(0, Limits()).take(RECORD, name, (100,))
    assert 0.2 < found.min() <= found.max() < 1.2


def test_random_weights_are_bounded():
    weights = RandomWeights(0, Limits(max_file=1000))
    weights.take(RECORD, "bias", (200,))
    with pytest.raises(FormatError, match=r"line 7: found 1,600 bytes.*Limits\.max_file"):
        weights.take(RECORD, "bias", (200,))
    with pytest.raises(FormatError, match=r"Limits\.max_elements"):
        RandomWeights(0, Limits()).take(RECORD, "weight", (1 << 20, 1 << 20))
