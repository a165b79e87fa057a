"""A flipped bit is found wherever it is, and the rows that it is of are named."""

import contextlib
import random
import tracemalloc

import numpy as np
import pytest

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store import Store
from zqcnn_xp.gallery.store.layout import CHECKED, CHECKS, RECORD
from zqcnn_xp.gallery.store.verifying import damages

APPENDS = [3, 1, 40, 2]


def flip(path, place, bit=3):
    with path.open("r+b") as file:
        file.seek(place)
        value = file.read(1)[0]
        file.seek(place)
        file.write(bytes([value ^ 1 << bit]))


def test_a_whole_store_is_whole(make):
    for dtype in ("float32", "int8"):
        path, _ = make(APPENDS, dtype=dtype, name=dtype)
        store = Store.open(path)
        size = sum((path / name).stat().st_size for name in (*store.commit.files, "log"))
        assert store.verify() == (4, 46, size)
        assert list(store.damages()) == []


def test_every_byte_of_every_file_counts(make):
    path, _ = make(APPENDS, dtype="int8", dim=2)
    commit = Store.open(path).commit
    tried = 0
    for name in (*CHECKED, CHECKS):
        for place in range(commit.end(name)):
            flip(path / name, place, place % 8)
            found = list(damages(path, commit))
            assert [error.file for error in found] == [str(path / name)]
            flip(path / name, place, place % 8)
            tried += 1
    assert tried > 2500
    assert Store.open(path).verify().rows == 46


@pytest.mark.parametrize(
    ("name", "place", "where"),
    [
        ("rows", 16 * 3, "bytes 48 to 64, rows 3 to 4"),
        ("rows", 16 * 20, "bytes 64 to 704, rows 4 to 44"),
        ("label-ids", 4 * 45, "bytes 176 to 184, rows 44 to 46"),
        ("text-ends", 16 * 2, "bytes 0 to 48, rows 0 to 3"),
    ],
)
def test_rows_are_named(make, name, place, where):
    path, _ = make(APPENDS)
    flip(path / name, place)
    with pytest.raises(
        StoreError, match=rf"{name}, {where}: found checksum 0x\w{{8}}, expected 0x"
    ):
        Store.open(path).verify()


def test_labels_texts_and_checks_name_their_append(make):
    path, _ = make(APPENDS)
    flip(path / "labels", 0)
    flip(path / "texts", Store.open(path).commit.text_bytes - 1)
    flip(path / "checks", 0)
    found = [str(error) for error in Store.open(path).damages()]
    assert len(found) == 2
    # Without its checksums the first append cannot be looked into, so that the label is not seen.
    assert (
        "checks, bytes 0 to 24: found checksums of append 1 (rows 0 to 3) that changed" in found[0]
    )
    assert "texts, bytes " in found[1]
    assert "rows 44 to 46" in found[1]


def test_a_record_that_changed_is_named_and_the_rest_checked(make):
    path, model = make(APPENDS)
    flip(path / "log", 2 * RECORD + 40)
    with pytest.raises(StoreError, match=r"record 2 \(bytes 256 to 384\).*\(46 rows open with"):
        Store.open(path)
    flip(path / "rows", 16 * 45)
    store = Store.open(path, recover=True)
    found = [str(error) for error in store.damages()]
    assert "append 2, without which it and the next cannot be checked" in found[0]
    assert "rows 44 to 46" in found[1]
    assert len(found) == 2
    assert store.names[:] == model.names


def test_damaged_stores_are_errors_or_whole(make, tmp_path):
    """800 damages of any file: read anything, and meet `StoreError` or what was stored."""
    path, model = make(APPENDS, dtype="int8")
    whole = {entry.name: entry.read_bytes() for entry in path.iterdir() if entry.name != "lock"}
    stored = Store.open(path).rows[0:46].copy()
    rng = random.Random(4)
    lost = found = 0
    for _ in range(800):
        name = rng.choice(sorted(whole))
        data = bytearray(whole[name])
        place, length = rng.randrange(len(data)), rng.choice([1, 4, 8, 30])
        kind = rng.randrange(5)
        if kind == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[place : place + length] = rng.choice([b"\0", b"\xff"]) * length
        elif kind == 2:
            data[place:place] = rng.randbytes(length)
        elif kind == 3:
            del data[place : place + length]
        else:
            data[place : place + length] = rng.randbytes(length)
        (path / name).write_bytes(data)
        try:
            store = Store.open(path)
        except StoreError:
            lost += 1
            store = salvage(path)
        if store is not None:
            sound = store.damages() if data != whole[name] else iter(())
            if next(sound, None) is not None:
                found += 1
                for look in (
                    store.label_ids,
                    lambda s=store: list(zip(s.names, s.labels, s.meta, strict=True)),
                ):
                    with contextlib.suppress(StoreError):
                        look()
            else:
                rows = len(store)
                assert np.array_equal(store.rows[0:rows], stored[:rows])
                assert store.names[:] == model.names[:rows]
                assert store.labels[:] == model.labels[:rows]
                assert store.meta[:] == model.meta[:rows]
        (path / name).write_bytes(whole[name])
    assert lost > 120
    assert found > 120


def salvage(path):
    try:
        return Store.open(path, recover=True)
    except StoreError:
        return None


def test_large_appends_are_checked_by_the_megabyte(tmp_path):
    with Store.create(tmp_path / "faces", 256, durability="os") as store:
        store.append(np.ones((5000, 256), np.float32), ["a"] * 5000)
    flip(tmp_path / "faces" / "rows", 3 << 20)
    found = list(Store.open(tmp_path / "faces").damages())
    assert [error.where for error in found] == ["bytes 3145728 to 4194304, rows 3072 to 4096"]
    store = Store.open(tmp_path / "faces")
    tracemalloc.start()
    list(store.damages())
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
