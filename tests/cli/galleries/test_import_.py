"""``gallery import`` and ``export``: features come back as they were."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.gallery.store import Store


def content(folder):
    with Store.open(folder) as store:
        return store.rows[0 : len(store)].copy(), store.labels[:]


@pytest.mark.parametrize(
    "file", [("f.npz",), ("f.bin", "--format", "zqcnn", "--names", "people.txt")], ids=str
)
def test_there_and_back(cli, gallery, file):
    assert gallery("export", *file, "--json").document["rows"] == 20
    assert cli("gallery", "create", "h", "--dim", "32").code == 0
    result = cli("gallery", "import", "h", *file, "--json")
    assert result.code == 0, result.err
    assert result.document["rows"] == 20
    (one, labels), (other, again) = (content(cli.folder / name) for name in "gh")
    np.testing.assert_array_equal(one, other)
    assert labels == again
    twice = cli("gallery", "import", "h", *file)
    assert "20 rows of" in twice.err
    assert "40 in all" in twice.err


def test_what_does_not_fit(cli, gallery):
    np.save(cli.folder / "f.npy", np.zeros((2, 31), np.float32))
    result = gallery("import", "f.npy")
    assert result.code == 2
    assert "31" in result.err
    (cli.folder / "g.npy").write_bytes(b"words")
    assert gallery("import", "g.npy").code == 1
    assert gallery("info", "--json").document["features"] == 20
