"""Photos of two people from the face-recognition package, from files to decisions.

The package's archive is fetched by pip into pytest's cache, and is never part of this project.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from itertools import combinations
from pathlib import Path

import pytest

from zqcnn_xp.pipelines import MTCNN
from zqcnn_xp.pipelines.embedding import Embedder, verify
from zqcnn_xp_models import load_card

PACKAGE = "face-recognition==1.3.0"
PHOTOS = {"obama.jpg": "O", "obama2.jpg": "O", "obama3.jpg": "O", "biden.jpg": "B"}


@pytest.fixture(scope="module")
def photos(request, tmp_path_factory) -> dict[str, Path]:
    """Return the photos by name, or skip with what pip said."""
    held = getattr(request.config, "cache", None)
    folder = held.mkdir("photos") if held is not None else tmp_path_factory.mktemp("photos")
    root = folder / "face_recognition-1.3.0" / "tests" / "test_images"
    if not all((root / name).is_file() for name in PHOTOS):
        options = ["-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation"]
        options += ["--no-binary", ":all:", "--timeout", "15", "--retries", "1", "-d", str(folder)]
        try:
            done = subprocess.run(
                [sys.executable, *options, PACKAGE], capture_output=True, timeout=240, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"{PACKAGE} cannot be had: no answer within two minutes")
        archives = list(folder.glob("face[-_]recognition-1.3.0.tar.gz"))
        if not archives:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or [
                "pip said nothing"
            ]
            pytest.skip(f"{PACKAGE} cannot be had: {lines[-1]}")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(folder, filter="data")
    return {name: root / name for name in PHOTOS}


@pytest.mark.parametrize("flip", ["none", "sum"])
def test_the_threshold_of_lfw_tells_people_apart(photos, mobilefacenet, flip):
    embedder = Embedder(mobilefacenet.session, recipe=mobilefacenet.recipe, flip=flip)
    # The network of the card, from files that lie elsewhere: its operating points hold.
    embedder.card = load_card("mobilefacenet-mxnet")
    detector = MTCNN(backend="numpy", threads=1, min_face=60)
    for a, b in combinations(PHOTOS, 2):
        found = verify(photos[a], photos[b], embedder=embedder, detector=detector, far=1e-3)
        # Measured: 0.73 to 0.78 for one person, 0.03 to 0.13 for two.
        assert found.similarity > 0.6 if found.same else found.similarity < 0.2
        assert found.same == (PHOTOS[a] == PHOTOS[b]), (a, b, found)
        assert found.threshold == {"none": 0.318, "sum": 0.3383}[flip]
        assert found.faces == (1, 1)


def test_all_photos_in_one_call(photos, mobilefacenet):
    detector = MTCNN(backend="numpy", threads=1, min_face=60)
    found = [detector.detect(photo) for photo in photos.values()]
    assert [len(faces) for faces in found] == [1] * len(photos)
    rows = mobilefacenet.embed_faces(list(photos.values()), found, normed=True)
    for row, photo, faces in zip(rows, photos.values(), found, strict=True):
        (alone,) = mobilefacenet.embed_faces(photo, faces, normed=True)
        assert row @ alone > 1 - 1e-5
