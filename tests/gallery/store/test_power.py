"""A power failure at any moment: what was not waited for is on the disk in part, in any order."""

import random

import numpy as np
import pytest

from zqcnn_xp.gallery.store import Store, disk, files

SECTOR = 512


class Disk:
    """What is on a disk for sure, and what may be there, for each file of a store."""

    def __init__(self, path, patch):
        self.sure = {entry.name: entry.read_bytes() for entry in path.iterdir()}
        self.maybe = {name: [] for name in self.sure}
        self.states = []
        self.said = 0
        self._write, self._sync = disk.write, disk.sync
        patch.setattr(files, "write", self.write)
        patch.setattr(files, "sync", self.sync)

    def remember(self):
        """Keep the state of this moment, with how many rows were promised by then."""
        pending = {name: list(writes) for name, writes in self.maybe.items()}
        self.states.append((dict(self.sure), pending, self.said))

    def write(self, file, path, offset, data):
        data = bytes(memoryview(data).cast("B"))
        self.maybe[path.name].append((offset, data))
        self._write(file, path, offset, data)
        self.remember()

    def sync(self, file, path):
        self._sync(file, path)
        for offset, data in self.maybe[path.name]:
            self.sure[path.name] = over(self.sure[path.name], offset, data)
        self.maybe[path.name].clear()
        self.remember()


def over(content, offset, data):
    content = content.ljust(offset, b"\0")
    return content[:offset] + data + content[offset + len(data) :]


def torn(rng, sure, writes):
    """Apply some sectors of some writes; a disk writes a sector whole."""
    for offset, data in writes:
        chance = rng.choice([0, 0.5, 1])
        at = offset
        while at < offset + len(data):
            end = min((at // SECTOR + 1) * SECTOR, offset + len(data))
            if rng.random() < chance:
                sure = over(sure, at, data[at - offset : end - offset])
            at = end
    return sure


@pytest.mark.filterwarnings("ignore::zqcnn_xp.gallery.store.writer.TornAppendWarning")
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_what_was_promised_is_there_after_a_power_failure(make, make_batch, tmp_path, dtype):
    path, model = make([7], dtype=dtype, dim=16)
    rng = random.Random(3)
    values = np.random.default_rng(3)
    with pytest.MonkeyPatch.context() as patch, Store.open(path, "a") as store:
        watched = Disk(path, patch)
        watched.said = 7
        for _ in range(4):
            batch = make_batch(values, rng.randrange(1, 60), 16, len(model.names))
            store.append(*batch)
            model.add(batch)
            watched.said = len(store)
    whole = Store.open(path).rows[0 : len(model.names)]
    folder = tmp_path / "after"
    folder.mkdir()
    unlucky = 0
    for sure, maybe, said in watched.states:
        for _ in range(2):
            for name, content in sure.items():
                (folder / name).write_bytes(torn(rng, content, maybe[name]))
            found = Store.open(folder)
            assert len(found) >= said
            unlucky += bool(found.uncommitted())
            assert np.array_equal(found.rows[0 : len(found)], whole[: len(found)])
            assert found.names[:] == model.names[: len(found)]
            assert found.labels[:] == model.labels[: len(found)]
            assert list(found.damages()) == []
            with Store.open(folder, "a", durability="os") as again:
                again.append(*batch)
                assert again.names[-1] == batch.names[-1]
    assert unlucky > 30
