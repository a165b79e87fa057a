"""Data frames with the columns and types that are promised, and the notebook's table."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from zqcnn_xp.errors import InputError, PackageMissing
from zqcnn_xp.pipelines.faces import Faces

BOX = np.arange(12.0).reshape(3, 4)
KPS = np.arange(30.0).reshape(3, 5, 2)
CORNERS = ["x1", "y1", "x2", "y2", "det_score"]
KPS_COLUMNS = [f"kps_{i}_{axis}" for i in range(5) for axis in "xy"]


def test_columns():
    pytest.importorskip("pandas")
    frame = Faces(BOX, [0.9, 0.8, 0.7], KPS, extra={"age": [3, 4, 5]}).to_pandas()
    assert list(frame.columns) == [*CORNERS, *KPS_COLUMNS, "age"]
    assert list(frame.index) == [0, 1, 2]
    np.testing.assert_array_equal(frame[CORNERS[:4]], BOX)
    np.testing.assert_array_equal(frame[KPS_COLUMNS], KPS.reshape(3, 10))
    assert (frame[CORNERS + KPS_COLUMNS].dtypes == np.float32).all()
    assert frame["age"].tolist() == [3, 4, 5]
    assert frame[frame.det_score > 0.75].x1.tolist() == [0, 4]


def test_dense_landmarks():
    pytest.importorskip("pandas")
    points = np.arange(212.0).reshape(1, 106, 2)
    frame = Faces(BOX[:1], [0.9], None, points).to_pandas()
    assert frame.shape == (1, 5 + 212)
    assert frame.loc[0, "landmark_2d_106_105_y"] == 211


def test_arrays_are_columns_of_objects():
    pytest.importorskip("pandas")
    rows = np.eye(3, 8, dtype=np.float32)
    faces = Faces(BOX, [0.9, 0.8, 0.7], extra={"embedding": rows})
    assert list(faces.to_pandas().columns) == CORNERS
    frame = faces.to_pandas(arrays=True)
    assert frame["embedding"].dtype == object
    np.testing.assert_array_equal(np.stack(frame["embedding"]), rows)
    frame["embedding"][0][:] = 7
    frame.loc[0, "x1"] = 7
    assert faces.embedding[0, 0] == 1
    assert faces.bbox[0, 0] == 0


def test_no_faces_have_the_same_columns_and_types():
    pytest.importorskip("pandas")
    extra = {"age": np.arange(3), "embedding": np.ones((3, 8))}
    faces = Faces(BOX, [0.9, 0.8, 0.7], KPS, extra=extra)
    some, none = (part.to_pandas(arrays=True) for part in (faces, faces[:0]))
    assert len(none) == 0
    assert none.dtypes.to_dict() == some.dtypes.to_dict()
    assert list(Faces.empty().to_pandas().columns) == CORNERS


def test_a_name_that_is_a_column():
    pytest.importorskip("pandas")
    with pytest.raises(InputError, match="extra 'x1' has the name of another column"):
        Faces(BOX, [0.9, 0.8, 0.7], extra={"x1": [1, 2, 3]}).to_pandas()


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PackageMissing, match=r"pip install 'zqcnn-xp\[results\]'"):
        Faces.empty().to_pandas()


def test_nothing_optional_is_imported():
    code = (
        "import sys; from zqcnn_xp.pipelines import Faces; Faces.empty().to_json(); "
        "print([m for m in ('pandas', 'supervision', 'matplotlib', 'cv2') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_html():
    faces = Faces(BOX, [0.9, 0.8, 0.7], KPS, extra={"embedding": np.ones((3, 8))})
    html = faces._repr_html_()
    assert "<caption>3 faces, with kps, embedding</caption>" in html
    assert html.count("<tr>") == 4
    assert "<tr><td>1</td><td>0.800</td><td>4.0</td><td>5.0</td>" in html
    assert "<img" not in html
    assert "<caption>0 faces</caption>" in Faces.empty()._repr_html_()
    assert "<caption>1 face</caption>" in Faces(BOX[:1], [0.5])._repr_html_()


def test_html_of_many_faces_is_short():
    html = Faces(np.zeros((500, 4)), np.zeros(500))._repr_html_()
    assert html.count("<tr>") == 1 + 20 + 1
    assert "and 480 more" in html
