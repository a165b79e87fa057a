"""ZQCNN's score files: what is written is what is read, and figures are those of a full sort."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import DatasetError, InputError
from zqcnn_xp.evaluation.far_points import ZQCNN_FARS
from zqcnn_xp.evaluation.score_export import export_scores
from zqcnn_xp.evaluation.score_files import ScoreFiles, tar_at_far_of_files
from zqcnn_xp.evaluation.tar_far import tar_at_far

FAR = st.floats(1e-4, 0.999)


def _written(folder: Path, scores: np.ndarray, flags: np.ndarray) -> ScoreFiles:
    scores.tofile(folder / "scores")
    flags.astype(np.uint8).tofile(folder / "flags")
    return ScoreFiles(folder / "scores", folder / "flags")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 90), st.booleans(), st.booleans(), FAR
)
def test_equals_a_full_sort(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    genuine: int,
    impostors: int,
    short: bool,
    coarse: bool,
    far: float,
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-1, 1, genuine + impostors).astype(np.float32)
    if coarse:
        scores = np.round(scores * 4) / np.float32(4)  # many are equal
    if short:
        scores = (scores * 32767).astype(np.int16)
    flags = rng.permutation(np.r_[np.ones(genuine, bool), np.zeros(impostors, bool)])
    files = _written(tmp_path_factory.mktemp("scores"), scores, flags)
    assert files.quantised == short
    found = tar_at_far_of_files(files, [far])
    assert (found.genuine, found.impostors) == (genuine, impostors)
    (point,) = found.points
    rank = int(far * impostors + 0.5)
    assert point.rank == rank
    if rank == 0:
        assert point.threshold is None
        return
    limit = np.sort(scores[~flags])[-rank]
    assert point.threshold == (float(limit) / 32767 if short else float(limit))
    assert point.impostors_accepted == (scores[~flags] >= limit).sum()
    assert point.genuine_accepted == (scores[flags] >= limit).sum()
    assert point.tar == np.mean(scores[flags] >= limit)


def _original(scores: np.ndarray, flags: np.ndarray, fars: list[float]) -> list[tuple]:
    """The original's walk from the highest score on."""
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    found: list[tuple] = []
    same, different = int(flags.sum()), int((~flags).sum())
    far_count = tar_count = 0
    for pair in order:
        if len(found) == len(fars):
            break
        if far_count > fars[len(found)] * different:
            found.append((float(scores[pair]), far_count / different, tar_count / same))
        tar_count, far_count = tar_count + int(flags[pair]), far_count + int(not flags[pair])
    return found


@pytest.mark.parametrize("short", [False, True])
def test_compat_prints_the_table_of_the_original(tmp_path: Path, short: bool) -> None:
    rng = np.random.default_rng(9)
    flags = rng.random(30_000) < 0.02
    scores = np.clip(rng.normal(0, 0.2, 30_000) + 0.6 * flags, -1, 1).astype(np.float32)
    if short:
        scores = np.unique((scores * 32767).astype(np.int16))  # equal ones have no order there
        scores, flags = rng.permutation(scores), rng.random(len(scores)) < 0.02
    files = _written(tmp_path, scores, flags)
    fars = [1e-4, 2e-4, 5e-4, 1e-3, 0.01]
    points = tar_at_far_of_files(files, fars, compat="zqcnn").points
    unit = 32767 if short else 1
    shown = [
        (point.threshold * unit, point.impostors_accepted / files.impostors, point.tar)
        for point in points
    ]
    np.testing.assert_allclose(shown, _original(scores, flags, fars), rtol=1e-12)


def test_compat_of_features_is_that_of_their_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(60), 5)
    features = rng.normal(size=(60, 24))[labels] + rng.normal(size=(300, 24))
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    i, j = np.triu_indices(300, 1)
    fars = [1e-4, 1e-3, 1e-2]
    points = tar_at_far(features, labels, fars, compat="zqcnn").points
    shown = [(p.threshold, p.impostors_accepted / (44850 - 600), p.tar) for p in points]
    expected = _original((units @ units.T)[i, j], labels[i] == labels[j], fars)
    np.testing.assert_allclose(shown, expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_exported_scores_give_the_figures_of_the_features(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat(np.arange(90), 4))
    features = (rng.normal(size=(90, 32))[labels] + rng.normal(size=(360, 32))).astype(np.float32)
    paths = [tmp_path / name for name in ("scores", "flags", "info")]
    counts = export_scores(features, labels, *paths, dtype=dtype)
    files = ScoreFiles(*paths[:2])
    assert (files.genuine, files.impostors) == counts == (540, 64080)
    assert paths[2].read_text().split() == ["64620", "540", "64080"]
    assert {path.name for path in tmp_path.iterdir()} == {"scores", "flags", "info"}
    fars = [1e-4, 1e-3, 1e-2]
    direct = tar_at_far(features, labels, fars)
    read = tar_at_far_of_files(files, fars)
    step = 1e-6 if dtype == "float32" else 1.1 / 32767
    for one, other in zip(direct.points, read.points, strict=True):
        assert one.rank == other.rank
        assert abs(one.threshold - other.threshold) < step
        assert abs(one.tar - other.tar) < (1e-9 if dtype == "float32" else 0.01)


def test_the_order_is_the_original_one(tmp_path: Path) -> None:
    features = np.array([[0.5, 0], [0, 1], [1, 0.25], [0, -1]], np.float32)
    labels = ["b", "a", "b", "a"]
    export_scores(features, labels, tmp_path / "s", tmp_path / "f", normalise=False)
    # Person a: rows 1 and 3, then person b: rows 0 and 2.
    scores = np.fromfile(tmp_path / "s", "<f4")
    assert scores.tolist() == [-1, 0, 0.25, 0, -0.25, 0.5]
    assert np.fromfile(tmp_path / "f", np.uint8).tolist() == [1, 0, 0, 0, 0, 1]
    export_scores(features, labels, tmp_path / "s", tmp_path / "f", dtype="int16", normalise=False)
    short = np.fromfile(tmp_path / "s", "<i2")  # cut off towards zero
    assert short.tolist() == [-32767, 0, 8191, 0, -8191, 16383]


def test_scores_beyond_one_are_clamped(tmp_path: Path) -> None:
    features = np.array([[3, 0], [-3, 0], [0.5, 0]], np.float32)
    export_scores(
        features, [0, 0, 1], tmp_path / "s", tmp_path / "f", dtype="int16", normalise=False
    )
    assert np.fromfile(tmp_path / "s", "<i2").tolist() == [-32767, 32767, -32767]


def test_memory_is_bounded(tmp_path: Path) -> None:
    pairs = 40_000_000
    flags = np.zeros(pairs, np.uint8)
    flags[::50] = 1
    flags.tofile(tmp_path / "flags")
    scores = np.random.default_rng(0).standard_normal(pairs, np.float32)
    scores.tofile(tmp_path / "scores")  # 160 MB
    del scores, flags
    tracemalloc.start()
    found = tar_at_far_of_files(ScoreFiles(tmp_path / "scores", tmp_path / "flags"), ZQCNN_FARS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.points[-1].rank == 39_200
    assert abs(found.points[-1].threshold - 3.0902) < 0.01  # of a standard normal
    assert peak < 150 << 20


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    scores, flags = tmp_path / "scores", tmp_path / "flags"
    scores.write_bytes(b"\0" * 12)
    flags.write_bytes(b"\0\1\0\1")
    with pytest.raises(DatasetError, match="12 bytes, expected 2 or 4 bytes for each of the 4"):
        ScoreFiles(scores, flags)
    scores.write_bytes(b"\0" * 16)
    flags.write_bytes(b"\0\1\2\1")
    with pytest.raises(DatasetError, match=r"flags, byte 2: found the flag 2"):
        ScoreFiles(scores, flags)
    flags.write_bytes(b"")
    with pytest.raises(DatasetError, match="0 flags"):
        ScoreFiles(scores, flags)
    with pytest.raises(FileNotFoundError):
        ScoreFiles(tmp_path / "none", flags)
    nothing = _written(tmp_path, np.zeros(4, np.float32), np.zeros(4))
    with pytest.raises(InputError, match="0 genuine and 4 impostor"):
        tar_at_far_of_files(nothing)
    broken = _written(tmp_path, np.array([1, np.nan], np.float32), np.array([1, 0]))
    with pytest.raises(DatasetError, match="no finite number"):
        tar_at_far_of_files(broken)


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=29))
    with pytest.raises(InputError, match=r"29 bytes left .* expected 30"):
        export_scores(np.eye(4), [0, 0, 1, 1], tmp_path / "s", tmp_path / "f")
    assert not list(tmp_path.iterdir())


def test_no_features_are_no_scores(tmp_path: Path) -> None:
    none = np.zeros((0, 4), np.float32)
    assert export_scores(none, np.zeros(0, int), tmp_path / "s", tmp_path / "f") == (0, 0)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [0, 0]
