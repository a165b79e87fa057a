"""Stores as they are used, against lists; and a process that is killed while it appends."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from zqcnn_xp.errors import InputError, StoreError
from zqcnn_xp.gallery.store import Batch, Store
from zqcnn_xp.gallery.store.writer import TornAppendWarning

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


class Stores(RuleBasedStateMachine):
    """A writer and a reader of one store; each sees what it should."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.values, self.names, self.labels, self.meta = [], [], [], []
        self.seen = 0

    @initialize(durability=st.sampled_from(["fsync", "os"]))
    def create(self, durability):
        self.writer = Store.create(self.folder / "faces", 1, durability=durability)
        self.reader = Store.open(self.folder / "faces")

    def batch(self, rows):
        features = np.array([[value] for value, *_ in rows], np.float32).reshape(-1, 1)
        return Batch(features, *([row[place] for row in rows] for place in (1, 2, 3)))

    rows = st.lists(
        st.tuples(
            *(st.integers(-100, 100), TEXT, st.none() | TEXT),
            st.none() | st.dictionaries(TEXT, st.integers(), max_size=2),
        ),
        max_size=5,
    )

    def count(self, rows):
        for value, name, label, meta in rows:
            self.values.append(value)
            self.names.append(name)
            self.labels.append(label)
            self.meta.append(meta)

    @rule(rows=rows)
    def append(self, rows):
        self.writer.append(*self.batch(rows))
        self.count(rows)

    @rule(parts=st.lists(rows, max_size=3), each=st.booleans())
    def extend(self, parts, each):
        added = self.writer.extend((self.batch(part) for part in parts), each=each)
        assert added == sum(map(len, parts))
        for part in parts:
            self.count(part)

    @rule(parts=st.lists(rows, min_size=1, max_size=3), each=st.booleans())
    def extend_and_fail(self, parts, each):
        def batches():
            for part in parts:
                yield self.batch(part)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            self.writer.extend(batches(), each=each)
        for part in parts if each else ():
            self.count(part)

    @rule()
    def reopen(self):
        self.writer.close()
        self.writer = Store.open(self.folder / "faces", "a")

    @rule(size=st.integers(1, 200), name=st.sampled_from(["rows", "log", "texts", "checks"]))
    def tear(self, size, name):
        self.writer.close()
        with (self.folder / "faces" / name).open("ab") as file:
            file.write(bytes(size))
        with pytest.warns(TornAppendWarning):
            self.writer = Store.open(self.folder / "faces", "a")

    @rule()
    def refresh(self):
        assert self.reader.refresh() == len(self.values) - self.seen
        self.seen = len(self.values)

    @precondition(lambda self: self.values)
    @rule(data=st.data())
    def copy(self, data):
        places = st.lists(st.integers(0, len(self.values) - 1), max_size=5)
        index = data.draw(places)
        copy = self.writer.copy(self.folder / "copy", np.array(index, int))
        assert copy.names[:] == [self.names[row] for row in index]
        assert copy.labels[:] == [self.labels[row] for row in index]
        shutil.rmtree(self.folder / "copy")

    @invariant()
    def both_are_right(self):
        if not hasattr(self, "reader"):
            return
        for store, rows in ((self.writer, len(self.values)), (self.reader, self.seen)):
            assert len(store) == rows
            assert store.rows[0:rows][:, 0].tolist() == self.values[:rows]
            assert store.names[:] == self.names[:rows]
            assert store.labels[:] == self.labels[:rows]
            assert store.meta[:] == self.meta[:rows]

    def teardown(self):
        self.writer.verify()
        self.writer.close()
        shutil.rmtree(self.folder)


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)


def test_what_was_opened_for_reading_cannot_be_written(make):
    path, _ = make([2])
    store = Store.open(path)
    with pytest.raises(StoreError, match="found a store opened for reading, expected one opened"):
        store.append(np.ones((1, 4), np.float32), ["a"])
    store = Store.open(path, "a")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="found a store that was closed"):
        store.append(np.ones((1, 4), np.float32), ["a"])


def test_features_as_lists_are_refused(make):
    path, _ = make([2])
    with Store.open(path, "a") as store, pytest.raises(InputError, match="found list"):
        store.append([[1.0, 2, 3, 4]], ["a"])


def test_nothing_appended_is_no_append(make):
    path, _ = make([2])
    with Store.open(path, "a") as store:
        store.append(np.empty((0, 4), np.float32), [])
        assert store.extend([]) == 0
        assert store.verify().appends == 1


def test_a_reader_notices_another_store_in_the_place_of_its_own(make):
    path, _ = make([2, 2])
    reader = Store.open(path)
    shutil.rmtree(path)
    make([2, 2, 2])[0]
    with pytest.raises(StoreError, match="another store in the place"):
        reader.refresh()


def test_a_moved_store_is_the_same(make, tmp_path):
    path, model = make([2, 2])
    path.rename(tmp_path / "moved")
    model.check(Store.open(tmp_path / "moved"))


# A process that starts writers, so that each of fifty does not import everything again.
APPEND = """
import os, sys
import numpy as np
from zqcnn_xp.gallery.store import Store

def append(seed, durability):
    rng = np.random.default_rng(seed)
    with Store.open(sys.argv[1], "a", durability=durability) as store:
        os.write(1, b"%d %d\\n" % (os.getpid(), len(store)))
        while True:
            start, rows = len(store), int(rng.integers(1, 400))
            numbers = np.arange(start, start + rows)
            store.append(
                np.repeat(numbers.astype(np.float32)[:, None], 32, axis=1),
                [f"name {n}" for n in numbers],
                [f"person {n // 3}" for n in numbers],
                [{"n": int(n)} for n in numbers],
            )
            os.write(1, b"%d\\n" % len(store))

for line in sys.stdin:
    child = os.fork()
    if not child:
        append(int(line.split()[0]), line.split()[1])
    os.waitpid(child, 0)
    os.write(1, b"gone\\n")
"""


def expect(store, rows):
    """What the process above appends, as far as it came."""
    numbers = np.arange(rows)
    assert np.array_equal(store.rows[0:rows], np.repeat(numbers[:, None], 32, axis=1))
    assert store.names[-3:] == [f"name {n}" for n in numbers[-3:]]
    ids, labels = store.label_ids()
    assert np.array_equal(ids[:rows], numbers // 3)
    assert labels == [f"person {n}" for n in range(len(labels))]
    assert store.meta[-1:] == [{"n": int(n)} for n in numbers[-1:]]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.filterwarnings("ignore::zqcnn_xp.gallery.store.writer.TornAppendWarning")
def test_a_writer_is_killed_fifty_times(tmp_path):
    """What it said was appended is there; a torn append leaves nothing."""
    rng = np.random.default_rng(5)
    path = tmp_path / "faces"
    Store.create(path, 32).close()
    command = [sys.executable, "-W", "ignore", "-c", APPEND, str(path)]
    torn = said = 0
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as parent:
        for number in range(50):
            durability = "fsync" if number % 3 == 0 else "os"
            parent.stdin.write(f"{number} {durability}\n")
            child, _, rows = parent.stdout.readline().partition(" ")
            assert int(rows) >= said
            time.sleep(rng.uniform(0, 0.03))
            os.kill(int(child), signal.SIGKILL)
            while (line := parent.stdout.readline()) != "gone\n":
                said = int(line)
            store = Store.open(path)
            assert said <= len(store) <= said + 400  # it may have had no time to say so
            torn += bool(store.uncommitted())
            expect(store, len(store))
            if number % 10 == 9:
                store.verify()
        parent.stdin.close()
    assert len(store) > 100
    assert torn > 0
    Store.open(path, "a").close()
    assert Store.open(path).uncommitted() == {}


READ = """
import sys, time
import numpy as np
from zqcnn_xp.gallery.store import Store
store, seen = Store.open(sys.argv[1]), 0
print("ready", flush=True)
while len(store) < int(sys.argv[2]):
    store.refresh()
    rows = len(store)
    if rows:
        assert store.rows.shape == (rows, 8)
        assert (store.rows[seen:rows] == np.arange(seen, rows, dtype=np.float32)[:, None]).all()
        assert store.names[rows - 1] == str(rows - 1)
        assert store.labels[rows - 1] == str((rows - 1) // 2)
    seen = rows
print(seen)
"""


def test_many_readers_while_one_writes(tmp_path):
    """Processes and threads; each sees whole appends only, and in the end all."""
    path, total = tmp_path / "faces", 3000
    writer = Store.create(path, 8, durability="os")
    command = [sys.executable, "-c", READ, str(path), str(total)]
    readers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    problems = []

    def look():
        try:
            store = Store.open(path)
            while len(store) < total:
                store.refresh()
                rows = len(store)
                assert (store.rows[0:rows][:, 7] == np.arange(rows)).all()
                assert store.names[-1:] == [str(n) for n in range(rows)][-1:]
        except BaseException as error:
            problems.append(error)

    with contextlib.ExitStack() as stack:
        for reader in readers:
            stack.enter_context(reader)
            assert reader.stdout.readline() == "ready\n"
        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        rng = np.random.default_rng(0)
        while (start := len(writer)) < total:
            rows = min(int(rng.integers(1, 20)), total - start)
            numbers = np.arange(start, start + rows)
            features = np.repeat(numbers.astype(np.float32)[:, None], 8, axis=1)
            names = [str(number) for number in numbers]
            writer.append(features, names, [str(number // 2) for number in numbers])
        writer.close()
        for thread in threads:
            thread.join(240)
        for reader in readers:
            out, err = reader.communicate(timeout=240)
            assert (out, err) == (f"{total}\n", "")
    assert problems == []
