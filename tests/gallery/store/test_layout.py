"""One record of a log: packed, unpacked, and no bit of it may change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.gallery.store.layout import (
    CHECKED,
    CHECKS,
    CHUNK,
    DTYPES,
    ERRORS_KNOWN,
    MAX_DIM,
    RECORD,
    Commit,
    chunks_of,
)

SIZES = st.integers(0, (1 << 64) - 1)
SUMS = st.integers(0, (1 << 32) - 1)


@given(
    st.binary(min_size=16, max_size=16),
    st.integers(1, MAX_DIM),
    st.sampled_from(list(DTYPES.values())),
    st.tuples(*[SIZES] * 6),
    st.tuples(*[SUMS] * 3),
)
def test_a_record_comes_back(identity, dim, dtype, sizes, sums):
    commit = Commit(identity, dim, dtype, *sizes, *sums)
    record = commit.packed()
    assert len(record) == RECORD
    assert Commit.unpacked(record) == commit


def test_every_bit_of_a_record_counts():
    record = Commit(bytes(range(16)), 128, "int8", 3, 500, 7, 60, 9000, 88).packed()
    for place in range(8 * RECORD):
        changed = bytearray(record)
        changed[place // 8] ^= 1 << place % 8
        assert Commit.unpacked(bytes(changed)) is None


@pytest.mark.parametrize("record", [b"", bytes(RECORD), bytes(RECORD - 1), b"x" * RECORD])
def test_what_is_no_record(record):
    assert Commit.unpacked(record) is None


def test_a_record_of_an_impossible_store_is_none():
    assert Commit.unpacked(Commit(bytes(16), MAX_DIM + 1, "int8").packed()) is None


def test_ends_follow_from_counts():
    commit = Commit(bytes(16), 10, "int8", 2, 5, 3, 44, 66, 88)
    ends = {name: commit.end(name) for name in (*CHECKED, CHECKS)}
    assert ends == {
        **{"rows": 50, "scales": 20, "errors": 20, "label-ids": 20, "labels": 44},
        **{"label-ends": 24, "texts": 66, "text-ends": 80, "checks": 88},
    }
    floats = Commit(bytes(16), 10, "float16", 2, 5)
    assert floats.end("rows") == 100
    assert floats.end("scales") == 0
    assert "scales" not in floats.files
    assert "scales" in commit.files


def test_records_are_linked():
    first = Commit(bytes(16), 2, "float32")
    second = first.following(rows=3, flags=0)
    other = Commit(bytes(16), 2, "float32", flags=0).following(rows=3, flags=0)
    assert first.flags == ERRORS_KNOWN
    assert second.sequence == 1
    assert second.before != other.before


def test_one_checksum_a_megabyte():
    assert [chunks_of(5, 5 + size) for size in (0, 1, CHUNK, CHUNK + 1)] == [0, 1, 1, 2]
