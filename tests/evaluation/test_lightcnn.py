"""LightCNN's evaluation of LFW: golden figures, the authors' steps one by one, their pairs."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.lightcnn import lightcnn, lightcnn_scores, read_mat_pairs
from zqcnn_xp.evaluation.pairs import pairs_of_rows, read_pairs

SCORES = st.lists(st.integers(-6, 6).map(lambda k: k / 8), min_size=1, max_size=25)


def test_golden(shared_data):
    with np.load(shared_data / "golden" / "eval" / "verification.npz") as file:
        found = lightcnn(file["embeddings"], pairs_of_rows(file["same"]))
    assert found.eer == pytest.approx(0.007, abs=1e-9)
    assert found.accuracy == pytest.approx(0.993, abs=1e-9)
    assert found.auc == pytest.approx(0.999799444, abs=1e-9)
    assert found.pr_auc == pytest.approx(0.999801244, abs=1e-9)
    assert found.tpr_1 == pytest.approx(0.996, abs=1e-9)
    assert found.tpr_01 == pytest.approx(0.976333333, abs=1e-9)
    assert found.tpr_0 == pytest.approx(0.918, abs=1e-9)
    assert json.loads(json.dumps(found.to_dict()))["pairs"] == 6000


@given(SCORES, SCORES)
def test_step_by_step(genuine, impostor):
    found = lightcnn_scores(genuine, impostor)
    scores = sorted(
        [(-score, 0) for score in genuine] + [(-score, 1) for score in impostor]
    )  # equal scores: the genuine ones first
    tpr, tnr = [0.0], [1.0]
    for _, wrong in scores:
        tpr.append(tpr[-1] + (not wrong) / len(genuine))
        tnr.append(tnr[-1] - wrong / len(impostor))
    tpr, tnr = np.round(tpr, 12), np.round(tnr, 12)
    s = max(k for k in range(len(tpr)) if tnr[k] > tpr[k])
    assert found.eer == pytest.approx(1 - tpr[s] if tpr[s] == tpr[s + 1] else 1 - tnr[s])
    assert found.tpr_0 == pytest.approx(max(tpr[tnr == 1]))
    assert found.tpr_01 is None
    area = sum((tpr[k] + tpr[k - 1]) / 2 * (tnr[k - 1] - tnr[k]) for k in range(1, len(tpr)))
    assert found.auc == pytest.approx(area)


def test_pairs_of_the_authors(shared_data):
    pairs = read_mat_pairs(shared_data / "lfw" / "lightcnn_lfw_pairs.mat")
    assert len(pairs) == 6000
    assert len(pairs.names) == 13233
    assert pairs.same.tolist() == [True] * 3000 + [False] * 3000
    # the same persons as in the official list: 3,000 pairs of one, 3,000 of two
    official = read_pairs(shared_data / "lfw" / "pairs.txt")
    used = len(set(pairs.left) | set(pairs.right))
    assert used == len(official.names) == 7701


def mat(**variables):
    file = io.BytesIO()
    savemat(file, variables)
    return file.getvalue()


GOOD = np.array([[1, 2], [3, 4]], np.uint16)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (mat(pos_pair=GOOD), "expected the variables neg_pair"),
        (mat(pos_pair=GOOD, neg_pair=GOOD.T[:1]), r"neg_pair of shape \(1, 2\)"),
        (mat(pos_pair=GOOD, neg_pair=GOOD - 1), "the index 0, expected integers of 1 to 9"),
        (mat(pos_pair=GOOD, neg_pair=GOOD + 6), "the index 10, expected integers of 1 to 9"),
        (mat(pos_pair=GOOD, neg_pair=GOOD / 2), "the index 0.5"),
        (mat(pos_pair=GOOD, neg_pair=GOOD * np.nan), "the index nan"),
        (mat(pos_pair=GOOD, neg_pair="ab"), "dtype <U2"),
    ],
)  # fmt: skip
def test_pairs_that_are_refused(data, words):
    with pytest.raises(DatasetError, match=words):
        read_mat_pairs(data, 9)


def test_both_kinds_are_needed():
    with pytest.raises(InputError, match="found 2 genuine and 0 impostor pairs, expected both"):
        lightcnn(np.eye(4), pairs_of_rows([True, True]))
