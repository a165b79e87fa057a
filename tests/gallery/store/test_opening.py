"""Making and finding stores; every file cut at each of its last 4,096 bytes."""

import shutil

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, StoreError, StoreLocked
from zqcnn_xp.gallery.store import Store, opening
from zqcnn_xp.gallery.store.layout import RECORD
from zqcnn_xp.gallery.store.log import commits, missing, salvaged
from zqcnn_xp.gallery.store.opening import located

CUTS = 4096


def test_a_new_store_is_empty_and_there(tmp_path):
    with Store.create(tmp_path / "a" / "b", 3, "int8") as store:
        assert len(store) == 0
        assert store.dim == 3
        assert store.dtype == np.int8
        assert store.verify().rows == 0
        assert store.names[:] == []
        assert store.label_ids()[1] == []
    assert Store.open(tmp_path / "a" / "b").rows.shape == (0, 3)


@pytest.mark.parametrize("dim", [0, -1, 65537, 1.0, "3", True, None])
def test_an_impossible_size_is_refused(tmp_path, dim):
    with pytest.raises(InputError, match="expected 1 to 65536"):
        Store.create(tmp_path / "a", dim)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("dtype", ["float64", "uint8", "", np.float32, None])
def test_another_type_is_refused(tmp_path, dtype):
    with pytest.raises(InputError, match="expected one of float32, float16, int8, int16"):
        Store.create(tmp_path / "a", 3, dtype)
    assert not (tmp_path / "a").exists()


def test_a_store_is_not_made_over_another(make):
    path, model = make([3])
    with pytest.raises(StoreError, match="found a feature store, expected a folder without one"):
        Store.create(path, 4)
    model.check(Store.open(path))


def test_a_store_is_not_made_among_other_files(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"holds 'photo.jpg', expected one that is empty"):
        Store.create(tmp_path, 4)
    with pytest.raises(StoreError, match=r"photo\.jpg"):
        Store.create(tmp_path / "photo.jpg", 4)
    assert [entry.name for entry in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_creation_that_was_cut_off_is_begun_again(tmp_path, monkeypatch):
    class Stop(BaseException):
        pass

    done = []
    usual = opening._fresh

    def fresh(path, data):
        if len(done) == count:
            raise Stop
        done.append(path)
        usual(path, data)

    for count in range(8):
        done.clear()
        path = tmp_path / str(count)
        with monkeypatch.context() as patch:
            patch.setattr(opening, "_fresh", fresh)
            with pytest.raises(Stop):
                Store.create(path, 4)
        with pytest.raises(StoreError, match="no log in this folder"):
            Store.open(path)
        with Store.create(path, 4) as store:
            store.append(np.ones((1, 4), np.float32), ["a"])


def test_what_is_no_store_is_said(tmp_path):
    with pytest.raises(StoreError, match="no such folder, expected a feature store"):
        Store.open(tmp_path / "none")
    with pytest.raises(StoreError, match="no log in this folder"):
        Store.open(tmp_path, "a")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "log").write_bytes(b"short")
    with pytest.raises(StoreError, match="found 5 bytes without a whole record"):
        Store.open(tmp_path)
    (tmp_path / "log").write_bytes(b"something else" * 100)
    with pytest.raises(StoreError, match=r"record 0 .*no row can be read"):
        Store.open(tmp_path)
    with pytest.raises(StoreError, match="no record of which every byte is there"):
        Store.open(tmp_path, recover=True)


def test_words_are_checked(make):
    path, _ = make([1])
    with pytest.raises(InputError, match="found mode 'w', expected 'r' or 'a'"):
        Store.open(path, "w")
    with pytest.raises(InputError, match="found durability 'sometimes'"):
        Store.open(path, "a", durability="sometimes")
    with pytest.raises(InputError, match="recover by reading"):
        Store.open(path, "a", recover=True)


def test_a_lock_is_released_by_a_failed_opening(make):
    path, _ = make([1, 1])
    (path / "rows").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(StoreError, match="rows") as caught:
            Store.open(path, "a")
        assert not isinstance(caught.value, StoreLocked)


@pytest.fixture
def long_store(make):
    """Every file but the log and the checks has more bytes than are cut off."""
    return make([300] * 5, dim=3, dtype="int8")


@pytest.mark.parametrize(
    ("name", "every"),
    [
        *(("rows", 1), ("texts", 1), ("text-ends", 1)),
        *(("scales", 8), ("errors", 8), ("label-ids", 8)),
    ],
)
def test_a_file_cut_anywhere(long_store, name, every):
    """The error names the file; what was committed before it is readable.

    Each cut is looked into; all are opened, or each ``every``-th.
    """
    path, model = long_store
    whole = located(path)
    file = path / name
    size = file.stat().st_size
    ends = [commit.end(name) for commit in commits_of(path)]
    last = None
    with file.open("r+b") as handle:
        for left in range(size - 1, max(size - 1 - CUTS, -1), -1):
            handle.truncate(left)
            assert missing(path, whole).found == f"{left} bytes"
            if left % every:
                continue
            with pytest.raises(StoreError) as caught:
                located(path)
            assert caught.value.file == str(file)
            assert caught.value.where == f"byte {left}"
            rows = 300 * sum(end <= left for end in ends[1:])
            assert f"({rows} rows open with recover=True)" in caught.value.expected
            if rows != last:
                last = rows
                check_names(Store.open(path, recover=True), model, rows)
                assert list(Store.open(path, recover=True).damages()) == []


def commits_of(path):
    return [commit for _, commit in commits(path)]


def check_names(store, model, rows):
    assert len(store) == rows
    assert store.names[:] == model.names[:rows]
    assert store.labels[:] == model.labels[:rows]
    assert store.meta[:] == model.meta[:rows]
    assert len(store.rows[0:rows]) == rows


def test_labels_cut_anywhere(tmp_path):
    path = tmp_path / "faces"
    with Store.create(path, 1, durability="os") as store:
        for start in range(0, 600, 100):
            names = [f"a person with number {number}" for number in range(start, start + 100)]
            store.append(np.ones((100, 1), np.float32), names, names)
    for name in ("labels", "label-ends"):
        shutil.copytree(path, tmp_path / name)
        file = tmp_path / name / name
        ends = [commit.end(name) for commit in commits_of(path)]
        whole = located(path)
        with file.open("r+b") as handle:
            for left in range(ends[-1] - 1, max(ends[-1] - 1 - CUTS, -1), -1):
                handle.truncate(left)
                assert missing(tmp_path / name, whole).found == f"{left} bytes"
                if left % 8:
                    continue
                with pytest.raises(StoreError) as caught:
                    located(tmp_path / name)
                assert caught.value.file == str(file)
                assert caught.value.found == f"{left} bytes"
                rows = 100 * sum(end <= left for end in ends[1:])
                assert f"({rows} rows open" in caught.value.expected


def test_a_log_cut_anywhere(make):
    """A cut log is a log of fewer appends, as it was when they were not written yet."""
    path, model = make([1] * 40)
    with (path / "log").open("r+b") as handle:
        for left in range(41 * RECORD - 1, 41 * RECORD - 1 - CUTS, -1):
            handle.truncate(left)
            rows = left // RECORD - 1
            store = Store.open(path)
            assert len(store) == rows
            if left % RECORD in (0, RECORD - 1):
                model.check(store, rows)
                assert store.uncommitted()["rows"] == 16 * (40 - rows)


def test_checks_cut_anywhere(make):
    """The checksums of 270 appends, more than 4,096 bytes; each cut is opened or looked into."""
    path, _ = make([1] * 270, dim=1)
    ends = [commit.end("checks") for commit in commits_of(path)]
    whole = located(path)
    assert ends[-1] > CUTS
    last = 270
    with (path / "checks").open("r+b") as handle:
        for left in range(ends[-1] - 1, ends[-1] - 1 - CUTS, -1):
            handle.truncate(left)
            last -= left < ends[last]
            assert missing(path, whole).where == f"byte {left}"
            if left % 64 == 0:
                with pytest.raises(StoreError, match=f"checks, byte {left}: found {left} bytes"):
                    located(path)
                assert salvaged(path).rows == last


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "file"])
def test_paths_that_can_be_no_store(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        Store.open(tmp_path / name)
    with pytest.raises((StoreError, InputError)):
        Store.create(tmp_path / name, 4)
