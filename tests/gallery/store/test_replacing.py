"""Rows that are taken away are gone, and a store is there whatever is cut off on the way."""

import errno
import os
import subprocess
import sys
import warnings
from stat import S_IMODE

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, StoreError, StoreLocked
from zqcnn_xp.gallery.store import Batch, Store, copying, opening, replacing
from zqcnn_xp.gallery.store.replacing import deleted, exchange, leftovers
from zqcnn_xp.gallery.store.writer import TornAppendWarning


@pytest.fixture(params=["one step", "two steps"])
def steps(request, monkeypatch):
    """With and without a file system that exchanges names."""
    if request.param == "two steps":
        monkeypatch.setattr(replacing, "_swapped", lambda one, other: False)
    return request.param


def everything(folder):
    """All bytes and names below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return b"\0".join(str(path).encode() + path.read_bytes() for path in files)


def names_of(folder):
    """Names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def filled(path, dtype="float32"):
    store = Store.create(path, 4, dtype)
    features = np.arange(1, 25, dtype=np.float32).reshape(6, 4) / 7
    photos = [f"photo-{number}.jpg" for number in range(6)]
    labels = ["Ann", "Secret Person", "Bo", "Secret Person", None, "Ann"]
    store.append(features, photos, labels, [{"place": f"town-{number}"} for number in range(6)])
    return store, features


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int16"])
def test_nothing_of_removed_rows_is_left_in_any_file(tmp_path, steps, dtype):
    store, _ = filled(tmp_path / "faces", dtype)
    with store:
        (tmp_path / "faces" / "origin.json").write_text("{}")
        (tmp_path / "faces" / "notes").mkdir()
        (tmp_path / "faces" / "notes" / "a.txt").write_text("kept")
        stored = store.rows[0:6].copy()
        assert store.remove(np.array([3, 1, 1])) == 2
        assert store.names[:] == [f"photo-{number}.jpg" for number in (0, 2, 4, 5)]
        assert store.labels[:] == ["Ann", "Bo", None, "Ann"]
        assert store.meta[1] == {"place": "town-2"}
        np.testing.assert_array_equal(store.rows[0:4], stored[[0, 2, 4, 5]])
        assert store.verify().rows == 4
        left = everything(tmp_path)
        for gone in (b"Secret", b"photo-1", b"photo-3", b"town-1", b"town-3", stored[1].tobytes()):
            assert gone not in left
        assert stored[2].tobytes() in left
        assert (tmp_path / "faces" / "notes" / "a.txt").read_text() == "kept"
        # It goes on as a writer.
        store.append(np.ones((1, 4), np.float32), ["new"], ["Cy"])
        with pytest.raises(StoreLocked):
            Store.open(tmp_path / "faces", "a")
    assert names_of(tmp_path) == ["faces"]
    assert Store.open(tmp_path / "faces").names[4] == "new"


def test_rows_and_batches_are_one_step(tmp_path, steps):
    store, features = filled(tmp_path / "faces")
    with store:
        reader = Store.open(tmp_path / "faces")
        seen = reader.rows
        store.rewrite(np.array([4, 0]), [Batch(features[:1] * 2, ["again"], ["Bo"])])
        assert store.names[:] == ["photo-4.jpg", "photo-0.jpg", "again"]
        assert store.labels[:] == [None, "Ann", "Bo"]
        # A reader keeps what it sees, and is told.
        np.testing.assert_array_equal(seen[0:6], features)
        with pytest.raises(StoreError, match="another store in the place"):
            reader.refresh()
        # What it has not opened yet is not taken from the other store.
        for late in (lambda: reader.labels, lambda: reader.names, reader.label_ids, reader.verify):
            with pytest.raises(StoreError, match="another store in the place"):
                late()


def test_what_does_not_fit_leaves_the_store_as_it_was(tmp_path, steps):
    store, features = filled(tmp_path / "faces")
    with store:
        for rows, batches in (
            ([9], ()),
            ([-1], ()),
            ([0.5], ()),
            ([0], [Batch(np.ones((1, 3), np.float32), ["a"])]),
            ([0], [Batch(np.full((1, 4), np.nan, np.float32), ["a"])]),
        ):
            with pytest.raises(InputError):
                store.rewrite(np.array(rows), batches)
            assert len(store) == 6
        assert names_of(tmp_path) == ["faces"]
        store.append(features[:1], ["more"])
    with pytest.raises(StoreError, match="opened for reading"):
        Store.open(tmp_path / "faces").remove(np.array([0]))
    with pytest.raises(StoreError, match="closed"):
        store.remove(np.array([0]))
    assert len(Store.open(tmp_path / "faces")) == 7


KILLED = """
import os, sys
import numpy as np
from zqcnn_xp.gallery.store import Store, copying, replacing
folder, moment, two = sys.argv[1:]
def die(*_): os._exit(9)
if two == "two":
    replacing._swapped = lambda one, other: False
if moment == "built":
    copying.exchange = die
elif moment == "swapped":
    replacing.deleted = die
elif moment == "between":
    from pathlib import Path
    rename = Path.rename
    def once(self, target):
        if self.name.endswith(".new"):
            die()
        return rename(self, target)
    Path.rename = once
store = Store.open(folder, "a")
store.remove(np.array([1, 3]))
"""


@pytest.mark.parametrize(
    ("moment", "two"),
    [("built", "one"), ("swapped", "one"), ("swapped", "two"), ("between", "two")],
)
def test_a_process_killed_on_the_way_leaves_the_one_or_the_other(tmp_path, moment, two):
    path = tmp_path / "faces"
    filled(path)[0].close()
    done = subprocess.run([sys.executable, "-c", KILLED, path, moment, two], check=False)
    assert done.returncode == 9
    rows = 6 if moment in ("built", "between") else 4
    if moment == "between":
        with pytest.raises(StoreError, match=r"found a replacement that was cut off: (\S+) is com"):
            Store.open(path)
        with pytest.raises(StoreError, match="found a replacement that was cut off"):
            Store.create(path, 4)  # nor is an empty one made, whose leftovers these would be
        (old,) = (entry for entry in leftovers(path) if entry.suffix == ".old")
        old.rename(path)
    assert len(Store.open(path)) == rows
    assert len(names_of(tmp_path)) == 2
    with pytest.warns(TornAppendWarning, match="rewriting that was cut off"):
        Store.open(path, "a").close()
    assert names_of(tmp_path) == ["faces"]
    assert (b"Secret" in everything(tmp_path)) == (rows == 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Store.open(path, "a") as store:
            assert store.verify().rows == rows


def test_folders_of_others_are_left_alone(tmp_path):
    for name in (".faces.0000000g.new", ".other.00000000.new", "faces.00000000.new", ".faces.new"):
        (tmp_path / name).mkdir()
    (tmp_path / ".faces.00000001.new").write_text("a file")
    store, _ = filled(tmp_path / "faces")
    store.remove(np.array([0]))
    store.close()
    Store.open(tmp_path / "faces", "a").close()
    assert len(names_of(tmp_path)) == 6


def test_a_second_step_that_fails_is_taken_back(tmp_path, monkeypatch):
    monkeypatch.setattr(replacing, "_swapped", lambda one, other: False)
    (tmp_path / "a").mkdir()
    with pytest.raises(StoreError, match="no such file"):
        exchange(tmp_path / "a", tmp_path / ".a.00000000.new")
    assert names_of(tmp_path) == ["a"]


def test_a_system_that_refuses_an_exchange_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(StoreError, match=f"{tmp_path / 'a'}: found 'no such file"):
        exchange(tmp_path / "a", tmp_path / "none.new")
    assert names_of(tmp_path) == ["a"]


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    store, _ = filled(tmp_path / "faces")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with store:
        (tmp_path / "faces" / "origin.json").write_text("{}")
        monkeypatch.setattr(replacing.shutil, "copy2", full)
        with pytest.raises(StoreError, match="no space left"):
            store.remove(np.array([0]))
        assert len(store) == 6
        assert names_of(tmp_path) == ["faces"]
        assert store.append(np.ones((1, 4), np.float32), ["a"]) is None


def test_the_folder_that_one_is_in(tmp_path, monkeypatch, steps):
    filled(tmp_path / "faces")[0].close()
    monkeypatch.chdir(tmp_path / "faces")
    with Store.open(".", "a") as store:
        store.remove(np.array([0]))
        store.append(np.ones((1, 4), np.float32), ["a"])
    assert len(Store.open(tmp_path / "faces")) == 6


def test_what_cannot_be_deleted_is_named_and_nothing_is_written_to_it(tmp_path, monkeypatch, steps):
    store, _ = filled(tmp_path / "faces")

    def refuse(folder, **_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(replacing.shutil, "rmtree", refuse)
        with pytest.raises(StoreError, match="removed rows that can be deleted"):
            store.remove(np.array([1, 3]))
    with pytest.raises(StoreError, match="closed"):
        store.append(np.ones((1, 4), np.float32), ["a"])
    assert len(Store.open(tmp_path / "faces")) == 4
    assert b"Secret" in everything(tmp_path)
    with pytest.warns(TornAppendWarning):
        Store.open(tmp_path / "faces", "a").close()
    assert b"Secret" not in everything(tmp_path)


def test_a_store_that_is_replaced_while_it_is_opened_is_opened_again(tmp_path, monkeypatch):
    store, _ = filled(tmp_path / "faces")
    read, once = opening.last_commit, []

    def late(folder, known=None):
        found = read(folder, known)
        if not once:
            once.append(1)
            store.remove(np.array([0, 1, 2]))
        return found

    with store:
        monkeypatch.setattr(opening, "last_commit", late)
        reader = Store.open(tmp_path / "faces")
        assert reader.names[:] == ["photo-3.jpg", "photo-4.jpg", "photo-5.jpg"]


def test_a_damaged_store_is_still_the_same(tmp_path):
    """What is left of it opens, whichever record of its log was damaged."""
    for number in (0, 1, 2):
        path = tmp_path / str(number)
        store, features = filled(path)
        with store:
            store.append(features, ["more"] * 6)
        log = bytearray((path / "log").read_bytes())
        log[128 * number + 40] ^= 1
        (path / "log").write_bytes(log)
        reader = Store.open(path, recover=True)
        assert len(reader.names[:]) == len(reader) == (6 if number == 2 else 12)


RACE = """
import sys, numpy as np, random
from zqcnn_xp.gallery.store import Store
rng = random.Random(1)
with Store.open(sys.argv[1], "a", durability="os") as store:
    for turn in range(int(sys.argv[2])):
        ids = [rng.randrange(10_000) for _ in range(rng.randrange(1, 40))]
        features = np.repeat(np.float32(ids)[:, None], 4, 1)
        store.append(features, [str(i) for i in ids], [f"p{i % 7}" for i in ids])
        if turn % 3 == 2:
            store.rewrite(np.flatnonzero(np.random.default_rng(turn).random(len(store)) < 0.5))
"""


def test_readers_see_whole_stores_while_one_is_written_anew(tmp_path):
    """Never the log of one with the features, names or labels of another."""
    path = tmp_path / "faces"
    Store.create(path, 4).close()
    writer = subprocess.Popen([sys.executable, "-W", "ignore", "-c", RACE, path, "90"])
    reads = replaced = 0
    while writer.poll() is None:
        store = Store.open(path)
        try:
            features, names = store.rows[0 : len(store)], store.names[:]
            labels = store.labels[:]
        except StoreError as error:
            if "another store in the place" not in str(error):
                raise
            replaced += 1
            continue
        assert features[:, 0].tolist() == [float(name) for name in names]
        assert labels == [f"p{int(name) % 7}" for name in names]
        reads += 1
    assert writer.returncode == 0
    assert reads + replaced > 5
    assert names_of(tmp_path) == ["faces"]


def test_another_writer_that_is_quicker_gets_the_new_store(tmp_path, monkeypatch):
    store, _ = filled(tmp_path / "faces")
    others = []

    def late(folder):
        deleted(folder)
        others.append(Store.open(tmp_path / "faces", "a"))

    monkeypatch.setattr(replacing, "deleted", late)
    store.remove(np.array([0]))
    with others[0] as other:
        assert len(other) == 5
        with pytest.raises(StoreError, match="closed"):
            store.append(np.ones((1, 4), np.float32), ["a"])
        other.append(np.ones((1, 4), np.float32), ["a"])
    assert len(Store.open(tmp_path / "faces")) == 6


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_who_may_read_a_store_stays_as_it_was(tmp_path, monkeypatch, steps):
    path, seen = tmp_path / "faces", []
    store, _ = filled(path)
    path.chmod(0o750)
    for name in names_of(path):
        (path / name).chmod(0o640)
    carry_over = copying.carry_over

    def look(folder, fresh):
        seen.append(S_IMODE(fresh.stat().st_mode))
        carry_over(folder, fresh)

    monkeypatch.setattr(copying, "carry_over", look)
    with store:
        store.remove(np.array([0]))
        assert S_IMODE(path.stat().st_mode) == 0o750
        assert {S_IMODE((path / name).stat().st_mode) for name in names_of(path)} == {0o640}
    assert seen == [0o700]


def test_an_interrupt_just_after_the_step_closes_the_store(tmp_path, monkeypatch, steps):
    store, _ = filled(tmp_path / "faces")

    def interrupted(folder, fresh):
        exchange(folder, fresh)
        raise KeyboardInterrupt

    monkeypatch.setattr(copying, "exchange", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.remove(np.array([0]))
    with pytest.raises(StoreError, match="closed"):  # its files are no store any more
        store.append(np.ones((1, 4), np.float32), ["a"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TornAppendWarning)
        Store.open(tmp_path / "faces", "a").close()
    assert len(Store.open(tmp_path / "faces")) == 5
    assert names_of(tmp_path) == ["faces"]


def test_an_interrupt_between_two_steps_is_taken_back(tmp_path, monkeypatch):
    monkeypatch.setattr(replacing, "_swapped", lambda one, other: False)
    store, _ = filled(tmp_path / "faces")
    rename = replacing.Path.rename

    def interrupted(path, target):
        rename(path, target)
        if target.suffix == ".old":
            raise KeyboardInterrupt

    with store, monkeypatch.context() as patch:
        patch.setattr(replacing.Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.remove(np.array([0]))
        store.append(np.ones((1, 4), np.float32), ["a"])
    assert names_of(tmp_path) == ["faces"]
    assert len(Store.open(tmp_path / "faces")) == 7
