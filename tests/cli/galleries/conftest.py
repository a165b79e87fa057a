"""A small network that tells made-up persons apart, their photos, and a gallery of them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.cli import main

NET = """\
Input name=data C=3 H=112 W=112
Pooling name=pool bottom=data top=pool pool=AVE kernel_size=16 stride=16
InnerProduct name=fc1 bottom=pool top=fc1 num_output=32
"""
PEOPLE = ("Ann", "Bo", "Cy", "Di")


class Faces:
    """Crops of made-up persons: a pattern each, with noise."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.patterns = {
            name: self.random.integers(20, 236, (7, 7, 3)) for name in (*PEOPLE, "Eve")
        }

    def save(self, path: Path, person: str, noise: float = 25) -> None:
        blocks = self.patterns[person].repeat(16, axis=0).repeat(16, axis=1)
        shift = self.random.normal(0, noise, (7, 7, 3)).repeat(16, axis=0).repeat(16, axis=1)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((blocks + shift).clip(0, 255).astype(np.uint8)).save(path)


class InProcess:
    """The command line without a process for each call; ``process`` starts one."""

    def __init__(self, process, capsys) -> None:
        self.process = process
        self.folder = process.folder
        self._capsys = capsys

    def __call__(self, *args):
        self._capsys.readouterr()
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as stop:  # argparse
            code = stop.code
        return Result(code, *self._capsys.readouterr())


class Result:
    def __init__(self, code, out, err) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self):
        assert self.out, self.err
        return json.loads(self.out)


@pytest.fixture
def cli(cli, capsys, monkeypatch):
    """Run ``zqcnn-xp`` in the test's folder, many times quickly."""
    monkeypatch.chdir(cli.folder)
    for name in os.environ:
        if "ZQCNN_XP" in name and name != "ZQCNN_XP_TEST_DATA":
            monkeypatch.delenv(name)
    return InProcess(cli, capsys)


@pytest.fixture
def faces():
    return Faces()


@pytest.fixture
def model(tmp_path):
    """Arguments that name the network."""
    (tmp_path / "net.zqparams").write_text(NET)
    weights = np.random.default_rng(1).normal(size=32 * 147).astype("<f4")
    (tmp_path / "net.nchwbin").write_bytes(weights.tobytes())
    return ("--model", "net.zqparams", "net.nchwbin", "--recipe", "mobilefacenet-caffe")


@pytest.fixture
def gallery(cli, model, faces):
    """Call a gallery command on ``g``, which has five photos of four persons each."""
    for person in PEOPLE:
        for number in range(5):
            faces.save(cli.folder / "known" / person / f"{number}.png", person)
    assert cli("gallery", "create", "g", *model).code == 0
    added = cli("gallery", "add", "g", "known", "--aligned", "--json")
    assert added.code == 0, added.err
    assert added.document["added"] == 20

    def run(command, *args):
        return cli("gallery", command, "g", *args)

    return run


@pytest.fixture(scope="session")
def lfw(shared_data, tmp_path_factory):
    """Some 40 persons of LFW with four crops each: three known, one to ask for; and the network."""
    import zipfile

    folder = tmp_path_factory.mktemp("lfw")
    by_person: dict[str, list[str]] = {}
    with zipfile.ZipFile(shared_data / "lfw" / "lfw-112x112.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".jpg"):
                by_person.setdefault(name.split("/")[0], []).append(name)
        people = [person for person, names in by_person.items() if 4 <= len(names) <= 12]
        for person in people[::9][:40]:
            for number, name in enumerate(by_person[person][:4]):
                path = folder / ("probes" if number == 3 else "known") / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))
    net = shared_data / "mxnet" / "mobilefacenet"
    for file in ("model-symbol.json", "model-0000.params"):
        shutil.copy(net / file, folder)
    return folder
