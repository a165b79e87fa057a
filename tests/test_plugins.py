"""Entry points: read once, and again when something was installed."""

from __future__ import annotations

import os
import sys

from zqcnn_xp import plugins
from zqcnn_xp.plugins import entry_points


def install(folder, name):
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[some.group]\n{name} = {name}:thing\n")
    # The clock of a file system may be coarser than a test is quick.
    os.utime(folder, ns=(1, len(list(folder.iterdir()))))


def names():
    return {point.name for point in entry_points(group="some.group")}


def test_what_is_installed_later_is_found(tmp_path, monkeypatch):
    assert names() == set()
    install(tmp_path, "one")
    monkeypatch.syspath_prepend(tmp_path)
    assert names() == {"one"}
    install(tmp_path, "two")
    assert names() == {"one", "two"}
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    assert names() == set()


def test_metadata_is_read_once(monkeypatch):
    reads = []

    def read():
        reads.append(1)
        return found()

    found = plugins.read_entry_points
    monkeypatch.setattr(plugins, "read_entry_points", read)
    plugins._read.cache_clear()
    for _ in range(3):
        assert {"numpy", "llvm"} <= {p.name for p in entry_points(group="zqcnn_xp.backends")}
        assert "zqcnn" in {p.name for p in entry_points(group="zqcnn_xp.formats")}
    assert reads == [1]


def test_paths_that_are_no_folders(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, "", "/no/such/folder"])
    assert "numpy" in {point.name for point in entry_points(group="zqcnn_xp.backends")}
