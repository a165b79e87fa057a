"""Plain values and JSON: what is written comes back bit for bit, what is no result is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zqcnn_xp.cli.detect import face_document
from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.faces import Faces

RNG = np.random.default_rng(5)


def made(n: int = 3) -> Faces:
    extra = {
        "embedding": RNG.standard_normal((n, 8)).astype(np.float32),
        "age": np.arange(n) + 30,
        "weight": RNG.random(n),  # float64 that float32 does not hold
        "known": np.arange(n) % 2 == 0,
        "name": np.array([f"p{i}" for i in range(n)]),
    }
    box, score = RNG.random((n, 4)) * 900 - 9, RNG.random(n)
    points = RNG.random((n, 5, 2)) * 900, RNG.random((n, 106, 2)) * 900
    return Faces(box, score, *points, extra=extra)


def assert_same(found: Faces, wanted: Faces) -> None:
    assert repr(found) == repr(wanted)
    for name in ("bbox", "det_score", "kps", "landmark_2d_106", *wanted.extra):
        one, two = getattr(found, name), getattr(wanted, name)
        if two is None:
            assert one is None
            continue
        assert one.dtype == two.dtype, name
        np.testing.assert_array_equal(one, two, err_msg=name)


@pytest.mark.parametrize("indent", [None, 2])
def test_round_trip(indent):
    faces = made()
    assert_same(Faces.from_dict(faces.to_dict()), faces)
    assert_same(Faces.from_json(faces.to_json(indent)), faces)
    assert_same(Faces.from_json(faces.to_json().encode()), faces)
    assert_same(Faces.from_json(faces[:1].to_json()), faces[:1])
    assert_same(Faces.from_dict(list(faces)), faces)


def test_the_command_lines_document_comes_back():
    faces = Faces(RNG.random((4, 4)) * 500, RNG.random(4), RNG.random((4, 5, 2)) * 500)
    image = {"path": "a.jpg", "width": 9, "height": 9, "faces": face_document(faces)}
    assert_same(Faces.from_json(json.dumps(image)), faces)
    assert_same(Faces.from_dict(image), faces)
    assert len(Faces.from_dict({**image, "faces": []})) == 0


def test_no_faces():
    for found in (Faces.from_json("[]"), Faces.from_dict([]), Faces.from_json(b'{"faces": []}')):
        assert_same(found, Faces.empty())
    assert Faces.empty(landmarks=5).to_dict() == []


GOOD = {"bbox": [0, 0, 9, 9], "det_score": 0.5}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "found NoneType, expected a list of faces"),
        (None, "found NoneType"),
        ("faces", "found str"),
        ({"backend": "numpy", "images": []}, "an entry of its 'images'"),
        ({"path": "a", "error": "a: no image"}, "an image without a result: a: no image"),
        ([3], "face 0 is a int, expected a dictionary"),
        ([GOOD, {"bbox": [0, 0, 1, 1]}], "face 1 has no det_score"),
        ([GOOD, {**GOOD, "age": 3}], "face 1 has bbox, det_score, age, expected bbox, det_score"),
        ([{**GOOD, "kps": [[1, 2]] * 5}, GOOD], "face 1 has bbox, det_score, expected"),
        ([{**GOOD, "bbox": [0, 0, 9]}], r"bbox has shape \(1, 3\)"),
        ([GOOD, {**GOOD, "bbox": [0, 0, 9]}], "bbox: the faces' values do not make one array"),
        ([{**GOOD, "det_score": "0.5"}], "det_score: found '0.5', expected numbers"),
        ([{**GOOD, "det_score": None}], "det_score: found None, expected numbers"),
        ([{**GOOD, "det_score": True}], "det_score: found True, expected numbers"),
        ([{**GOOD, "age": {"years": 3}}], "age: found .*, expected numbers"),
        ([{**GOOD, "age": 10**400}], "age: found 1000"),
        ([{**GOOD, "to_json": 3}], "'to_json' is taken"),
        ([{**GOOD, "extra": 3}], "'extra' is taken"),
        ([{**GOOD, 3: 3}], "face 0 has a quantity 3, expected names"),
        ([{**GOOD, "a b": 3}], "'a b' is taken or no identifier"),
    ],
)
def test_what_is_no_result(document, message):
    with pytest.raises(InputError, match=message):
        Faces.from_dict(document)


@pytest.mark.parametrize("text", ["", "[", b"\xff\xfe\xff", "[" * 100_000])
def test_what_is_no_json(text):
    with pytest.raises(InputError, match="found no JSON"):
        Faces.from_json(text)


def test_what_json_has_not():
    with pytest.raises(InputError, match="cannot be JSON"):
        Faces([[0, 0, 9, np.nan]], [0.5]).to_json()
    with pytest.raises(InputError, match="cannot be JSON"):
        Faces([[0, 0, 9, 9]], [0.5], extra={"z": [1j]}).to_json()
