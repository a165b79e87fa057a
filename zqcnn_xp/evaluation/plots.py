"""ROC and DET curves as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.roc import Roc
from zqcnn_xp.extras import needed

__all__ = ["SUFFIXES", "det_figure", "roc_figure", "save_figure"]

SUFFIXES = (".png", ".svg", ".pdf")
_MOST_POINTS = 4000
_TICKS = (*(10.0**n for n in range(-9, -2)), 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
_PER_CENT = 1e-4  # from here on ticks are per cent, below it powers of ten
_LEAST_TOP, _MOST_TOP = 0.2, 0.99
_SIZE = (6.4, 4.8)
_WIDEST = 0.1  # where the axes begin at the latest, however few pairs there are


def roc_figure(curves: Mapping[str, Roc], title: str = "") -> Any:
    """Draw ROC curves: TPR over FAR, the latter on a logarithmic axis.

    Parameters
    ----------
    curves
        By their names.
    title
        Above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        With no window and no state shared with others. The curve begins at the FAR of one impostor
        pair: what is left of it is no measurement.

    Raises
    ------
    PackageMissing
        If matplotlib is not installed.
    """
    figure, axes = _figure(curves, title)
    floor = min(_WIDEST, *(1 / roc.impostor for roc in curves.values()))
    lowest = 1.0
    for name, roc in curves.items():
        far, tpr = _thinned(np.maximum(roc.far, floor / 2), roc.tpr)
        axes.step(far, tpr, where="post", label=name)
        lowest = min(lowest, float(roc.tpr[np.searchsorted(roc.far, 0, "right") - 1]))
    axes.set_xscale("log")
    axes.set_xlim(floor, 1)
    # A good network's curve is all above 0.9: the axis shows what there is to see.
    axes.set_ylim(max(0.0, lowest - 0.01 - 0.15 * (1 - lowest)), 1.005)
    axes.set_xlabel("false accept rate")
    axes.set_ylabel("true accept rate")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def det_figure(curves: Mapping[str, Roc], title: str = "", *, most: float = 0.5) -> Any:
    """Draw DET curves: false reject over false accept rate, both on probit axes.

    Normal distributions of scores are straight lines there (Martin et al. 1997, "The DET curve in
    assessment of detection task performance"). A dotted line shows where both rates are equal.

    Parameters
    ----------
    curves, title
        As in `roc_figure`.
    most
        The highest false accept rate to show.
    """
    figure, axes = _figure(curves, title)
    fars, frrs, tops = [], [], []
    for name, roc in curves.items():
        far, frr = _thinned(roc.far, 1 - roc.tpr)
        # Rates of 0 and 1 lie at infinity; half a pair stands for none.
        low = 0.5 / roc.impostor, 0.5 / roc.genuine
        far, frr = np.clip(far, low[0], 1 - low[0]), np.clip(frr, low[1], 1 - low[1])
        axes.step(_probit(far), _probit(frr), where="post", label=name)
        fars.append(low[0])
        # What the curve falls to where the picture ends, with some room below.
        frrs.append(float(frr[np.searchsorted(far, most, "right") - 1]) * 0.7)
        tops.append(float(frr[np.searchsorted(far, low[0], "right") - 1]) * 1.5)
    diagonal = _probit(np.array([min(*fars, *frrs), most]))
    axes.plot(diagonal, diagonal, ":", color="0.6", linewidth=1, zorder=1)
    top = min(max(*tops, _LEAST_TOP), _MOST_TOP)
    for axis, limits, rest in (
        (axes.xaxis, (min(*fars, _WIDEST), most), axes.set_xlim),
        (axes.yaxis, (min(*frrs, _WIDEST), top), axes.set_ylim),
    ):
        ticks = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
        axis.set_ticks(_probit(np.array(ticks)), [_rate(tick) for tick in ticks])
        rest(*_probit(np.array(limits)))
    axes.set_xlabel("false accept rate")
    axes.set_ylabel("false reject rate")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper right")
    return figure


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure; the suffix, one of `SUFFIXES`, says how.

    Raises
    ------
    InputError
        Another suffix.
    OSError
        If it cannot be written.
    """
    from zqcnn_xp.cli.files import writing

    check_suffix(path)
    with writing(path) as file:
        figure.savefig(file, format=path.suffix.lower()[1:], dpi=150)


def check_suffix(path: Path) -> None:
    """Refuse a file of another kind, before any work is done for it."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}")


def _figure(curves: Mapping[str, Roc], title: str) -> tuple[Any, Any]:
    if not curves:
        raise InputError("found no curves to draw")
    # The classes themselves: pyplot would keep figures, and look for a screen.
    module = needed("matplotlib.figure", extra="eval", purpose="drawing curves")
    figure = module.Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    if title:
        axes.set_title(title)
    return figure, axes


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Leave out steps that no picture could show, most where the x axis is dense."""
    if len(x) <= _MOST_POINTS:
        return x, y
    # Even over the logarithm of their number: the low rates, which matter, keep every step.
    keep = np.unique(np.geomspace(1, len(x), _MOST_POINTS).astype(np.int64)) - 1
    return x[keep], y[keep]


def _rate(tick: float) -> str:
    """Name a rate on an axis."""
    if tick >= _PER_CENT:
        return f"{100 * tick:g}%"
    return f"$10^{{{round(np.log10(tick))}}}$"


def _probit(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = NormalDist().inv_cdf
    return np.array([inverse(float(rate)) for rate in rates])
