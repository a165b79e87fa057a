from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.mtcnn import MTCNN, trace
from zqcnn_xp.pipelines.mtcnn.trace import DetectionTrace, StageRow, _Watch
from zqcnn_xp.vision.io import read_image

_STAGES = ["read", "pack", "pyramid", "P", "crops", "R", "O", "L", "NMS", "rest"]


def test_rows_of_a_detection(shared_data: Path, build: Any) -> None:
    image = shared_data / "images" / "4.jpg"
    detector: MTCNN = build("fast106v3s64")
    faces = detector.detect(image)
    found = detector.trace(image, rounds=2)
    rows = {row.stage: row for row in found.rows}
    assert list(rows) == _STAGES
    assert (found.width, found.height, found.faces) == (640, 480, len(faces))
    assert found.backend == "numpy"
    assert all(row.seconds > 0 for row in found.rows)
    pyramid = detector.source(read_image(image), _kind()).pyramid
    pixels = int((pyramid.heights * pyramid.widths).sum())
    assert rows["P"].count == pixels
    assert rows["P"].calls == len(pyramid.grids)
    assert rows["pyramid"].count == pixels
    assert rows["crops"].count == sum(rows[name].count for name in "ROL")
    assert rows["L"].count == len(faces)
    assert rows["read"].count == rows["pack"].count == 640 * 480
    assert rows["NMS"].calls == 4
    # Nothing of the detector is changed by it.
    np.testing.assert_array_equal(detector.detect(image).bbox, faces.bbox)


def _kind() -> Any:
    from zqcnn_xp.pipelines.mtcnn.source import Source

    return Source


@pytest.fixture(scope="module")
def default() -> MTCNN:
    return MTCNN(backend="numpy", min_face=40, threads=3)


def test_an_image_without_faces(default: MTCNN) -> None:
    found = default.trace(np.zeros((60, 90, 3), np.uint8), "bgr", rounds=1)
    assert [row.stage for row in found.rows] == ["read", "pack", "pyramid", "P", "NMS", "rest"]
    assert found.faces == 0
    tiny = default.trace(np.zeros((5, 5, 3), np.uint8), rounds=1)
    assert "P" not in {row.stage for row in tiny.rows}


@pytest.mark.parametrize("rounds", [0, -1, 1.5, True])
def test_rounds_are_checked(default: MTCNN, rounds: Any) -> None:
    with pytest.raises(InputError, match="rounds"):
        default.trace(np.zeros((60, 90, 3), np.uint8), rounds=rounds)


def test_one_image_at_a_time(default: MTCNN) -> None:
    with pytest.raises(InputError, match="expected one image"):
        default.trace([np.zeros((60, 90, 3), np.uint8)])


def _example() -> DetectionTrace:
    rows = (StageRow("P", 3, 12_345, "pixels", 0.003), StageRow("rest", 1, 0, "", 0.001))
    return DetectionTrace("numpy", 640, 480, 1, rows)


def test_printed() -> None:
    assert str(_example()).splitlines() == [
        "P           3 x    12,345 pixels     3.000 ms  75.0%",
        "rest        1 x                      1.000 ms  25.0%",
        "total 4.000 ms, 1 face in 640 x 480 pixels on numpy",
    ]
    html = _example()._repr_html_()
    assert "<td>12,345</td>" in html
    assert "1 face in 640 x 480 pixels on numpy" in html


def test_a_trace_without_time_prints() -> None:
    assert "0.0%" in str(DetectionTrace("numpy", 1, 1, 0, (StageRow("rest", 1, 0, "", 0.0),)))


def test_time_within_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the clock shows in turn: rest and P begin, NMS from 20 to 50, P ends, P again, rest ends.
    shown = iter([0.0, 1.0, 20.0, 50.0, 60.0, 70.0, 75.0, 100.0])
    monkeypatch.setattr(trace, "perf_counter", lambda: next(shown))
    watch = _Watch()
    with watch("rest"):
        with watch("P", 5), watch("NMS"):
            pass
        with watch("P", 6):
            pass
    rows = {row.stage: row for row in watch.rows()}
    assert (rows["P"].calls, rows["P"].count) == (2, 11)
    found = {stage: row.seconds for stage, row in rows.items()}
    assert found == {"P": 59 - 30 + 5, "NMS": 30, "rest": 100 - 59 - 5}


def test_time_is_counted_where_an_error_passes() -> None:
    watch = _Watch()
    with pytest.raises(ValueError, match="x"), watch("rest"), watch("P"):
        raise ValueError("x")
    assert [row.calls for row in watch.rows()] == [1, 1]
