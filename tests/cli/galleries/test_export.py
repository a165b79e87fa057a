"""``gallery export``: a file that others read."""

from __future__ import annotations

import numpy as np

from zqcnn_xp.gallery.store import Store


def test_an_array_with_names(cli, gallery):
    result = gallery("export", "f.npy", "--names", "names.txt")
    assert result.code == 0
    assert "20 rows written to f.npy" in result.err
    with Store.open(cli.folder / "g") as store:
        np.testing.assert_array_equal(np.load(cli.folder / "f.npy"), store.rows[0:20])
        names = (cli.folder / "names.txt").read_text().splitlines()
        assert names == store.names[:]


def test_no_such_format(gallery):
    result = gallery("export", "f.words")
    assert result.code == 2
    assert "f.words" in result.err
