from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zqcnn_xp.pipelines.mtcnn import MTCNN
from zqcnn_xp.pipelines.mtcnn.candidates import Candidates
from zqcnn_xp.pipelines.mtcnn.networks import Answer
from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.pipelines.mtcnn.source import Source
from zqcnn_xp.pipelines.mtcnn.stages import output_stage, propose, refine_stage
from zqcnn_xp.vision.io import read_image

_VARIANTS = ("author5", "author5big", "fast106dw112", "fast106v3s64", "plus106v2s96")


def _check(found: Candidates, rows: list[dict[str, Any]]) -> None:
    boxes = np.array([[r[k] for k in ("x1", "y1", "x2", "y2")] for r in rows])
    assert len(found) == len(rows)
    mine, theirs = np.lexsort(found.boxes.T), np.lexsort(boxes.T)
    np.testing.assert_array_equal(found.boxes[mine], boxes[theirs])
    scores = np.array([r["score"] for r in rows])
    np.testing.assert_allclose(found.score[mine], scores[theirs], atol=1e-4)


@pytest.mark.parametrize("variant", _VARIANTS)
@pytest.mark.parametrize("image", ["4", "11", "face0", "keliamoniz1"])
def test_golden_stages(shared_data: Path, build: Any, variant: str, image: str) -> None:
    file = shared_data / "golden" / "mtcnn" / f"mtcnn_{variant}_{image}.json"
    want = json.loads(file.read_text())
    detector: MTCNN = build(variant)
    nets, options = detector.networks, detector.options
    pixels = read_image(shared_data / "images" / f"{image}.jpg")
    sources = [Source(pixels, options, bgr=nets.bgr, transposed=nets.transposed)]
    found = propose(nets.p, sources, options, alike=True)
    _check(found[0], want["stage_pnet"])
    found = refine_stage(nets.r, sources, found, options)
    _check(found[0], want["stage_rnet"])
    offsets = np.array([row["reg"] for row in want["stage_rnet"]])
    mine = np.lexsort(found[0].boxes.T)
    theirs = np.lexsort([[row[k] for row in want["stage_rnet"]] for k in ("x1", "y1", "x2", "y2")])
    assert found[0].offsets is not None
    np.testing.assert_allclose(found[0].offsets[mine], offsets[theirs], atol=1e-4)
    _check(output_stage(nets.o, sources, found, options)[0], want["stage_onet"])


class _Fake:
    """A network that answers with what a test wants to see handled."""

    size = 24
    points = 0

    def __init__(self, scores: list[float], offsets: np.ndarray | None = None) -> None:
        self.scores = np.float32(scores)
        self.offsets = np.zeros((len(scores), 4), np.float32) if offsets is None else offsets
        self.batches: list[int] = []
        self.done = 0

    def __call__(self, x: np.ndarray) -> Answer:
        self.batches.append(len(x))
        part = slice(self.done, self.done + len(x))
        self.done += len(x)
        scores = self.scores[part]
        return Answer(np.stack([1 - scores, scores], axis=1), self.offsets[part], None)


def _given(n: int) -> tuple[list[Source], list[Candidates]]:
    options = Options()
    image = np.zeros((300, 300, 3), np.uint8)
    left = np.arange(n) * 30.0
    boxes = np.stack([left, left * 0, left + 25, left * 0 + 25], axis=1)
    return (
        [Source(image, options, bgr=False, transposed=False)],
        [Candidates(boxes, np.ones(n, np.float32))],
    )


@pytest.mark.parametrize("stage", [refine_stage, output_stage])
def test_what_is_not_finite_is_dropped(stage: Any) -> None:
    sources, before = _given(5)
    offsets = np.zeros((5, 4), np.float32)
    offsets[3, 2] = np.nan
    network = _Fake([0.9, np.nan, np.inf, 0.9, 0.8], offsets)
    with np.errstate(invalid="ignore"):
        (after,) = stage(network, sources, before, Options())
    assert after.boxes[:, 0].tolist() == [0, 120]


def test_small_boxes_are_skipped() -> None:
    sources, before = _given(3)
    (after,) = refine_stage(_Fake([0.9] * 3), sources, before, Options(min_face=50))  # type: ignore[arg-type]
    assert len(after) == 0


def test_images_share_batches() -> None:
    sources, before = _given(9)
    network = _Fake([0.9] * 27)
    after = refine_stage(network, sources * 3, before * 3, Options())  # type: ignore[arg-type]
    assert network.batches == [27]
    assert [len(a) for a in after] == [9, 9, 9]


def test_large_batches_are_split() -> None:
    sources, _ = _given(1)
    n = 1000
    corner = np.random.default_rng(0).uniform(0, 270, (n, 2))
    many = Candidates(np.concatenate([corner, corner + 30], axis=1), np.ones(n, np.float32))
    network = _Fake([0.0] * n)
    refine_stage(network, sources, [many], Options())  # type: ignore[arg-type]
    assert sum(network.batches) == n
    assert max(network.batches) <= 512
