from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.blufr_plots import blufr_figure
from zqcnn_xp.evaluation.blufr_result import OPEN_SET_FARS, RANKS, VERIFICATION_FARS, Blufr
from zqcnn_xp.evaluation.plots import save_figure

pytest.importorskip("matplotlib")


def _result(trials: int) -> Blufr:
    rng = np.random.default_rng(trials)
    verified = np.sort(rng.random((trials, len(VERIFICATION_FARS))), axis=1)
    identified = np.sort(rng.random((trials, len(RANKS), len(OPEN_SET_FARS))), axis=2)
    counts = np.tile([100, 10_000], (trials, 1))
    return Blufr(verified, verified, identified, identified[:, 0], counts, counts, (), ())


@pytest.mark.parametrize("trials", [1, 10])
def test_means_are_drawn_from_the_rate_of_one_impostor_on(trials: int, tmp_path: Path) -> None:
    result = _result(trials)
    figure = blufr_figure({"net": result, "same": result}, "LFW")
    for axes, fars, rates in zip(
        figure.axes,
        (VERIFICATION_FARS, OPEN_SET_FARS),
        (result.verification, result.identification[:, 0]),
        strict=True,
    ):
        assert len(axes.lines) == 2
        x, y = axes.lines[0].get_data()
        shown = fars >= 1e-4
        assert x.tolist() == fars[shown].tolist()
        np.testing.assert_allclose(y, rates[:, shown].mean(axis=0))
    save_figure(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_to_draw() -> None:
    with pytest.raises(InputError, match="no results"):
        blufr_figure({})
