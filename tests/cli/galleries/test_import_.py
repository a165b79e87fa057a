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


def test_lengths(cli, gallery):
    rows = np.random.default_rng(0).normal(size=(9, 32)).astype(np.float32)
    rows[4] = 0
    np.save(cli.folder / "f.npy", rows)
    plain = gallery("import", "f.npy")
    assert plain.code == 0
    assert "--normalise" in plain.err
    cli("gallery", "create", "h", "--dim", "32")
    scaled = cli("gallery", "import", "h", "f.npy", "--normalise")
    assert scaled.code == 0
    assert "warning" not in scaled.err
    found, _ = content(cli.folder / "h")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(found, rows / np.where(lengths, lengths, 1), atol=1e-6)
    cli("gallery", "create", "k", "--dim", "31")
    assert cli("gallery", "import", "k", "f.npy", "--normalise").code == 2
    assert cli("gallery", "info", "k", "--json").document["features"] == 0


def test_persons_of_folders(cli, gallery):
    names = ["people/Ann/0.png", "people\\Bo\\1.png", "alone.png", "people/Bo/2.png"]
    rows = np.eye(4, 32, dtype=np.float32)
    np.savez(cli.folder / "f.npz", features=rows, names=names)
    cli("gallery", "create", "h", "--dim", "32")
    plain = cli("gallery", "import", "h", "f.npz")
    assert "4 of them are of nobody" in plain.err
    assert "--folders" in plain.err
    assert content(cli.folder / "h")[1] == [None] * 4
    cli("gallery", "create", "k", "--dim", "32")
    result = cli("gallery", "import", "k", "f.npz", "--folders", "--json")
    assert result.document["nobody"] == 1
    assert "--folders" not in result.err
    assert content(cli.folder / "k")[1] == ["Ann", "Bo", None, "Bo"]
    np.savez(cli.folder / "g.npz", features=rows, names=names, labels=["Eve", "", "Eve", ""])
    cli("gallery", "import", "k", "g.npz", "--folders")
    assert content(cli.folder / "k")[1][4:] == ["Eve", "Bo", "Eve", "Bo"]
