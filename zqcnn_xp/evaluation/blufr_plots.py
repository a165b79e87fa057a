"""BLUFR's curves as pictures: means over the trials, with a band of one deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.evaluation.blufr_result import OPEN_SET_FARS, VERIFICATION_FARS, Blufr
from zqcnn_xp.extras import needed

__all__ = ["blufr_figure"]

_SIZE = (10.0, 4.4)


def blufr_figure(results: Mapping[str, Blufr], title: str = "") -> Any:
    """Draw verification rates, and identification rates at rank 1, over false accept rates.

    Parameters
    ----------
    results
        By their names.
    title
        Above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        With no window. Rates from that of one impostor on, on average, are shown.

    Raises
    ------
    InputError
        If there is nothing to draw.
    PackageMissing
        If matplotlib is not installed.
    """
    if not results:
        raise InputError("found no results to draw")
    module = needed("matplotlib.figure", extra="eval", purpose="drawing curves")
    figure = module.Figure(figsize=_SIZE, layout="constrained")
    if title:
        figure.suptitle(title)
    verified, identified = figure.subplots(1, 2)
    for name, result in results.items():
        _band(verified, VERIFICATION_FARS, result.verification, result.pairs, name)
        rank_1 = result.identification[:, 0]
        _band(identified, OPEN_SET_FARS, rank_1, result.probes, name)
    for axes, words in ((verified, "verification"), (identified, "identification, rank 1")):
        axes.set_xscale("log")
        axes.set_ylim(0, 1.005)
        axes.set_xlabel("false accept rate")
        axes.set_ylabel(f"{words} rate")
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend(loc="lower right")
    return figure


def _band(
    axes: Any,
    fars: NDArray[np.float64],
    rates: NDArray[np.float64],
    counts: NDArray[np.int64],
    name: str,
) -> None:
    """Draw the mean of (trials, fars) rates, and one deviation to either side."""
    shown = fars >= 1 / counts[:, 1].mean()
    mean = rates[:, shown].mean(axis=0)
    spread = rates[:, shown].std(axis=0, ddof=1) if len(rates) > 1 else np.zeros_like(mean)
    (line,) = axes.plot(fars[shown], mean, label=name)
    low, high = mean - spread, np.minimum(mean + spread, 1)
    axes.fill_between(fars[shown], low, high, alpha=0.2, color=line.get_color(), linewidth=0)
