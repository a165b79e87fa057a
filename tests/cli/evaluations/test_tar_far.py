"""``zqcnn-xp eval tar-far``, as a user types it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zqcnn_xp.evaluation.tar_far import tar_at_far

LABELS = np.repeat(np.arange(60), 5)
SIZE = "300 images of 60 identities, 600 genuine and 44,250 impostor pairs"


@pytest.fixture
def features(tmp_path: Path) -> np.ndarray:
    """Features of 60 identities x 5 images, in f.npz with labels and names, and in f.npy."""
    rng = np.random.default_rng(1)
    found = rng.normal(size=(60, 24))[LABELS] + rng.normal(size=(300, 24))
    found = found.astype(np.float32)
    names = [f"p{label:02}/{row}.jpg" for row, label in enumerate(LABELS)]
    np.savez(tmp_path / "f.npz", features=found, labels=LABELS)
    np.savez(tmp_path / "named.npz", features=found, flip=found, names=names)
    np.save(tmp_path / "f.npy", found)
    return found


def test_table_and_document(cli: Any, features: np.ndarray) -> None:
    text = cli("eval", "tar-far", "f.npz", "--far", "1e-3", "1e-2", "1e-8", "--bootstrap", 20)
    assert text.code == 0
    assert SIZE in text.out
    assert "too small for FAR 1e-08" in text.err
    document = cli(
        *("eval", "tar-far", "f.npz", "--far", "1e-3", "1e-2", "1e-8", "--bootstrap", 20, "--json")
    ).document
    expected = tar_at_far(features, LABELS, [1e-3, 1e-2, 1e-8], replicates=20)
    for point, other in zip(document["points"], expected.points, strict=True):
        assert point["threshold"] == other.threshold
        assert point["tar"] == other.tar
        if other.threshold is not None:
            assert point["tar_interval"] == list(other.tar_interval)
            assert f"{other.threshold:.5f}" in text.out
    assert document["decision"] == "score >= threshold"
    assert document["impostors"] == 44_250
    assert len(document["curve"]["far"]) == len(document["curve"]["tar"]) > 50


@pytest.mark.parametrize(
    "arguments",
    [
        ("f.npy", "--images-per-identity", 5),
        ("f.npy", "--labels", "labels.txt"),
        ("f.npy", "--names", "names.txt"),
        ("named.npz",),
        ("named.npz", "--flip", "sum"),
    ],
)
def test_identities_come_from_anywhere(
    cli: Any, features: np.ndarray, tmp_path: Path, arguments: tuple[Any, ...]
) -> None:
    (tmp_path / "labels.txt").write_text("".join(f"person {label}\n" for label in LABELS))
    (tmp_path / "names.txt").write_text("".join(f"p{label}/1.jpg\n" for label in LABELS))
    document = cli("eval", "tar-far", *arguments, "--far", "1e-3", "--json").document
    threshold = tar_at_far(features, LABELS, [1e-3]).points[0].threshold
    assert document["points"][0]["threshold"] == threshold


def test_scores_are_written_and_read(cli: Any, features: np.ndarray, tmp_path: Path) -> None:
    written = cli("eval", "tar-far", "f.npz", "--write-scores", "s", "f", "i", "--json")
    assert written.document["genuine"] == 600
    direct = cli("eval", "tar-far", "f.npz", "--table", "--compat", "zqcnn", "--json").document
    read = cli("eval", "tar-far", "--scores", "s", "f", "--table", "--compat", "zqcnn", "--json")
    assert len(direct["points"]) == 16
    for one, other in zip(direct["points"], read.document["points"], strict=True):
        assert one["rank"] == other["rank"]
        assert one["threshold"] == pytest.approx(other["threshold"], abs=1e-6)
        assert one["tar"] == other["tar"]
    assert cli("eval", "tar-far", "f.npz", "--write-scores", "s", "f", "i", "--int16").code == 0
    assert (tmp_path / "s").stat().st_size == 2 * (tmp_path / "f").stat().st_size


def test_most_alike_impostors_are_listed(cli: Any, features: np.ndarray) -> None:
    result = cli("eval", "tar-far", "named.npz", "--far", "1e-3", "--pairs", 3)
    rows = [line for line in result.out.splitlines() if ".jpg" in line]
    document = cli("eval", "tar-far", "named.npz", "--far", "1e-3", "--json").document
    pairs = document["highest_impostor_pairs"]
    assert len(rows) == 3
    assert len(pairs) == 100
    for row, pair in zip(rows, pairs, strict=False):
        assert [cell.strip() for cell in row.split("|")[1:4]] == [
            pair["first"],
            pair["second"],
            f"{pair['score']:.5f}",
        ]


def test_curves_are_drawn(cli: Any, features: np.ndarray, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert cli("eval", "tar-far", "f.npz", "--roc", "a.png", "--det", "b.svg", "--json").document
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "b.svg").read_bytes()
    refused = cli("eval", "tar-far", "f.npz", "--roc", "a.gif")
    assert refused.code == 2
    assert ".png" in refused.err


def test_features_without_a_direction(cli: Any, features: np.ndarray, tmp_path: Path) -> None:
    features[[3, 200]] = 0
    np.save(tmp_path / "f.npy", features)
    arguments = ("eval", "tar-far", "f.npy", "--images-per-identity", 5, "--far", "1e-3")
    refused = cli(*arguments)
    assert refused.code == 1
    assert "2 rows of zeros or of no finite numbers: 3, 200" in refused.err
    left = cli(*arguments, "--drop-bad")
    assert left.code == 1
    assert "left out 2 features" in left.err
    assert cli(*arguments, "--drop-bad", "--json").document["dropped"] == [3, 200]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "expected FEATURES, or --scores"),
        (("f.npz", "--scores", "a", "b"), 2, "and not both"),
        (("--scores", "f.npz", "f.npy"), 1, "2 or 4 bytes"),
        (("f.npy",), 2, "found features without identities"),
        (("f.npy", "--images-per-identity", 7), 2, "found 300 features, expected a multiple"),
        (("f.npy", "--labels", "f.npy"), 1, "integers or texts"),
        (("f.npz", "--table", "--far", "0.1"), 2, "expected one of them"),
        (("f.npz", "--far", "0"), 2, "between 0 and 1"),
        (("none.npz",), 1, "none.npz"),
        (("broken.npz",), 1, "a damaged file"),
    ],
)
def test_what_goes_wrong(
    cli: Any,
    features: np.ndarray,
    tmp_path: Path,
    arguments: tuple[Any, ...],
    code: int,
    message: str,
) -> None:
    (tmp_path / "broken.npz").write_bytes((tmp_path / "f.npz").read_bytes()[:-40])
    result = cli("eval", "tar-far", *arguments)
    assert result.code == code
    assert message in result.err
    assert result.err.count("\n") <= 1


def test_a_threshold_below_all_scores_is_a_document_too(cli: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", np.eye(4, 8, dtype=np.float32))
    (tmp_path / "few.txt").write_text("a\na\nb\nb\n")
    result = cli(
        *("eval", "tar-far", "few.npy", "--labels", "few.txt", "--compat", "zqcnn"),
        *("--far", "0.9", "--json"),
    )
    assert result.code == 0, result.err
    (point,) = result.document["points"]
    assert (point["rank"], point["threshold"]) == (4, None)
