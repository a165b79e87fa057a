"""LFW from its JPEGs: the published protocols' figures with a real network, end to end."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.evaluation.features import cosines, flip_rule, unit
from zqcnn_xp.evaluation.images import Crops, open_images
from zqcnn_xp.evaluation.lightcnn import lightcnn
from zqcnn_xp.evaluation.pairs import read_pairs
from zqcnn_xp.evaluation.report import evaluate_pairs
from zqcnn_xp.pipelines.embedding import Embedder

RECIPES = {"mxnet": "mobilefacenet-mxnet", "ncnn": "mobilefacenet-ncnn"}


def embedder(shared_data, kind="mxnet", **options):
    files = {
        "mxnet": [shared_data / "mxnet" / "mobilefacenet" / "model-symbol.json"],
        "ncnn": [shared_data / "ncnn" / "mobilefacenet.param"],
    }
    return Embedder(*files[kind], recipe=RECIPES[kind], **options)


def crops(shared_data, names):
    with open_images(shared_data / "lfw" / "lfw-112x112.zip") as images:
        yield from Crops(images, names)


@pytest.fixture(scope="module")
def golden(shared_data):
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as file:
        names, plain, mirrored = file["files"], file["feat"], file["flip"]
    return {str(name): (plain[row], mirrored[row]) for row, name in enumerate(names)}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("kind", "backend", "flip"), [("mxnet", "numpy", "none"), ("ncnn", "jax", "concatenate")]
)
def test_the_figures(shared_data, kind, backend, flip):
    pairs = read_pairs(shared_data / "lfw" / "pairs.txt")
    made = embedder(shared_data, kind, backend=backend, flip=flip)
    found = made.embed(crops(shared_data, pairs.names), normed=False)
    plain, mirrored = found[:, :128], found[:, 128:]
    report = evaluate_pairs("lfw", pairs, plain)
    ten_fold = report.protocols["ten-fold"]
    assert round(ten_fold.accuracy, 4) == 0.9920
    assert round(ten_fold.deviation, 5) == 0.00623
    assert round(ten_fold.val.mean(), 4) == 0.9810
    assert round(report.protocols["omz"].accuracy, 4) == 0.9915
    rates = [round(report.roc.tpr_at_far(far, "kth-impostor").tpr, 4) for far in (0.01, 0.001, 0)]
    assert rates == [0.9917, 0.9810, 0.9530]
    for rule, accuracy in (("sum", 0.9912), ("concatenate", 0.9915)) if flip != "none" else ():
        both = evaluate_pairs("lfw", pairs, plain, mirrored, flip=rule)
        assert round(both.protocols["ten-fold"].accuracy, 4) == accuracy


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("kind", ["mxnet", "ncnn"])
def test_features_are_the_golden_ones(shared_data, golden, kind, backend):
    """Figures follow from features: those of some images, plain and mirrored, on each backend."""
    names = sorted(golden)[::700]
    expected = np.array([np.concatenate(golden[name]) for name in names])
    made = embedder(shared_data, kind, backend=backend, flip="concatenate")
    found = made.embed(crops(shared_data, names), normed=False)
    for half in (slice(0, 128), slice(128, 256)):
        assert (cosines(found[:, half].astype(float), expected[:, half]) > 0.99999).all()
        assert np.abs(unit(found[:, half].astype(float)) - unit(expected[:, half])).max() < 2e-3


def test_released_scores_tell_the_order_of_channels(shared_data):
    pairs = read_pairs(shared_data / "lfw" / "pairs_1.txt")
    lines = (shared_data / "lfw" / "rs_lfw_99.50.txt").read_text().splitlines()
    labels, scores = np.array([line.split("\t") for line in lines], np.float64).T
    assert (labels > 0).tolist() == pairs.same.tolist()
    chosen = np.r_[0:50, len(pairs) - 50 : len(pairs)]
    left, right = pairs.left[chosen], pairs.right[chosen]
    used = np.unique(np.concatenate([left, right]))
    decoded = np.stack(list(crops(shared_data, [pairs.names[index] for index in used])))
    apart = {}
    for color in ("bgr", "rgb"):
        rows = embedder(shared_data, color=color).embed(decoded).astype(float)
        found = cosines(rows[np.searchsorted(used, left)], rows[np.searchsorted(used, right)])
        apart[color] = np.abs(found - scores[chosen])
    assert apart["bgr"].max() < 0.02
    assert apart["bgr"].mean() < 0.005
    assert apart["rgb"].max() > 0.1
    assert apart["rgb"].mean() > 0.02


def test_gluon_face_and_lightcnn_on_the_golden_features(golden, shared_data):
    pairs = read_pairs(shared_data / "lfw" / "pairs.txt")
    plain, mirrored = (np.array([golden[name][k] for name in pairs.names]) for k in (0, 1))
    report = evaluate_pairs("lfw", pairs, plain, mirrored, flip="concatenate")
    assert round(report.protocols["ten-fold"].accuracy, 5) == 0.9915
    # LightCNN's steps count the genuine pairs between two impostors: one more at FAR 1 %
    found = lightcnn(flip_rule(plain, mirrored, "none"), pairs)
    assert (found.tpr_1, found.tpr_01, found.tpr_0) == (0.992, 0.981, 0.953)
    assert found.accuracy == pytest.approx(0.991666667, abs=1e-9)
