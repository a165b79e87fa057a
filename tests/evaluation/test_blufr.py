from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.blufr import blufr
from zqcnn_xp.evaluation.blufr_config import BlufrConfig, Trial, read_blufr_config
from zqcnn_xp.evaluation.blufr_result import OPEN_SET_FARS, RANKS, VERIFICATION_FARS, reported


def _set() -> tuple[np.ndarray, BlufrConfig]:
    """Forty people of five images; the last ten are in no gallery."""
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(40), 5)
    features = rng.normal(size=(40, 16))[labels] + 0.7 * rng.normal(size=(200, 16))
    images = tuple(f"p{label:02}_{row}.jpg" for row, label in enumerate(labels))
    gallery = np.arange(0, 150, 5)
    probes = np.setdiff1d(np.arange(200), gallery)
    trials = (Trial(np.arange(200), gallery, probes), Trial(np.arange(20, 180), gallery, probes))
    return features, BlufrConfig("config.mat", images, labels, trials)


def test_order_and_names_do_not_matter() -> None:
    features, config = _set()
    plain = blufr(features, config)
    shuffled = np.random.default_rng(0).permutation(200)
    names = [f"folder/{config.images[i]}".replace(".jpg", ".png") for i in shuffled]
    named = blufr(3 * features[shuffled].astype(np.float32), config, names=names)
    for name in ("verification", "identification", "pairs", "probes"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(named, name))
    assert plain.missing == ()
    assert plain.verification[:, -1].tolist() == [1, 1]
    assert (np.diff(plain.verification, axis=1) >= 0).all()
    assert (np.diff(plain.identification, axis=1) >= 0).all()  # in the rank
    assert (np.diff(plain.identification, axis=2) >= 0).all()  # in the rate


def test_missing_images_are_an_error_or_are_reported() -> None:
    features, config = _set()
    gone = [0, 1, 149, 150]  # a gallery image with a probe of it, and two more probes
    kept = np.setdiff1d(np.arange(200), gone)
    names = [config.images[i] for i in kept]
    with pytest.raises(
        DatasetError, match=r"no usable features of 4 images \(p00_0.jpg, p00_1.jpg"
    ):
        blufr(features[kept], config, names=names)
    found = blufr(features[kept], config, names=names, allow_missing=True)
    assert found.missing == tuple(config.images[i] for i in gone)
    first = found.left_out[0]
    assert (first.test, first.gallery, first.probes, first.unknown) == (4, 1, 3, 3)
    # The four probes of the person without a gallery image are no impostors now.
    assert found.probes[0].tolist() == [29 * 4 - 1, 50 - 1]
    alone = Trial(kept, np.arange(5, 150, 5), np.setdiff1d(kept, [*range(0, 150, 5), 2, 3, 4]))
    same = blufr(features, replace(config, trials=(alone,)))
    np.testing.assert_array_equal(same.verification[0], found.verification[0])
    np.testing.assert_array_equal(same.identification[0], found.identification[0])


def test_wrong_arguments() -> None:
    features, config = _set()
    with pytest.raises(InputError, match="199 images, expected 200"):
        blufr(features[1:], config)
    with pytest.raises(InputError, match="3 names for 200"):
        blufr(features, config, names=["a", "b", "c"])
    with pytest.raises(InputError, match="int64"):
        blufr(np.ones((200, 3), np.int64), config)
    features[7, 3], features[19] = np.nan, 0
    with pytest.raises(DatasetError, match=r"f.npz: .* 2 images \(p01_7.jpg, p03_19.jpg\)"):
        blufr(features, config, file="f.npz")
    left = blufr(features, config, allow_missing=True)
    assert left.missing == ("p01_7.jpg", "p03_19.jpg")
    assert np.isfinite(left.verification).all()


def test_points_are_asked_for_by_value() -> None:
    found = blufr(*_set())
    assert found.verification_at(0.1).shape == (2,)
    assert (found.identification_at(0.1, 100) >= found.identification_at(0.1, 1)).all()
    with pytest.raises(InputError, match=r"FAR 0\.0015"):
        found.verification_at(0.0015)
    with pytest.raises(InputError, match="rank 11"):
        found.identification_at(0.1, 11)


@pytest.mark.slow
def test_official_configuration(shared_data: Path) -> None:
    """One official trial against a full matrix that is sorted whole."""
    config = read_blufr_config(shared_data / "blufr" / "blufr_lfw_config.mat")
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as file:
        features, names = file["feat"], file["files"].tolist()
    trial = config.trials[2]
    found = blufr(features, replace(config, trials=(trial,)), names=names)
    rows = {Path(name).name: row for row, name in enumerate(names)}
    units = features[[rows[name] for name in config.images]].astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)

    test, labels = units[trial.test], config.labels[trial.test]
    scores = (test @ test.T).astype(np.float32)
    below = np.tril(np.ones(scores.shape, bool), -1)
    same = labels[:, None] == labels
    genuine = scores[below & same]
    impostors = scores[below & ~same]
    del below, same, scores
    impostors.sort()
    assert found.pairs.tolist() == [[len(genuine), len(impostors)]] == [[59104, 44003474]]
    for point in range(2, 73):  # the ends have rules of their own
        accepted = int(np.floor(VERIFICATION_FARS[point] * len(impostors) + 0.5))
        limit = impostors[-accepted]
        assert abs(found.verification_thresholds[0, point] - limit) < 5e-7, point
        rate = np.mean(genuine >= limit)
        assert abs(found.verification[0, point] - rate) <= 2 / len(genuine), point

    gallery, enrolled = units[trial.gallery], config.labels[trial.gallery]
    probes, wanted = units[trial.probes], config.labels[trial.probes]
    scores = probes @ gallery.T
    known = np.isin(wanted, enrolled)
    highest = np.sort(scores[~known].max(axis=1))
    column = {label: k for k, label in enumerate(enrolled.tolist())}
    own = scores[known, [column[label] for label in wanted[known].tolist()]]
    place = 1 + (scores[known] > own[:, None]).sum(axis=1)
    assert found.probes.tolist() == [[4105, 4283]]
    for point in range(5, 37):
        limit = highest[-int(np.floor(OPEN_SET_FARS[point] * len(highest) + 0.5))]
        for row, rank in enumerate(RANKS):
            rate = np.mean((own >= limit) & (place <= rank))
            assert abs(found.identification[0, row, point] - rate) <= 1.5 / len(own)


@pytest.mark.slow
def test_official_figures(shared_data: Path) -> None:
    """All ten trials of MobileFaceNet's features, with what they gave when first checked."""
    config = read_blufr_config(shared_data / "blufr" / "blufr_lfw_config.mat")
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as file:
        found = blufr(file["feat"], config, names=file["files"].tolist())
    assert found.pairs[:, 0].mean() == 156915.4  # the paper rounds it to 156,915
    assert found.probes.mean(axis=0).tolist() == [4350.6, 4357.7]
    assert reported(found.verification_at(1e-3)) == pytest.approx(
        (0.986574, 0.990068, 0.003494), abs=2e-5
    )
    assert reported(found.identification_at(1e-2, 1)) == pytest.approx(
        (0.907822, 0.917894, 0.010072), abs=5e-5
    )
