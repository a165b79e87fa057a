"""A writer's files: checksums of what an append adds, and files that cannot be closed."""

import errno
from io import FileIO
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import StoreError
from zqcnn_xp.gallery.store import Store, files
from zqcnn_xp.gallery.store.files import Growth


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 50))
def test_checksums_do_not_depend_on_the_pieces(parts, chunk):
    usual, files.CHUNK = files.CHUNK, chunk
    try:
        growth = Growth(100)
        for part in parts:
            growth.add(memoryview(part))
    finally:
        files.CHUNK = usual
    whole = b"".join(parts)
    assert growth.end == 100 + len(whole)
    assert growth.sums == [crc32(whole[at : at + chunk]) for at in range(0, len(whole), chunk)]


class Late(FileIO):
    """Says at the end that it has kept nothing, as a file system of a network may."""

    def close(self):
        if not self.closed:
            super().close()
            raise OSError(errno.EDQUOT, "Disk quota exceeded")


def test_a_file_that_says_at_its_end_that_it_failed_leaves_nothing_open(tmp_path, monkeypatch):
    Store.create(tmp_path / "faces", 2).close()
    opened = files.opened

    def late(path, mode):
        return Late(path, mode) if path.name in ("rows", "texts") else opened(path, mode)

    with monkeypatch.context() as patch:
        patch.setattr(files, "opened", late)
        store = Store.open(tmp_path / "faces", "a", durability="os")
    store.append(np.eye(2, dtype=np.float32), ["a", "b"])
    with pytest.raises(StoreError, match="rows: found 'disk quota exceeded'"):
        store.close()
    store.close()
    # The lock is free.
    with Store.open(tmp_path / "faces", "a") as again:
        assert len(again) == 2
