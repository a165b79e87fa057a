"""Curves as pictures: what is drawn, on which axes, into which files."""

from __future__ import annotations

import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.plots import det_figure, roc_figure, save_figure
from zqcnn_xp.evaluation.roc import Roc

RNG = np.random.default_rng(0)
CURVES = {
    "good": Roc.of(RNG.normal(3, 1, 1000), RNG.normal(0, 1, 5000)),
    "poor": Roc.of(RNG.normal(1, 1, 1000), RNG.normal(0, 1, 2000)),
}


def lines(figure):
    (axes,) = figure.axes
    return axes, {line.get_label(): line.get_xydata() for line in axes.lines}


def test_roc():
    axes, drawn = lines(roc_figure(CURVES, "two networks"))
    assert axes.get_title() == "two networks"
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["good", "poor"]
    assert axes.get_xlim() == pytest.approx((1 / 5000, 1))
    for name, roc in CURVES.items():
        assert drawn[name][:, 1].tolist() == roc.tpr[: len(drawn[name])].tolist() or len(
            drawn[name]
        ) < len(roc.tpr)
        assert drawn[name][-1].tolist() == [1, 1]


def test_det_of_normal_scores_is_a_straight_line():
    axes, drawn = lines(det_figure(CURVES))
    inverse = NormalDist().inv_cdf
    x, y = drawn["good"].T
    inner = (x > inverse(0.01)) & (x < inverse(0.3)) & (y > inverse(0.01))
    slope, offset = np.polyfit(x[inner], y[inner], 1)
    # equal deviations at a distance of 3: y = -x - 3
    assert slope == pytest.approx(-1, abs=0.1)
    assert offset == pytest.approx(-3, abs=0.2)
    low, high = axes.get_xlim()
    assert (NormalDist().cdf(low), NormalDist().cdf(high)) == pytest.approx((0.5 / 5000, 0.5))
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert "1%" in labels
    assert "0.1%" in labels


def test_det_shows_where_the_curve_is():
    cdf = NormalDist().cdf
    axes, drawn = lines(det_figure({"good": CURVES["good"]}))
    low, high = (cdf(end) for end in axes.get_ylim())
    roc = CURVES["good"]
    first, last = (1 - roc.tpr[np.searchsorted(roc.far, far, "right") - 1] for far in (0, 0.5))
    assert low == pytest.approx(0.7 * last)
    assert high == pytest.approx(min(0.99, 1.5 * first))
    (diagonal,) = (xy for name, xy in drawn.items() if name != "good")
    assert (diagonal[:, 0] == diagonal[:, 1]).all()
    # very low rates have ticks too: powers of ten
    few = Roc(
        np.array([np.inf, 0.9, 0.5, -np.inf]), np.array([0, 50, 90, 100]),
        np.array([0, 10, 10_000, 10**9]),
    )  # fmt: skip
    axes, _ = lines(det_figure({"few": few}, most=1e-5))
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == [f"$10^{{{n}}}$" for n in range(-9, -4)]
    assert cdf(axes.get_xlim()[1]) == pytest.approx(1e-5)
    assert cdf(axes.get_ylim()[1]) == pytest.approx(0.99)
    assert cdf(axes.get_ylim()[0]) == pytest.approx(0.07)


def test_a_perfect_curve_and_a_single_step():
    for roc in (Roc.of([1, 2], [-1, 0]), Roc.of([1], [1])):
        for figure in (roc_figure, det_figure):
            _, drawn = lines(figure({"x": roc}))
            assert np.isfinite(drawn["x"]).all()


def test_many_steps_are_thinned_where_it_does_not_show():
    roc = Roc.of(RNG.normal(2, 1, 20_000), RNG.normal(0, 1, 50_000))
    _, drawn = lines(roc_figure({"x": roc}))
    assert 1000 < len(drawn["x"]) <= 4000
    assert drawn["x"][-1].tolist() == [1, 1]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_files(tmp_path, suffix):
    path = tmp_path / f"roc{suffix}"
    save_figure(roc_figure(CURVES), path)
    assert path.stat().st_size > 1000
    if suffix.lower() == ".png":
        with Image.open(path) as image:
            assert image.size == (960, 720)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_is_refused(tmp_path):
    with pytest.raises(InputError, match="found no curves to draw"):
        roc_figure({})
    with pytest.raises(InputError, match=r"roc.bmp: expected a name that ends in .png, .svg, .pdf"):
        save_figure(roc_figure(CURVES), tmp_path / "roc.bmp")


def test_without_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from zqcnn_xp.errors import PackageMissing\n"
        "from zqcnn_xp.evaluation.plots import roc_figure\n"
        "from zqcnn_xp.evaluation.roc import Roc\n"
        "try:\n    roc_figure({'x': Roc.of([1], [0])})\n"
        "except PackageMissing as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("drawing curves needs matplotlib; install it with: pip install")
