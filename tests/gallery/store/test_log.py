"""The log: a torn append is no damage, and damage is not taken for a torn append."""

import numpy as np
import pytest

from zqcnn_xp.gallery.store import Store, log
from zqcnn_xp.gallery.store.layout import RECORD, Commit
from zqcnn_xp.gallery.store.log import commits, last_commit, missing, salvaged


@pytest.fixture(params=[4096, 3])
def block(request, monkeypatch):
    """Records that are read at a time: all, and so few that every edge is met."""
    monkeypatch.setattr(log, "_BLOCK", request.param)


@pytest.fixture
def store(make, monkeypatch, block):
    monkeypatch.setattr(log, "_WAIT", 0)
    return make([2, 3, 1, 1, 1, 1, 1])[0]


def edit(path, place, data):
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


def test_the_last_record_counts(store):
    scan = last_commit(store)
    assert scan.commit.rows == 10
    assert scan.commit.sequence == 7
    assert scan.torn == 0
    assert scan.damage is None
    assert [commit.sequence for _, commit in commits(store)] == list(range(8))


@pytest.mark.parametrize("tail", [b"x", b"x" * 127, bytes(1), bytes(128), bytes(5000)])
def test_a_torn_record_is_no_damage(store, tail):
    with (store / "log").open("ab") as file:
        file.write(tail)
    scan = last_commit(store)
    assert scan.damage is None
    assert scan.commit.sequence == 7
    assert scan.torn == len(tail)
    assert [number for number, _ in commits(store)] == list(range(8))


@pytest.mark.parametrize("record", range(8))
@pytest.mark.parametrize("place", [0, 20, 40, 100, 127])
def test_a_changed_record_is_damage_wherever_it_is(store, record, place):
    data = (store / "log").read_bytes()
    at = record * RECORD + place
    edit(store / "log", at, bytes([data[at] ^ 16]))
    scan = last_commit(store)
    assert scan.commit is None if record == 0 else scan.commit.sequence == record - 1
    assert str(scan.damage.where).startswith(f"record {record} (bytes {record * RECORD} to ")
    assert "checksum 0x" in str(scan.damage)
    # What comes later says all that is needed; only the checks of two appends are lost.
    assert salvaged(store).sequence == (6 if record == 7 else 7)
    assert [commit is None for _, commit in commits(store)].index(True) == record


def test_zeros_in_the_middle_are_damage(store):
    edit(store / "log", 3 * RECORD, bytes(RECORD))
    assert "record 3 " in last_commit(store).damage.where
    assert [commit is None for _, commit in commits(store)] == [False] * 3 + [True] + [False] * 4


def test_records_of_another_store_are_damage(store, make):
    other, _ = make([2, 3, 1, 1, 1, 1, 1], name="other")
    data = (other / "log").read_bytes()
    edit(store / "log", 4 * RECORD, data[4 * RECORD : 5 * RECORD])
    damage = last_commit(store).damage
    assert damage.where.startswith("record 4 ")
    assert "record 4 of store " in damage.found


def test_records_in_another_order_are_damage(store):
    data = (store / "log").read_bytes()
    edit(store / "log", 4 * RECORD, data[5 * RECORD : 6 * RECORD] + data[4 * RECORD : 5 * RECORD])
    damage = last_commit(store).damage
    assert "record 5 of store" in damage.found


def test_a_whole_record_of_a_later_version_is_damage_that_says_so(store):
    commit = last_commit(store).commit
    strange = Commit(commit.identity, 1 << 20, "float32", 8).packed()
    with (store / "log").open("ab") as file:
        file.write(strange)
    assert "a known record" in str(last_commit(store).damage)


def test_reading_goes_on_after_a_known_commit(store):
    known = last_commit(store).commit
    assert last_commit(store, known).commit == known
    with Store.open(store, "a") as writer:
        writer.append(np.ones((1, 4), np.float32), ["x"])
    assert last_commit(store, known).commit.rows == 11


def test_a_log_that_lost_what_was_known_is_damage(store):
    known = last_commit(store).commit
    with (store / "log").open("r+b") as file:
        file.truncate(5 * RECORD)
    assert "as there were before" in str(last_commit(store, known).damage)


def test_another_log_is_damage(store, make):
    known = last_commit(store).commit
    other, _ = make([2] * 9, name="other")
    assert last_commit(other, known).damage is not None


def test_files_that_are_too_short_are_named(store):
    commit = last_commit(store).commit
    assert missing(store, commit) is None
    with (store / "texts").open("r+b") as file:
        file.truncate(3)
    assert "texts, byte 3: found 3 bytes, expected" in str(missing(store, commit))
    assert salvaged(store).rows == 0
