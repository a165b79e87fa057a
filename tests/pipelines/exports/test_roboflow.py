"""supervision's own types, with what its annotators and filters need."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, PackageMissing
from zqcnn_xp.pipelines.faces import Faces

BOX = np.array([[20.0, 20, 60, 70], [70, 10, 95, 40]])
KPS = np.array([[[30.0, 35], [50, 35], [40, 45], [33, 58], [47, 58]]] * 2)
KPS[1] += 20


@pytest.fixture
def supervision():
    return pytest.importorskip("supervision")


def test_detections(supervision):
    extra = {"embedding": np.eye(2, 8, dtype=np.float32)}
    faces = Faces(BOX, [0.9, 0.5], KPS, extra=extra)
    found = faces.to_supervision()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_array_equal(found.xyxy, faces.bbox)
    np.testing.assert_array_equal(found.confidence, faces.det_score)
    assert found.class_id.tolist() == [0, 0]
    assert sorted(found.data) == ["class_name", "embedding", "kps"]
    kept = found[found.confidence < 0.6]
    np.testing.assert_array_equal(kept.data["kps"], faces.kps[1:])
    np.testing.assert_array_equal(kept.data["embedding"], faces.embedding[1:])
    found.xyxy[:] = 0
    assert faces.bbox.any()


def test_detections_are_drawn(supervision):
    scene = np.zeros((100, 100, 3), np.uint8)
    found = Faces(BOX, [0.9, 0.5], KPS).to_supervision()
    drawn = supervision.BoxAnnotator(thickness=1).annotate(scene.copy(), found)
    assert drawn[20, 40].any()
    assert not drawn[5, 5].any()
    assert supervision.LabelAnnotator().annotate(scene.copy(), found).any()


def test_no_faces(supervision):
    found = Faces.empty(landmarks=5).to_supervision()
    assert len(found) == 0
    assert found.xyxy.shape == (0, 4)
    assert found.data["kps"].shape == (0, 5, 2)
    some = Faces(BOX, [0.9, 0.5], KPS).to_supervision()
    assert len(supervision.Detections.merge([found, some])) == 2
    assert len(Faces.empty(landmarks=5).to_supervision_key_points()) == 0


def test_key_points(supervision):
    kps = KPS.copy()
    kps[1, 2] = np.nan
    faces = Faces(BOX, [0.9, 0.5], kps, np.ones((2, 106, 2)))
    found = faces.to_supervision_key_points()
    assert isinstance(found, supervision.KeyPoints)
    assert found.xy.dtype == np.float32
    np.testing.assert_array_equal(found.xy[0], KPS[0])
    assert found.xy[1, 2].tolist() == [0, 0]
    np.testing.assert_array_equal(found.detection_confidence, faces.det_score)
    assert faces.to_supervision_key_points("landmark_2d_106").xy.shape == (2, 106, 2)
    assert found.keypoint_confidence is None
    assert found.data["class_name"].tolist() == ["face", "face"]
    scene = np.zeros((100, 100, 3), np.uint8)
    drawn = supervision.VertexAnnotator(radius=1).annotate(scene, found)
    assert drawn[35, 30].any()
    assert not drawn[0, 0].any()  # a point that is not there


def test_key_points_that_were_not_computed(supervision):
    with pytest.raises(InputError, match="points='kps': these faces have none"):
        Faces(BOX, [0.9, 0.5]).to_supervision_key_points()


def test_without_supervision(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    for export in (Faces.empty().to_supervision, Faces.empty(5).to_supervision_key_points):
        with pytest.raises(PackageMissing, match=r"pip install 'zqcnn-xp\[results\]'"):
            export()
