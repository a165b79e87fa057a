from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from zqcnn_xp.errors import DatasetError
from zqcnn_xp.evaluation.blufr_config import (
    image_key,
    match_rows,
    read_blufr_config,
    read_row_order,
)
from zqcnn_xp.evaluation.mat_file import load_mat


def _cell(*items: Any) -> np.ndarray:
    cells = np.empty((len(items), 1), object)
    for row, item in enumerate(items):
        cells[row, 0] = item
    return cells


def _mat(**variables: Any) -> bytes:
    file = io.BytesIO()
    savemat(file, variables)
    return file.getvalue()


def _config(**changed: Any) -> bytes:
    parts: dict[str, Any] = {
        "imageList": _cell("a_1.jpg", "a_2.jpg", "b_1.jpg", "c_1.jpg"),
        "labels": np.array([[1], [1], [2], [3]]),
        "testIndex": _cell(np.array([[1, 2, 3, 4]]).T),
        "galIndex": _cell(np.array([[1.0]])),
        "probIndex": _cell(np.array([[2, 4]], np.uint16)),
    }
    return _mat(**parts | changed)


def test_reads_what_was_written() -> None:
    config = read_blufr_config(_config())
    assert config.images == ("a_1.jpg", "a_2.jpg", "b_1.jpg", "c_1.jpg")
    assert config.labels.tolist() == [1, 1, 2, 3]
    (trial,) = config.trials
    assert [part.tolist() for part in (trial.test, trial.gallery, trial.probes)] == [
        [0, 1, 2, 3],
        [0],
        [1, 3],
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": np.array([1, 2])}, "2 labels, expected 4"),
        ({"labels": np.array([1, 2, 3, 0.5])}, "not whole"),
        ({"labels": np.array([1, 2, 3, np.nan])}, "not whole"),
        ({"labels": np.eye(2)}, "a vector"),
        ({"labels": "text"}, "a vector"),
        ({"imageList": np.arange(4)}, "a cell of texts"),
        ({"imageList": _cell("a", 3.0, "b", "c")}, "row 2"),
        ({"testIndex": np.arange(1, 4)}, "a cell of index lists"),
        ({"testIndex": _cell(np.array([1, 5]))}, "trial 1.* 1 to 5, expected 1 to 4"),
        ({"testIndex": _cell(np.array([0, 1]))}, "from 0 to 1"),
        ({"testIndex": _cell(np.array([2, 2]))}, "an index twice"),
        ({"galIndex": _cell(np.zeros((0, 0)))}, "no index"),
        ({"galIndex": _cell("a")}, "a vector"),
        ({"galIndex": _cell(np.array([1]), np.array([2]))}, "galIndex of 2"),
    ],
)
def test_what_does_not_fit_is_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_blufr_config(_config(**changed))


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(DatasetError, match="probIndex"):
        read_blufr_config(_mat(imageList=_cell("a"), labels=np.array([1])))


def test_names_match_without_folders_and_suffixes() -> None:
    assert image_key("x.y/a_0001.jpeg") == "a_0001"
    names = ["a\\a_1.png", "b/b_1"]
    assert match_rows(["b_1.jpg", "c.jpg", "a_1.jpg"], names, "f").tolist() == [1, -1, 0]


def test_two_features_of_one_image_are_an_error() -> None:
    with pytest.raises(DatasetError, match=r"row 3.*'y/a.png', as row 1"):
        match_rows(["a"], ["x/a.jpg", "b", "y/a.png"], "f.npz")


def test_the_official_files(shared_data: Path) -> None:
    """Index files that belong together agree: pairs by one numbering are pairs by the other."""
    folder = shared_data / "blufr"
    config = read_blufr_config(folder / "blufr_lfw_config.mat")
    assert (len(config.images), len(config.trials)) == (13233, 10)
    for trial in config.trials:
        assert set(trial.test) == set(trial.gallery) | set(trial.probes)
        assert len(set(config.labels[trial.gallery])) == len(trial.gallery) == 1000
    listed = load_mat(folder / "imagelist_lfw.mat", ["imagelist_lfw"])["imagelist_lfw"]
    names = [str(cell[0]) for cell in listed.reshape(-1)]
    assert match_rows(config.images, names, "").tolist() == list(range(13233))
    ids = load_mat(folder / "id_lfw.mat", ["id_lfw"])["id_lfw"].reshape(-1)
    assert (ids == config.labels).all()
    order = read_row_order(folder / "index_lightcnn_2_wdref.mat")
    mine = load_mat(folder / "lfw_pairs.mat", ["pos_pair", "neg_pair"])
    theirs = load_mat(shared_data / "lfw" / "lightcnn_lfw_pairs.mat", ["pos_pair", "neg_pair"])
    for name, pairs in mine.items():
        assert (order[pairs.astype(int) - 1] == theirs[name].astype(int) - 1).all()
        first, second = config.labels[pairs.astype(int) - 1]
        assert ((first == second) == (name == "pos_pair")).all()


def test_an_order_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="an index twice"):
        read_row_order(_mat(rows=np.array([1, 2, 2])), "rows")
    path = tmp_path / "order.mat"
    path.write_bytes(_mat(rows=np.array([1, 2, 9])))
    with pytest.raises(DatasetError, match=r"order.mat.*from 1 to 9"):
        read_row_order(path, "rows")


def test_mutants(judge: Any, damage: Any) -> None:
    """Configurations damaged in any place: one error, or indices that are in range."""
    whole = _config()

    def read(data: bytes) -> None:
        config = read_blufr_config(data)
        for trial in config.trials:
            for part in (trial.test, trial.gallery, trial.probes):
                assert 0 <= part.min() <= part.max() < len(config.images)

    judge(read).trials([lambda rng: damage.mutate(rng, whole)], worked=(0.02, 0.9))
