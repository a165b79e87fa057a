"""LFW has photos under wrong names: features alone find them."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.gallery import (
    Labelled,
    cluster,
    find_duplicates,
    find_mislabelled,
    find_outliers,
    find_repeated_people,
)


@pytest.fixture(scope="module")
def lfw(shared_data):
    """The official MobileFaceNet's features of all 13,233 images."""
    with np.load(shared_data / "golden" / "lfw_mobilefacenet_features.npz") as arrays:
        files, features = arrays["files"].tolist(), arrays["feat"]
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    files = [file.split("/")[1].removesuffix(".jpg") for file in files]
    return files, Labelled.of(features, [file[:-5] for file in files])


# The photo, and whom it shows instead. Most are among the errors that LFW's authors list.
WRONG = {
    "Michael_Schumacher_0008": "Rubens_Barrichello",
    "Cristina_Fernandez_0002": "Cristina_Kirchner",
    "Janica_Kostelic_0002": "Anja_Paerson",
    "Recep_Tayyip_Erdogan_0004": "Abdullah_Gul",
}


def test_mislabelled_photos(lfw):
    files, labelled = lfw
    found = find_mislabelled(labelled, margin=0.3)
    nearer = {
        files[row]: labelled.people[person]
        for row, person in zip(found.rows, found.nearer, strict=True)
    }
    assert len(nearer) < 30
    assert WRONG.items() <= nearer.items()


def test_outliers(lfw):
    files, labelled = lfw
    worst = find_outliers(labelled)
    assert files[worst.rows[0]] == "Michael_Schumacher_0008"
    assert WRONG.keys() <= {files[row] for row in worst.rows[:20]}
    assert len(worst.single) == 4069


def test_one_photo_under_two_names(lfw):
    files, labelled = lfw
    found = find_duplicates(labelled, 0.99, where="across")
    pairs = [(files[i], files[j]) for i, j, _ in zip(*found.pairs, strict=True)]
    assert sorted(pairs) == [
        ("Bart_Hendricks_0001", "Ricky_Ray_0001"),
        ("Carlos_Beltran_0001", "Raul_Ibanez_0001"),
    ]


def test_one_person_under_two_names(lfw):
    _, labelled = lfw
    found = find_repeated_people(labelled, 0.6)
    pairs = {
        (labelled.people[one], labelled.people[other])
        for one, other, _ in zip(*found.pairs, strict=True)
    }
    assert {("Noer_Moeis", "Noer_Muis"), ("John_Barnett", "John_Burnett")} <= pairs
    assert len(pairs) < 60


def test_clusters_are_persons(lfw):
    _, labelled = lfw
    for method, purity in (("components", 0.97), ("masters", 0.98)):
        labels = cluster(labelled.rows, 0.55, method=method, conquer=0.7).labels
        both = np.unique([labels, labelled.ids], axis=1, return_inverse=True, return_counts=True)
        together = both[2][both[1].ravel()]
        assert (together / np.bincount(labels)[labels]).mean() > purity
        assert (together / labelled.counts[labelled.ids]).mean() > 0.95
