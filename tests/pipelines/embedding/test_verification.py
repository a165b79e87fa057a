"""Verification: similarity, the threshold in force, and what it refuses to decide."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.errors import ImageError, InputError, ShapeError
from zqcnn_xp.pipelines import Faces
from zqcnn_xp.pipelines.embedding import Embedder, Verification, verify
from zqcnn_xp.pipelines.embedding.verification import DEFAULT_EMBEDDER
from zqcnn_xp.vision.templates import get_template
from zqcnn_xp_models import load_card, mobilefacenet, sphereface


@pytest.fixture(scope="module")
def one():
    return Embedder(sphereface.build(), color="bgr", mean=127.5, scale=0.0078125, backend="numpy")


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(0).integers(0, 256, (2, 112, 96, 3), np.uint8)


class Fixed:
    """A detector that finds so many faces, each larger and further right than the last."""

    def __init__(self, *counts: int, points: bool = True) -> None:
        self.counts = list(counts)
        self.points = points

    def detect(self, image):
        n = self.counts.pop(0)
        scale = 1 + 0.2 * np.arange(n)
        kps = (
            get_template("sphereface").points * scale[:, None, None]
            + 30 * np.arange(n)[:, None, None]
        )
        boxes = np.stack([kps[:, 0, 0], kps[:, 0, 1], kps[:, 4, 0], kps[:, 4, 1]], axis=1)
        return Faces(boxes, np.linspace(0.9, 0.8, n), kps if self.points else None)


def test_crops_are_compared_by_cosine(one, crops):
    a, b = one.embed(crops).astype(np.float64)
    found = verify(*crops, embedder=one, aligned=True, threshold=0.5)
    assert found.similarity == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert found.same == (found.similarity >= 0.5)
    assert (found.threshold, found.far, found.faces) == (0.5, None, (1, 1))
    assert verify(crops[0], crops[0], embedder=one, aligned=True, threshold=1 - 1e-6)


def test_without_an_operating_point_nothing_is_decided(one, crops):
    found = verify(*crops, embedder=one, aligned=True)
    assert (found.same, found.threshold, found.decided) == (None, None, False)
    with pytest.raises(InputError, match="decides nothing: give threshold="):
        bool(found)
    with pytest.raises(InputError, match="found far= and threshold="):
        verify(*crops, embedder=one, aligned=True, far=1e-3, threshold=0.3)
    with pytest.raises(InputError, match="threshold=3"):
        verify(*crops, embedder=one, aligned=True, threshold=3)


def test_the_card_says_what_the_threshold_rests_on(crops, one, monkeypatch):
    card = load_card("mobilefacenet-ncnn")
    monkeypatch.setattr(
        "zqcnn_xp.pipelines.embedding.verification.find_point",
        lambda embedder, far: next(p for p in card.operating_points if p.far == (far or 1e-3)),
    )
    found = verify(*crops, embedder=one, aligned=True)
    assert (found.threshold, found.far, found.tar) == (0.318, 1e-3, 0.981)
    assert "LFW" in found.dataset
    assert "arcface template" in found.protocol
    assert verify(*crops, embedder=one, aligned=True, far=1e-2).threshold == 0.249
    document = json.loads(json.dumps(found.to_dict()))
    assert document["faces"] == [1, 1]
    assert document["boxes"] == [None, None]
    assert set(document) == set(Verification.__dataclass_fields__)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"far": "0.1"}, "far='0.1': expected a share"),
        ({"far": True}, "far=True"),
        ({"threshold": "0.3"}, "threshold='0.3': expected a cosine"),
        ({"threshold": True}, "threshold=True"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"detector": object(), "aligned": False}, r"expected an object with detect\(image\)"),
    ],
)
def test_arguments_of_another_type_are_told(one, crops, given, words):
    with pytest.raises(InputError, match=words):
        verify(*crops, embedder=one, **{"aligned": True, **given})


def test_a_detector_that_returns_no_faces_is_told(one, crops):
    class Boxes:
        def detect(self, image):
            return [[0, 0, 9, 9]]

    with pytest.raises(InputError, match="detector: found a list from it, expected Faces"):
        verify(*crops, embedder=one, detector=Boxes())


def test_crops_of_another_size(one, crops):
    large = crops.repeat(2, axis=1).repeat(2, axis=2)
    with pytest.raises(ShapeError, match="resize=True"):
        verify(large[0], crops[0], embedder=one, aligned=True)
    found = verify(large[0], crops[0], embedder=one, aligned=True, resize=True)
    assert found.similarity == pytest.approx(1)


def test_the_default_states_its_rate(crops, monkeypatch):
    """SFace's measured threshold counts, not the published one that states no rate."""
    card = load_card(DEFAULT_EMBEDDER)
    graph = mobilefacenet.build("y1")
    (name,) = graph.outputs
    net = replace(graph, blobs={**graph.blobs, next(iter(card.outputs)): name})
    sface = Embedder(net, backend="numpy", recipe=DEFAULT_EMBEDDER)
    sface.card = card
    faces = np.zeros((2, 112, 112, 3), np.uint8)
    found = verify(*faces, embedder=sface, aligned=True)
    assert (found.threshold, found.far, found.tar) == (0.357, 1e-3, 0.984)
    assert "8 pixels left" in found.protocol
    published = verify(*faces, embedder=sface, aligned=True, far="published")
    assert (published.threshold, published.far) == (0.363, None)


def test_the_face_that_is_meant(one):
    image = np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8)
    found = verify(image, image, embedder=one, detector=Fixed(2, 1), pick="largest")
    assert found.faces == (2, 1)
    assert found.boxes[0] != found.boxes[1]
    best = verify(image, image, embedder=one, detector=Fixed(2, 1), pick="best")
    assert best.boxes[0] == best.boxes[1]
    assert best.similarity == pytest.approx(1)
    assert found.similarity < 0.999
    with pytest.raises(InputError, match="the first image: found 2 faces, expected one; pick="):
        verify(image, image, embedder=one, detector=Fixed(2, 1), pick="only")
    with pytest.raises(InputError, match="pick='first'"):
        verify(image, image, embedder=one, pick="first")


def test_an_image_without_a_face_is_named(one, tmp_path):
    image = np.zeros((90, 80, 3), np.uint8)
    path = tmp_path / "empty.png"
    Image.fromarray(image).save(path)
    with pytest.raises(InputError, match=r"empty\.png: found no face"):
        verify(image, path, embedder=one, detector=Fixed(1, 0))
    with pytest.raises(InputError, match="the first image: found no face"):
        verify(image, image, embedder=one)
    with pytest.raises(InputError, match="without five points"):
        verify(image, image, embedder=one, detector=Fixed(1, 1, points=False))
    with pytest.raises(ImageError, match=r"absent\.jpg"):
        verify(tmp_path / "absent.jpg", path, embedder=one)


def test_the_default_may_be_used_commercially():
    card = load_card(DEFAULT_EMBEDDER)
    assert card.commercial
    assert card.operating_points


def test_what_is_printed():
    plain = Verification(similarity=0.5, same=None)
    assert str(plain).split("\n") == [
        "answer             not decided",
        "similarity         0.5000",
    ]
    measured = {"dataset": "LFW", "protocol": "pairs", "source": "us", "model": "net"}
    found = Verification(0.25, False, threshold=0.357, far=0.001, **measured)
    assert [line.split("  ")[0] for line in str(found).split("\n")] == [
        *("answer", "similarity", "threshold", "false-accept rate", "true-accept rate"),
        *("measured on", "protocol", "network"),
    ]
    assert "different people" in str(found)
    assert "false-accept rate  0.001" in str(found)
    assert "true-accept rate   not stated" in str(found)
    assert eval(repr(found)) == found
    html = Verification(0.25, False, 0.357, model="<net>")._repr_html_()
    assert "<td>network</td><td>&lt;net&gt;</td>" in html


@pytest.mark.parametrize(
    ("similarity", "shown"),
    [(0.36299, "0.36299"), (0.363, "0.3630"), (0.3630001, "0.3630"), (0.2, "0.2000")],
)
def test_the_printed_similarity_is_on_its_side_of_the_threshold(similarity, shown):
    found = Verification(similarity, similarity >= 0.363, threshold=0.363)
    assert f"similarity         {shown}\n" in str(found)
