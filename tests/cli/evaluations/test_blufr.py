"""``zqcnn-xp eval blufr``, as a user types it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from zqcnn_xp.evaluation.blufr import blufr
from zqcnn_xp.evaluation.blufr_config import read_blufr_config
from zqcnn_xp.evaluation.blufr_result import reported

LABELS = np.repeat(np.arange(40), 5)
NAMES = [f"p{label:02}_{row:04}.jpg" for row, label in enumerate(LABELS)]


def _cell(*items: Any) -> np.ndarray:
    cells = np.empty((len(items), 1), object)
    for row, item in enumerate(items):
        cells[row, 0] = item
    return cells


@pytest.fixture
def features(tmp_path: Path) -> np.ndarray:
    """A configuration of two trials, config.mat, and features in f.npz."""
    gallery = np.arange(1, 151, 5)
    everybody = np.arange(1, 201)
    probes = np.setdiff1d(everybody, gallery)
    config = {
        "imageList": _cell(*NAMES),
        "labels": LABELS[:, None] + 1,
        "testIndex": _cell(everybody, everybody[:150]),
        "galIndex": _cell(gallery, gallery),
        "probIndex": _cell(probes, probes),
    }
    savemat(tmp_path / "config.mat", config)
    rng = np.random.default_rng(3)
    found = rng.normal(size=(40, 16))[LABELS] + 0.7 * rng.normal(size=(200, 16))
    np.savez(tmp_path / "f.npz", features=found, files=[f"{n[:3]}/{n}" for n in NAMES])
    return found


def test_table_and_document(cli: Any, features: np.ndarray, tmp_path: Path) -> None:
    expected = blufr(features, read_blufr_config(tmp_path / "config.mat"))
    text = cli("eval", "blufr", "config.mat", "--features", "f.npz", "--roc", "a.svg")
    assert text.code == 0
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    least, mean, spread = reported(expected.verification_at(1e-3))
    row = next(line for line in text.out.splitlines() if "VR at FAR 0.1%" in line)
    assert [cell.strip() for cell in row.split("|")[2:5]] == [
        f"{100 * value:.2f}" for value in (least, mean, spread)
    ]
    document = cli("eval", "blufr", "config.mat", "--features", "f.npz", "--json").document
    assert document["verification"]["rates"] == expected.verification.tolist()
    assert document["identification"]["rates"] == expected.identification.tolist()
    assert document["verification_at_0.1%"]["mean_minus_std"] == least
    assert document["pairs"][0] == {"genuine": 400, "impostor": 19500}
    assert document["missing"] == []


def test_rows_in_another_order(cli: Any, features: np.ndarray, tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(200)
    savemat(tmp_path / "order.mat", {"index_lightcnn_2_wdref": np.argsort(order) + 1})
    np.save(tmp_path / "g.npy", features[order])
    plain = cli("eval", "blufr", "config.mat", "--features", "f.npz", "--json")
    moved = cli(
        *("eval", "blufr", "config.mat", "--features", "g.npy", "--order", "order.mat", "--json")
    )
    assert moved.document == plain.document
    (tmp_path / "names.txt").write_text("".join(NAMES[row] + "\n" for row in order))
    named = cli(
        *("eval", "blufr", "config.mat", "--features", "g.npy", "--names", "names.txt", "--json")
    )
    assert named.document == plain.document


def test_missing_images(cli: Any, features: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "g.npz", features=features[3:], files=NAMES[3:])
    refused = cli("eval", "blufr", "config.mat", "--features", "g.npz")
    assert refused.code == 1
    assert (
        "no usable features of 3 images (p00_0000.jpg, p00_0001.jpg, p00_0002.jpg)" in refused.err
    )
    left = cli("eval", "blufr", "config.mat", "--features", "g.npz", "--allow-missing")
    assert left.code == 1  # some of the inputs failed
    assert "VR at FAR" in left.out
    assert "left out 3 images without features: p00_0000.jpg" in left.err
    assert "trial 1: left out 3 test images, 1 of the gallery, 2 probes, and 2 probes" in left.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("config.mat",), 2, "--features"),
        (("none.mat", "--features", "f.npz"), 1, "none.mat"),
        (("f.npz", "--features", "f.npz"), 1, "MATLAB"),
        (("config.mat", "--features", "f.npz", "--roc", "a.gif"), 2, ".png"),
        (("config.mat", "--features", "short.npy"), 2, "found features of 3 images"),
        (("config.mat", "--features", "f.npz", "--order", "config.mat"), 1, "index_lightcnn"),
        (("config.mat", "--features", "twice.npz"), 1, "each image once"),
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
    np.save(tmp_path / "short.npy", features[:3])
    np.savez(tmp_path / "twice.npz", features=features, files=[*NAMES[:-1], NAMES[0]])
    result = cli("eval", "blufr", *arguments)
    assert result.code == code
    assert message in result.err
