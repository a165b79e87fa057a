"""One writer: its lock, appends that count whole or not at all, and a disk that is full."""

import errno
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, StoreError, StoreLocked
from zqcnn_xp.gallery.store import Batch, Store, copying, disk, files, writer
from zqcnn_xp.gallery.store.writer import TornAppendWarning

HOLD = """
import sys
from zqcnn_xp.gallery.store import Store
store = Store.open(sys.argv[1], "a")
print("held", flush=True)
sys.stdin.read()
"""


def contents(path):
    return {entry.name: entry.read_bytes() for entry in path.iterdir() if entry.name != "lock"}


def test_a_second_writer_in_this_process_is_refused(make):
    path, model = make([3])
    with Store.open(path, "a"):
        with pytest.raises(StoreLocked, match="a writer that holds the store"):
            Store.open(path, "a")
        with pytest.raises(StoreError):
            Store.create(path, 4)
        model.check(Store.open(path))
    with Store.open(path, "a"):
        pass


def test_a_second_writer_in_another_process_is_refused(make):
    path, model = make([3])
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreLocked):
            Store.open(path, "a")
        model.check(Store.open(path))
        holder.kill()  # the system releases the lock of a process that is gone
        holder.wait()
    with Store.open(path, "a") as store:
        model.check(store)


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": np.zeros((2, 5), np.float32)},
        {"features": np.zeros((2, 4))},
        {"features": np.array([[1, 2, 3, 4], [1, 2, 3, np.nan]], np.float32)},
        {"names": ["one"]},
        {"names": "ab"},
        {"names": ["a", 7]},
        {"labels": ["one"]},
        {"labels": "ab"},
        {"labels": ["a", 7]},
        {"labels": ["a", ["b"]]},
        {"meta": [{}]},
        {"meta": [{}, 7]},
    ],
    ids=str,
)
def test_what_does_not_fit_leaves_no_trace(make, make_batch, wrong):
    path, model = make([3])
    before = contents(path)
    rng = np.random.default_rng(0)
    good = make_batch(rng, 2, 4, 3)
    with Store.open(path, "a") as store:
        with pytest.raises(InputError, match="found"):
            store.extend([good, good._replace(**wrong)])
        assert contents(path) == before
        model.check(store)
        store.append(*good)
    model.add(good)
    model.check(Store.open(path))
    Store.open(path).verify()


def test_what_an_iterator_raises_leaves_no_trace(make, make_batch):
    path, model = make([3])
    before = contents(path)

    def batches():
        yield make_batch(np.random.default_rng(0), 2, 4)
        raise KeyboardInterrupt

    with Store.open(path, "a") as store:
        with pytest.raises(KeyboardInterrupt):
            store.extend(batches())
        assert contents(path) == before
        model.check(store)


def test_another_thread_may_close_a_writer(make):
    path, _ = make([3])
    store = Store.open(path, "a")
    closing = threading.Thread(target=store.close)
    closing.start()
    closing.join()
    Store.open(path, "a").close()


def test_an_interrupt_just_after_a_commit(make, make_batch, monkeypatch):
    """The rows are there, whatever was raised; the next append goes on from them."""
    path, model = make([3])
    batches = [make_batch(np.random.default_rng(0), 2, 4, start) for start in (3, 5)]
    usual = files.WriterFiles.commit

    def commit(self, **sizes):
        usual(self, **sizes)
        raise KeyboardInterrupt

    with Store.open(path, "a") as store:
        with monkeypatch.context() as patch:
            patch.setattr(files.WriterFiles, "commit", commit)
            with pytest.raises(KeyboardInterrupt):
                store.append(*batches[0])
        store.append(*batches[1])
        for batch in batches:
            model.add(batch)
        model.check(store)
    store = Store.open(path)
    model.check(store)
    assert store.verify().appends == 3
    assert len(set(store.label_ids()[1])) == len(store.label_ids()[1])


FORK = """
import os, sys
import numpy as np
from zqcnn_xp.errors import StoreError, StoreLocked
from zqcnn_xp.gallery.store import Store
store = Store.open(sys.argv[1], "a")
child = os.fork()
if not child:
    try:
        store.append(np.ones((1, 4), np.float32), ["child"])
    except StoreError as error:
        print(error, flush=True)
    store.close()
    os._exit(0)
os.waitpid(child, 0)
try:
    Store.open(sys.argv[1], "a")
except StoreLocked:
    print("locked")
store.append(np.ones((1, 4), np.float32), ["parent"])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_does_not_write(make):
    path, _ = make([3])
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(path)], capture_output=True, text=True, check=True
    )
    error, locked = done.stdout.splitlines()
    assert "a writer that a fork of its process has as well" in error
    assert locked == "locked"
    assert Store.open(path).names[3:] == ["parent"]


def test_threads_append_one_after_the_other(make):
    path, _ = make([3])
    with Store.open(path, "a", durability="os") as store:

        def append(number):
            for _ in range(20):
                store.append(np.full((5, 4), number, np.float32), [str(number)] * 5)

        threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    store = Store.open(path)
    assert store.verify()[:2] == (81, 403)
    assert store.rows[3:403][:, 0].astype(int).tolist() == [int(name) for name in store.names[3:]]


def test_new_labels_of_a_failed_append_get_their_numbers_again(make):
    path, _ = make([3])
    one = np.ones((1, 4), np.float32)
    with Store.open(path, "a") as store:
        before = store.label_ids()[1]
        with pytest.raises(InputError):
            store.extend([Batch(one, ["a"], ["lost"]), Batch(one, ["a"], [8])])
        store.append(one, ["a"], ["found"])
        store.append(one, ["a"], ["lost"])
        assert store.label_ids()[1] == [*before, "found", "lost"]
        assert store.labels[-2:] == ["found", "lost"]


def test_bytes_of_no_append_are_taken_away_and_named(make):
    path, model = make([3])
    before = contents(path)
    for name, size in (("rows", 7), ("log", 50), ("checks", 3)):
        with (path / name).open("ab") as file:
            file.write(b"x" * size)
    store = Store.open(path)
    model.check(store)
    assert store.uncommitted() == {"rows": 7, "checks": 3}
    message = (
        r"faces: an append that never .*\(3 bytes of checks, 50 bytes of log, 7 bytes of rows\)"
    )
    with pytest.warns(TornAppendWarning, match=message) as caught, Store.open(path, "a") as store:
        model.check(store)
    assert caught[0].filename == __file__
    assert contents(path) == before


class Full:
    """A disk without room at the n-th call; what is taken back makes some."""

    def __init__(self, patch, allowed, *, partial=False):
        self.allowed, self.calls, self.partial = allowed, 0, partial
        self._write, self._sync = disk.write, disk.sync
        patch.setattr(files, "write", self.write)
        patch.setattr(files, "sync", self.sync)

    def _full(self):
        self.calls += 1
        return self.calls == self.allowed + 1

    def write(self, file, path, offset, data):
        if not self._full():
            return self._write(file, path, offset, data)
        if self.partial:
            self._write(file, path, offset, memoryview(data).cast("B")[: len(data) // 2])
        raise disk.failed(path, f"byte {offset}", OSError(errno.ENOSPC, "No space left"), "room")

    def sync(self, file, path):
        if not self._full():
            return self._sync(file, path)
        raise disk.failed(path, "", OSError(errno.ENOSPC, "No space left"), "room")


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_disk_that_is_full_at_any_moment(make, make_batch, dtype, partial, monkeypatch):
    path, model = make([5], dtype=dtype)
    before = contents(path)
    batch = make_batch(np.random.default_rng(0), 6, 4, 500)
    with Store.open(path).copy(path.with_name("copy")) as copy, monkeypatch.context() as patch:
        full = Full(patch, 1000)
        with Store.open(copy.path, "a") as store:
            store.append(*batch)
        calls = full.calls
        assert calls > 15
    with Store.open(path, "a") as store:
        for allowed in range(calls):
            with monkeypatch.context() as patch:
                Full(patch, allowed, partial=partial)
                with pytest.raises(StoreError, match=r"faces/[a-z-]+.*'no space left'"):
                    store.append(*batch)
            if allowed < calls - 1:
                assert contents(path) == before
            else:  # the last is the sync of the log: a reader may have seen the record
                assert (path / "log").read_bytes() == before["log"]
                assert store.uncommitted()["rows"] > 0
            assert len(store) == 5
            assert store.names[:] == model.names
        store.append(*batch)
        assert len(store) == 11
        assert store.names[:] == [*model.names, *batch.names]
    Store.open(path).verify()


def test_a_writer_that_cannot_take_back_refuses_to_go_on(make, make_batch, monkeypatch):
    path, model = make([5])
    batch = make_batch(np.random.default_rng(0), 6, 4)
    with Store.open(path, "a") as store:
        with monkeypatch.context() as patch:

            def broken(file, path, *rest):
                raise disk.failed(path, "", OSError(errno.EIO, "Input/output error"), "a disk")

            patch.setattr(files, "sync", broken)
            with pytest.raises(StoreError, match="input/output error"):
                store.append(*batch)
        with pytest.raises(StoreError, match="could not be taken back, expected a store that was"):
            store.append(*batch)
    model.check(Store.open(path))
    with pytest.warns(TornAppendWarning), Store.open(path, "a") as store:
        store.append(*batch)
    model.add(batch)
    model.check(Store.open(path))


LIMITED = """
import resource, signal, sys
import numpy as np
from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with Store.create(sys.argv[1], 64) as store:
    try:
        while True:
            store.append(np.full((30, 64), len(store), np.float32), ["a"] * 30)
    except StoreError as error:
        print(len(store), error, sep="\\n")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_file_that_may_not_grow(tmp_path):
    """The system itself refuses: rows of 256 bytes, 390 of them in 100,000 bytes."""
    path = tmp_path / "faces"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True
    )
    rows, error = done.stdout.splitlines()
    assert rows == "390"
    assert "rows, byte 99840: found 'file too large', expected room for 7680 bytes" in error or (
        "rows, byte 100000: found 'file too large'" in error
    )
    store = Store.open(path)
    assert np.array_equal(store.rows[0:390][:, 0], np.repeat(np.arange(0, 390, 30), 30))
    assert store.uncommitted() == {}
    assert store.verify().rows == 390


@pytest.mark.parametrize("way", ["remove", "rewrite"])
def test_what_another_thread_appends_meanwhile_follows(make, monkeypatch, way):
    path, _ = make([6])
    threads = []
    rewritten = copying.rewritten

    def slow(*args):
        def append():
            store.append(np.ones((1, 4), np.float32), ["meanwhile"])

        threads.append(threading.Thread(target=append))
        threads[0].start()
        threads[0].join(0.2)  # were it not to wait, it would have appended by then
        return rewritten(*args)

    monkeypatch.setattr(copying, "rewritten", slow)
    with Store.open(path, "a") as store:
        last = store.names[5]
        store.remove(np.arange(5)) if way == "remove" else store.rewrite(np.array([5]))
        threads[0].join()
        assert store.names[:] == [last, "meanwhile"]
    assert Store.open(path).names[:] == [last, "meanwhile"]


def test_the_fork_of_a_writer_replaces_nothing(make, monkeypatch):
    path, _ = make([6])
    with Store.open(path, "a") as store:
        monkeypatch.setattr(writer.os, "getpid", lambda: -1)
        with pytest.raises(StoreError, match="a fork of its process"):
            store.remove(np.array([0]))
        monkeypatch.undo()
        assert len(store) == 6


def test_the_lock_of_a_store_that_was_replaced_is_given_back(make, monkeypatch, tmp_path):
    path, _ = make([6])
    made, _ = make([3], name="made")
    acquire, turns = writer.FileLock.acquire, []

    def late(lock, **options):
        """Let another store come between what was opened and what is locked."""
        found = acquire(lock, **options)
        if not turns:
            path.rename(tmp_path / "before")
            made.rename(path)
        turns.append(lock)
        return found

    monkeypatch.setattr(writer.FileLock, "acquire", late)
    with Store.open(path, "a") as store:
        assert len(store) == 3
        with pytest.raises(StoreLocked):
            Store.open(path, "a")
        Store.open(tmp_path / "before", "a").close()
    assert len(turns) == 3
