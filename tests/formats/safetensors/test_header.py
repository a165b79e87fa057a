"""What a header may say, and what the safetensors library says about the same files."""

import json

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.safetensors import load_state
from zqcnn_xp.formats.safetensors.header import MAX_HEADER, parse_header, view

KINDS = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def fails(data, match, **limits):
    with pytest.raises(FormatError, match=match) as caught:
        load_state(data, limits=Limits(**limits))
    assert caught.value.file == "<bytes>"
    if not limits:  # the library refuses what we refuse
        with pytest.raises(safetensors.SafetensorError):
            safetensors.deserialize(data)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name != "__metadata__"),
        st.sampled_from(KINDS).flatmap(
            lambda kind: hnp.arrays(np.dtype(kind), hnp.array_shapes(min_dims=0, min_side=0))
        ),
        max_size=5,
    )
)
def test_files_of_the_library_are_read_bit_for_bit(arrays):
    found = load_state(safetensors.numpy.save(arrays))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        want = array.astype(np.float32) if array.dtype == np.float16 else array
        assert found[name].dtype == want.dtype
        assert found[name].shape == want.shape
        assert found[name].tobytes() == want.tobytes()


def test_bfloat16_is_the_upper_half_of_float32(bundle):
    want = np.float32([1.0, -2.5, 0.15625, np.inf])
    raw = (want.view(np.uint32) >> 16).astype("<u2").tobytes()
    found = load_state(bundle.join({"a": entry("BF16", (2, 2))}, raw))["a"]
    np.testing.assert_array_equal(found, want.reshape(2, 2))
    assert found.dtype == np.float32


def test_views_are_read_only_and_copy_nothing(bundle):
    data = bundle.join({"a": entry(), "b": entry("U8", (1,), (8, 9))}, bytes(9))
    header = parse_header("f", memoryview(data), Limits())
    array = view(memoryview(data), header, header.tensors[0])
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_elements_at_odd_offsets_are_aligned_on_the_way_out(bundle):
    raw = b"\7" + np.float32([1.5, -2.0]).tobytes()
    data = bundle.join({"a": entry("U8", (1,), (0, 1)), "b": entry(offsets=(1, 9))}, raw)
    found = load_state(data)
    np.testing.assert_array_equal(found["b"], np.float32([1.5, -2.0]))
    assert found["b"].flags.aligned


@pytest.mark.parametrize(
    ("entries", "size", "match"),
    [
        ({"a": entry(), "b": entry(offsets=(9, 17))}, 17, r"tensor 'b': found a gap at byte 8"),
        ({"a": entry(), "b": entry(offsets=(4, 12))}, 12, r"tensor 'b': found an overlap at byte"),
        ({"a": entry(offsets=(1, 9))}, 9, r"tensor 'a': found a gap at byte 0"),
        ({"a": entry()}, 9, r"behind 'a': found 9 bytes of data, expected 8"),
        ({"a": entry()}, 7, r"behind 'a': found 7 bytes of data, expected 8"),
        ({}, 1, r"behind the header: found 1 bytes of data, expected 0"),
        ({"a": entry(shape=(3,))}, 8, r"tensor 'a': found 8 bytes, expected 12 for F32"),
        ({"a": entry("F12")}, 8, r"tensor 'a': found dtype 'F12', expected one of F64, F32"),
        ({"a": entry(offsets=(8, 0))}, 8, r"found offsets \[8, 0\], expected a first and a last"),
        ({"a": entry(offsets=(0, 8, 8))}, 8, "found offsets"),
        ({"a": entry(shape=(-2,))}, 8, "found shape"),
        ({"a": entry(shape=(1 << 47, 1 << 47))}, 8, "Limits.max_elements"),
        ({"a": {"dtype": "F32", "shape": [2]}}, 8, "expected exactly data_offsets, dtype, shape"),
        ({"a": 5}, 8, "tensor 'a': found 5, expected exactly"),
        ({"__metadata__": {"a": 1}}, 0, "__metadata__: found other values"),
        ({"__metadata__": []}, 0, "__metadata__: found other values"),
    ],
)
def test_tensors_must_tile_the_file(bundle, entries, size, match):
    fails(bundle.join(entries, bytes(size)), match)


def test_keys_once(bundle):
    text = json.dumps(entry())
    twice = f'{{"a": {text}, "a": {text}}}'.encode()
    with pytest.raises(FormatError, match="header: found the key 'a' twice"):
        load_state(bundle.join(twice, bytes(8)))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "byte 0: found 0 bytes"),
        (b"1234567", "byte 0: found 7 bytes"),
        ((9).to_bytes(8, "little") + b"{}", "found a header of 9 bytes, expected 2 or fewer"),
        ((1 << 63).to_bytes(8, "little") + b"{}", "found a header of"),
        ((2).to_bytes(8, "little") + b"[]", r"byte 8: found b'\[\]', expected a JSON object"),
        ((0).to_bytes(8, "little"), "expected a JSON object"),
        ((3).to_bytes(8, "little") + b"{,}", "header: found "),
        ((9).to_bytes(8, "little") + b'{"a":NaN}', "found the constant NaN"),
        ((3).to_bytes(8, "little") + b"{\xff}", "header: found 'utf-8' codec"),
    ],
)
def test_the_header_is_json_of_its_length(data, match):
    fails(data, match)


def test_limits_are_checked_before_anything_is_made(bundle):
    data = bundle.join({"a": entry(), "b": entry(offsets=(8, 16))}, bytes(16))
    fails(data, "found 2 tensors, expected at most 1", max_tensors=1)
    fails(data, "expected at most 1 .Limits.max_elements", max_elements=1)
    fails(data, "Limits.max_file", max_file=len(data) - 1)
    large = (MAX_HEADER + 1).to_bytes(8, "little") + b"{" + b" " * MAX_HEADER
    with pytest.raises(FormatError, match="expected at most 8,388,608"):
        load_state(large)
