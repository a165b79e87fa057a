from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.faces import Face, Faces


def _faces(n: int = 3, **more: object) -> Faces:
    rng = np.random.default_rng(n)
    return Faces(rng.random((n, 4)), rng.random(n), **more)  # type: ignore[arg-type]


def test_empty_has_shapes_and_dtypes() -> None:
    faces = Faces.empty(landmarks=5)
    assert len(faces) == 0
    assert list(faces) == []
    assert faces.bbox.shape == (0, 4)
    assert faces.bbox.dtype == np.float32
    assert faces.det_score.shape == (0,)
    assert faces.kps is not None
    assert faces.kps.shape == (0, 5, 2)
    assert faces.landmark_2d_106 is None
    assert faces.to_json() == "[]"
    assert len(faces[[]]) == 0


def test_indexing() -> None:
    kps = np.arange(30.0).reshape(3, 5, 2)
    faces = _faces(3, kps=kps, extra={"age": [1, 2, 3]})
    face = faces[-1]
    assert isinstance(face, Face)
    np.testing.assert_array_equal(face.kps, kps[2])
    assert face.age == 3
    assert face["det_score"] == pytest.approx(float(faces.det_score[2]))
    np.testing.assert_array_equal(faces[[2, 0]].age, [3, 1])
    np.testing.assert_array_equal(faces[faces.age > 1].bbox, faces.bbox[1:])
    assert len(faces[1:]) == 2
    with pytest.raises(IndexError, match="face 3 of 3"):
        faces[3]


def test_unknown_and_absent_attributes_raise() -> None:
    faces = _faces()
    with pytest.raises(AttributeError, match="no 'embeding'"):
        _ = faces.embeding
    with pytest.raises(AttributeError, match="no 'kps'"):
        _ = faces[0].kps
    with pytest.raises(AttributeError):
        faces.boxes = 1  # type: ignore[attr-defined]


def test_copy() -> None:
    faces = _faces(2, extra={"age": [1, 2]})
    np.testing.assert_array_equal(copy.deepcopy(faces).age, [1, 2])
    assert copy.copy(faces[0]).age == 1


def test_merge_keeps_what_all_parts_have() -> None:
    one = _faces(2, kps=np.zeros((2, 5, 2)), extra={"age": [1, 2]})
    two = _faces(1, extra={"age": [3]})
    merged = Faces.merge([one, Faces.empty(), two])
    assert merged.kps is None
    np.testing.assert_array_equal(merged.age, [1, 2, 3])
    assert len(Faces.merge([])) == 0
    assert Faces.merge([Faces.empty(landmarks=5)]).kps is not None
    assert Faces.merge([one, Faces.empty()]).kps is not None


def test_json() -> None:
    faces = _faces(2, kps=np.ones((2, 5, 2)), extra={"age": np.array([1, 2])})
    out = json.loads(faces.to_json())
    assert out == faces.to_dict()
    assert set(out[0]) == {"bbox", "det_score", "kps", "age"}
    assert out[1]["kps"] == [[1.0, 1.0]] * 5
    assert out[1]["age"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((3,), (3,)), r"bbox has shape \(3,\)"),
        (((3, 5), (3,)), "expected \\(n, 4\\)"),
        (((3, 4), (2,)), "det_score has shape"),
        (((3, 4), (3,), (3, 4, 2)), "kps has shape"),
        (((3, 4), (3,), None, (2, 106, 2)), "landmark_2d_106 has shape"),
    ],
)
def test_wrong_shapes(arguments: tuple[tuple[int, ...] | None, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Faces(*(None if a is None else np.zeros(a) for a in arguments))  # type: ignore[arg-type]


@pytest.mark.parametrize("extra", [{"bbox": [1]}, {"to_json": [1]}, {"age": [1, 2]}, {"a b": [1]}])
def test_wrong_extras(extra: dict[str, list[int]]) -> None:
    with pytest.raises(InputError, match="extra"):
        _faces(1, extra=extra)
