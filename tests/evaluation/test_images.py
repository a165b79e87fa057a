"""Images of a set: from folders and archives, missing and damaged ones said."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation import image_places as module
from zqcnn_xp.evaluation.images import Crops, open_images


def png(value, size=8):
    file = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


FILES = {"Ann/Ann_0001.png": png(1), "Ann/Ann_0002.png": png(2), "Bob/Bob_0001.jpg": png(3)}


TOPS = {"archive": "", "archive with a top folder": "lfw/", "with two": "data/lfw 112/"}


@pytest.fixture(params=["folder", *TOPS])
def place(request, tmp_path):
    if request.param == "folder":
        for name, data in FILES.items():
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "set"
    top = TOPS[request.param]
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in FILES.items():
            file.writestr(top + name, data)
    return tmp_path / "set.zip"


def test_found_read_and_decoded(place):
    with open_images(place) as images:
        names = ["Bob/Bob_0001.jpg", "Ann/Ann_0002.jpg"]  # the second has another suffix
        assert images.available([*names, "Eve/Eve_0001.jpg"]) == names
        crops = Crops(images, names)
        assert len(crops) == 2
        assert [crop[0, 0].tolist() for crop in crops] == [[3] * 3, [2] * 3]
        assert crops.found == names
        assert not crops.damaged


@pytest.mark.parametrize("top", ["", "lfw/"])
def test_archives_of_other_systems(tmp_path, top):
    with zipfile.ZipFile(tmp_path / "mac.zip", "w") as file:
        file.writestr(f"__MACOSX/{top}Ann/._Ann_0001.png", b"not an image")
        for name, data in FILES.items():
            file.writestr(top + name, data)
        file.writestr(f"__MACOSX/{top}Ann/._Ann_0002.png", b"not an image")
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as file:
        for name, data in FILES.items():
            file.writestr((top + name).replace("/", "\\"), data)
    for kind in ("mac", "windows"):
        with open_images(tmp_path / f"{kind}.zip") as images:
            assert images.available([*FILES, "Ann/._Ann_0001.png"]) == list(FILES)
            assert len(list(Crops(images, list(FILES)))) == 3


def test_an_ending_that_is_no_suffix_of_images(tmp_path):
    (tmp_path / "1.jpg").write_bytes(png(1))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("1.jpg", png(1))
    for place in (tmp_path, tmp_path / "a.zip"):
        with open_images(place) as images:
            # "1.2" is another image than "1.jpg", not the same with another suffix
            assert images.available(["1.2", "1.png", "1"]) == ["1.png", "1"]


def test_missing_and_damaged(place):
    with open_images(place) as images:
        if place.is_dir():
            (place / "Ann" / "Ann_0002.png").write_bytes(FILES["Ann/Ann_0002.png"][:45])
        names = ["Ann/Ann_0001.png", "Eve/Eve_0001.jpg", "Ann/Ann_0002.png"]
        with pytest.raises(DatasetError, match=r"Eve/Eve_0001.jpg: found no such image"):
            list(Crops(images, names))
        crops = Crops(images, names, allow_missing=True, max_pixels=64)
        count = len(list(crops))
        assert count == len(crops.found) == (1 if place.is_dir() else 2)
        assert "found no such image" in crops.damaged["Eve/Eve_0001.jpg"]
        if place.is_dir():
            assert "found a bad image (found a damaged PNG" in crops.damaged["Ann/Ann_0002.png"]
        tight = Crops(images, names[:1], max_pixels=63)
        with pytest.raises(DatasetError, match=r"a bad image \(found 8x8 pixels, expected at most"):
            list(tight)


def test_what_is_neither(tmp_path):
    with pytest.raises(InputError, match=r"found nothing there, expected a folder or a \.zip"):
        open_images(tmp_path / "none")
    (tmp_path / "a.tar").write_bytes(b"x")
    with pytest.raises(InputError, match="found a file of another kind"):
        open_images(tmp_path / "a.tar")
    with pytest.raises(OSError, match=r"none\.zip"):
        open_images(tmp_path / "none.zip")
    (tmp_path / "a.zip").write_bytes(b"x" * 100)
    with pytest.raises(DatasetError, match="a damaged archive"):
        open_images(tmp_path / "a.zip")


def test_an_image_that_inflates_too_far(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MAX_BYTES", 1 << 16)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", bytes(1 << 20))
    with open_images(path) as images, pytest.raises(DatasetError, match="1,048,576 bytes, expec"):
        list(Crops(images, ["a.png"]))
    # one that says less than it holds
    lie = path.read_bytes().replace((1 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    path.write_bytes(lie)
    with open_images(path) as images, pytest.raises(DatasetError, match=r"a\.png"):
        list(Crops(images, ["a.png"]))


def test_names_of_members_lead_nowhere(tmp_path):
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("../up.png", "/abs.png", "a/../../b.png", "deep/" * 200 + "x.png"):
            file.writestr(name, png(5))
    before = sorted(tmp_path.rglob("*"))
    with open_images(path) as images:
        assert len(list(Crops(images, ["../up.png"]))) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_mutants_of_an_archive(damage, tmp_path):
    import random

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    whole, rng, path = file.getvalue(), random.Random(0), tmp_path / "mutant.zip"
    outcomes = {"good": 0, "refused": 0, "damaged": 0}
    for _ in range(2000):
        path.write_bytes(damage.mutate(rng, whole))
        try:
            with open_images(path) as images:
                crops = Crops(images, list(FILES), allow_missing=True)
                list(crops)
        except DatasetError:
            outcomes["refused"] += 1
        else:
            outcomes["damaged" if crops.damaged else "good"] += 1
    assert min(outcomes.values()) > 100, outcomes


def test_the_set_of_lfw(shared_data):
    with open_images(shared_data / "lfw" / "lfw-112x112.zip") as images:
        names = ["AJ_Cook/AJ_Cook_0001.jpg", "Aaron_Guiel/Aaron_Guiel_0001.png"]
        assert [crop.shape for crop in Crops(images, names)] == [(112, 112, 3)] * 2
