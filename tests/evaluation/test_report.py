"""All protocols at once: what is reported, what a set does not allow."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.features import flip_rule
from zqcnn_xp.evaluation.pairs import pairs_of_rows
from zqcnn_xp.evaluation.report import PROTOCOLS, evaluate_pairs
from zqcnn_xp.evaluation.ten_fold import ten_fold
from zqcnn_xp.evaluation.zqcnn_lfw import zqcnn_lfw


@pytest.fixture(scope="module")
def toy():
    rng = np.random.default_rng(0)
    same = np.arange(200) % 20 < 10
    plain = rng.normal(size=(400, 16))
    plain[1::2][same] = plain[::2][same] + rng.normal(size=(100, 16)) * 0.8
    return pairs_of_rows(same), plain, plain + rng.normal(size=plain.shape) * 0.3


@pytest.mark.parametrize("flip", ["none", "sum", "concatenate"])
def test_every_protocol_has_its_rule(toy, flip):
    pairs, plain, mirrored = toy
    report = evaluate_pairs("toy", pairs, plain, mirrored, flip=flip)
    assert list(report.protocols) == list(PROTOCOLS)
    assert not report.refused
    joined = flip_rule(plain, mirrored, flip)
    assert report.protocols["ten-fold"].accuracy == ten_fold(joined, pairs).accuracy
    # ZQCNN scales the halves first
    halves = "concatenate-unit" if flip == "concatenate" else flip
    expected = zqcnn_lfw(flip_rule(plain, mirrored, halves), pairs)
    assert report.protocols["zqcnn"].thresholds.tolist() == expected.thresholds.tolist()
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["flip"] == flip
    assert [point["target"] for point in document["roc"]["conservative"]] == [0.01, 0.001, 0]
    rows = report.rows()
    assert {row[0] for row in rows} >= {"10-fold", "Open Model Zoo", "LightCNN", "ZQCNN", "ROC"}
    assert len({row[:2] for row in rows}) == len(rows)


def test_only_what_is_asked_for(toy):
    pairs, plain, _ = toy
    report = evaluate_pairs(
        "toy",
        pairs,
        plain,
        protocols=["omz", "ten-fold"],
        val_rule="last-duplicate",
        fars=[0.5],
        omz={"order": "lfw", "subsets": 3},
    )
    assert set(report.protocols) == {"omz", "ten-fold"}
    assert report.protocols["ten-fold"].val_rule == "last-duplicate"
    assert len(report.protocols["omz"].accuracies) == 3
    assert [row[1] for row in report.rows()][-1] == "TPR at FAR 0.5"


def test_intervals_by_draws(toy):
    pairs, plain, _ = toy
    report = evaluate_pairs("toy", pairs, plain, protocols=[], fars=[0.1], draws=50)
    assert list(report.drawn) == ["area", "equal error rate", "TPR at FAR 0.1"]
    low, high = report.drawn["area"]
    assert low <= report.roc.auc <= high
    assert report.to_dict()["roc"]["drawn"]["area"] == [low, high]
    assert report.rows()[-1] == ("ROC, 95 % of draws", "TPR at FAR 0.1", report.rows()[-1][2])
    again = evaluate_pairs("toy", pairs, plain, protocols=[], fars=[0.1], draws=50)
    assert again.drawn == report.drawn


def test_a_set_of_one_kind():
    pairs = pairs_of_rows([True] * 10)
    report = evaluate_pairs("one kind", pairs, np.random.default_rng(0).normal(size=(20, 4)))
    assert report.roc is None
    assert report.to_dict()["roc"] is None
    assert report.refused == {
        "lightcnn": "found 10 genuine and 0 impostor pairs, expected both",
    }
    assert ("LightCNN", "no result", report.refused["lightcnn"]) in report.rows()
    assert ("10-fold", "VAL at FAR 0.001 (conservative)", "-") in report.rows()


def test_parts_without_genuine_pairs_are_counted(toy):
    pairs, plain, _ = toy
    order = np.argsort(~pairs.same, kind="stable")
    rows = np.stack([2 * order, 2 * order + 1], 1).ravel()
    report = evaluate_pairs("sorted", pairs_of_rows(pairs.same[order]), plain[rows])
    (val,) = (row[2] for row in report.rows() if row[1].startswith("VAL"))
    assert val.endswith(", 5 of 10 parts")
    assert "nan" not in val


def test_the_length_of_features(toy):
    pairs, plain, mirrored = toy
    lengths = [np.linalg.norm(rows, axis=1).mean() for rows in (plain, mirrored)]
    report = evaluate_pairs("toy", pairs, plain, mirrored, flip="sum", protocols=[])
    assert report.xnorm == pytest.approx(sum(lengths) / 2)
    assert report.to_dict()["xnorm"] == report.xnorm
    alone = evaluate_pairs("toy", pairs, plain, protocols=[])
    assert alone.xnorm == pytest.approx(lengths[0])
    assert ("features", "mean length (XNorm)", f"{lengths[0]:.5f}") in alone.rows()


def test_what_is_not_finite_is_in_every_result(toy):
    pairs, plain, _ = toy
    damaged = plain.copy()
    damaged[3] = np.nan
    damaged[[20, 21]] = 0
    document = evaluate_pairs("toy", pairs, damaged).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (document["not_finite"], document["zeros"]) == (1, 2)
    assert [found["not_finite"] for found in document["protocols"].values()] == [1] * 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"protocols": ["x"]}, "found 'x', expected one of ten-fold"),
        ({"flip": "sum"}, "flip='sum': expected the features of the mirrored images too"),
        ({"flip": "x"}, "flip='x'|rule='x'"),
        ({"val_rule": "x"}, "val_rule='x'"),
    ],
)
def test_what_is_refused(toy, options, words):
    with pytest.raises(InputError, match=words):
        evaluate_pairs("toy", toy[0], toy[1], **options)


def test_features_that_do_not_fit(toy):
    with pytest.raises(InputError, match=r"expected \(400, d\) numbers"):
        evaluate_pairs("toy", toy[0], toy[1][:10])
