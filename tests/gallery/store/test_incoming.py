"""What is refused on its way into a store, and how the rest is stored."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.rows import ArrayRows, as_rows, quantize
from zqcnn_xp.gallery.store import incoming
from zqcnn_xp.gallery.store.incoming import (
    MAX_META,
    MAX_NAME,
    encoded_texts,
    given_rows,
    stored_blocks,
    text_bytes,
)
from zqcnn_xp.gallery.store.layout import Commit


def stored(features, dtype):
    rows = as_rows(features)
    blocks = list(stored_blocks(rows, Commit(bytes(16), rows.shape[1], dtype)))
    join = lambda parts: None if parts[0] is None else np.concatenate(parts)  # noqa: E731
    return [join([block[place] for block in blocks]) for place in range(3)]


@pytest.fixture
def features():
    return np.random.default_rng(3).standard_normal((50, 8), np.float32)


@pytest.fixture(params=[4 << 20, 1])
def block(request, monkeypatch):
    """Bytes at a time: all rows, and one row."""
    monkeypatch.setattr(incoming, "_BLOCK_BYTES", request.param)


def test_floats_are_stored_as_they_are(features, block):
    values, scales, errors = stored(features, "float32")
    assert np.array_equal(values, features)
    assert scales is None
    assert errors is None
    assert np.array_equal(stored(features, "float16")[0], features.astype(np.float16))
    half = features.astype(np.float16)
    assert np.array_equal(stored(half, "float32")[0], half.astype(np.float32))


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_integers_come_with_scales_and_errors(features, dtype, block):
    values, scales, errors = stored(features, dtype)
    whole = quantize(features, dtype)
    assert np.array_equal(values, whole[0:50])
    assert np.array_equal(scales, whole.scales)
    lost = np.linalg.norm(
        features.astype(np.float64) - values * scales.astype(float)[:, None], axis=1
    )
    assert (errors >= lost).all()
    assert (errors < lost + 1e-6).all()


def test_integers_are_taken_as_they_are(features, block):
    whole = quantize(features)
    values, scales, errors = stored(whole, "int8")
    assert np.array_equal(values, whole[0:50])
    assert np.array_equal(scales, whole.scales)
    assert np.array_equal(errors, whole.errors)
    unknown = ArrayRows(whole[0:50], whole.scales)
    assert np.isnan(stored(unknown, "int8")[2]).all()


def test_rounding_twice_adds_what_both_took(features, block):
    once = quantize(features, "int16")
    values, scales, errors = stored(once, "int8")
    lost = np.linalg.norm(
        features.astype(np.float64) - values * scales.astype(float)[:, None], axis=1
    )
    assert (errors >= lost).all()
    assert np.isnan(stored(ArrayRows(once[0:50], once.scales), "int8")[2]).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_refused(features, dtype, value, block):
    features[37, 2] = value
    with pytest.raises(InputError, match="no finite number in row 37, expected finite features"):
        stored(features, dtype)


def test_what_float16_cannot_hold_is_refused(features, block):
    features[12, 1] = 65519  # rounds down
    assert stored(features, "float16")[0][12, 1] == 65504
    features[12, 1] = -65520
    with pytest.raises(InputError, match="beyond float16 in row 12, expected a store of float32"):
        stored(features, "float16")


@pytest.mark.parametrize("scale", [np.nan, np.inf, -1])
def test_impossible_scales_are_refused(features, scale):
    whole = quantize(features)
    whole.scales[9] = scale
    with pytest.raises(InputError, match="of row 9, expected a finite one"):
        stored(whole, "int8")


def test_the_lowest_integer_is_refused(features):
    whole = quantize(features)
    whole[0:50][4, 4] = -128
    with pytest.raises(InputError, match="-128 in row 4, expected -127 and above"):
        stored(whole, "int8")


@pytest.mark.parametrize(
    "wrong",
    [
        *(np.zeros((3, 5), np.float32), np.zeros(4, np.float32), np.zeros((1, 3, 4), np.float32)),
        *(np.zeros((3, 4)), np.zeros((3, 4), np.int8), np.zeros((3, 4), object), [[1, 2, 3, 4]]),
    ],
)
def test_another_shape_or_type_is_refused(wrong):
    with pytest.raises(InputError, match="found"):
        given_rows(wrong, 4)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
OBJECTS = st.none() | st.dictionaries(NAMES, st.integers() | NAMES | st.none(), max_size=3)


@given(st.lists(st.tuples(NAMES, OBJECTS), max_size=9), st.integers(0, 1 << 40))
def test_texts_are_where_their_ends_say(rows, start):
    run, ends = encoded_texts([name for name, _ in rows], [meta for _, meta in rows], start)
    assert ends.shape == (len(rows), 2)
    place = 0
    for (name, meta), (middle, end) in zip(rows, (ends - np.uint64(start)).tolist(), strict=True):
        assert run[place:middle].decode() == name
        assert (json.loads(run[middle:end]) if middle < end else None) == meta
        place = end
    assert place == len(run)


def test_names_of_files_that_are_no_text_stay_the_same_bytes():
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    assert text_bytes(name, "a name") == b"caf\xe9.jpg"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (7, "found int as name of row 1, expected str"),
        (b"a", "found bytes as name of row 1"),
        (None, "found NoneType as name of row 1"),
        ("\ud800", "expected text that UTF-8 can hold"),
        ("x" * (MAX_NAME + 1), f"found {MAX_NAME + 1} bytes as name of row 1"),
    ],
)
def test_what_is_no_name_is_refused(name, message):
    with pytest.raises(InputError, match=message):
        encoded_texts(["good", name], None, 0)


@pytest.mark.parametrize(
    "meta",
    [[1], "text", {"a": float("nan")}, {"a": {1, 2}}, {(1, 2): 3}, {"a": "x" * MAX_META}],
)
def test_what_is_no_json_object_is_refused(meta):
    with pytest.raises(InputError, match="meta"):
        encoded_texts(["a"], [meta], 0)


def test_metadata_that_holds_itself_is_refused():
    meta = {}
    meta["again"] = meta
    with pytest.raises(InputError, match="no JSON"):
        encoded_texts(["a"], [meta], 0)
