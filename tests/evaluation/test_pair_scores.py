from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.pair_scores import PairScores, unit_rows


@pytest.mark.parametrize(("n", "identities"), [(7, 3), (1300, 4), (1300, 1300), (5000, 700)])
def test_every_pair_comes_once(n: int, identities: int) -> None:
    rng = np.random.default_rng(n)
    features = unit_rows(rng.normal(size=(n, 5)))
    labels = rng.integers(0, identities, n)
    scores = PairScores(features, labels)
    full = features @ features.T
    lower = np.tril(np.ones((n, n), bool), -1)
    same = labels[:, None] == labels
    genuine, impostors = scores.genuine(), np.concatenate(list(scores.impostors()))
    assert (len(genuine), len(impostors)) == (scores.genuine_count, scores.impostor_count)
    np.testing.assert_allclose(np.sort(genuine), np.sort(full[lower & same]), atol=1e-6)
    np.testing.assert_allclose(np.sort(impostors), np.sort(full[lower & ~same]), atol=1e-6)


def test_every_pass_gives_the_same_scores() -> None:
    rng = np.random.default_rng(0)
    scores = PairScores(unit_rows(rng.normal(size=(1500, 64))), rng.integers(0, 9, 1500))
    first, second = (np.concatenate(list(scores.impostors())) for _ in range(2))
    assert (first == second).all()


def test_shapes_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(InputError, match="expected"):
        PairScores(np.zeros((3, 2), np.float32), np.zeros(4, np.int64))


def test_rows_without_direction_are_named() -> None:
    features = np.ones((9, 2))
    features[3] = 0
    features[5, 1] = np.nan
    with pytest.raises(InputError, match=r"found 2 rows .*: 3, 5$"):
        unit_rows(features)
    features[:] = np.inf
    with pytest.raises(InputError, match=r"found 9 rows .*: 0, 1, 2, 3, 4, \.\.\."):
        unit_rows(features)
