"""What `zqcnn-xp eval tar-far` prints and draws."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.output import note, print_table

if TYPE_CHECKING:
    from zqcnn_xp.evaluation.far_points import FarPoint, TarFar
    from zqcnn_xp.evaluation.roc import Roc

__all__ = ["document", "draw", "show"]


def show(result: TarFar, pairs: int = 0, names: Sequence[str] | None = None) -> None:
    """Print the operating points as a table, the first pairs as another, and remarks."""
    size = f"{result.genuine:,} genuine and {result.impostors:,} impostor pairs"
    if result.identities is not None:
        size = f"{result.images:,} images of {result.identities:,} identities, {size}"
    if result.dropped:
        note(f"left out {len(result.dropped):,} features that are zero or not finite")
    head = ["FAR", "accepted", "threshold", "TAR %", "FAR, 95 %"]
    if result.replicates:
        head += ["threshold, 95 %", "TAR, 95 %"]
    rows = [_row(point, bool(result.replicates)) for point in result.points]
    print_table(head, rows, title=size, right=head)
    if pairs:
        found = [
            (str(pair["first"]), str(pair["second"]), f"{pair['score']:.5f}")
            for pair in _pairs(result, names)[:pairs]
        ]
        print_table(("impostor", "other", "score"), found, right=("score",))
    small = [point.far for point in result.points if point.threshold is None]
    if small:
        least = 1 / result.impostors
        note(
            f"the set is too small for FAR {', '.join(f'{far:g}' for far in small)}: one accepted "
            f"impostor is already {least:.3g}"
        )
    outside = sum(point.outside for point in result.points)
    if outside:
        note(f"{outside} draws have a threshold below the impostors kept; '?' is an end unknown")


def _row(point: FarPoint, drawn: bool) -> list[str]:
    if point.threshold is None or point.tar is None:
        return [f"{point.far:g}", "0", "-", "-", "-", *(["-", "-"] if drawn else [])]
    cells = [f"{point.far:g}", f"{point.impostors_accepted:,}", f"{point.threshold:.5f}"]
    cells.append(f"{100 * point.tar:.3f}")
    cells.append(_ends(point.far_interval, "{:.2e}", 1))
    if drawn:
        cells += [_ends(point.threshold_interval, "{:.5f}", 1)]
        cells += [_ends(point.tar_interval, "{:.3f}", 100)]
    return cells


def _ends(ends: tuple[float | None, float | None] | None, form: str, scale: float) -> str:
    if ends is None:
        return "-"
    return " .. ".join("?" if end is None else form.format(scale * end) for end in ends)


def _pairs(result: TarFar, names: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the impostor pairs of the highest scores, by names or by rows from 0 on."""
    if result.highest is None:
        return []
    rows = zip(*(column.tolist() for column in result.highest), strict=True)
    return [
        {
            "first": first if names is None else names[first],
            "second": second if names is None else names[second],
            "score": score,
        }
        for score, first, second in rows
    ]


def document(
    result: TarFar, args: argparse.Namespace, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return plain values, ready for JSON."""
    return {
        "protocol": "tar-far",
        "decision": "score > threshold" if args.compat else "score >= threshold",
        "score": "dot" if args.dot else "cosine",
        "compat": args.compat,
        "identities": result.identities,
        "images": result.images,
        "genuine": result.genuine,
        "impostors": result.impostors,
        "dropped": list(result.dropped),
        "replicates": result.replicates,
        "points": [_document(point) for point in result.points],
        "highest_impostor_pairs": _pairs(result, names),
        "curve": dict(zip(("far", "tar", "threshold"), result.curve.T.tolist(), strict=True)),
    }


def _document(point: FarPoint) -> dict[str, Any]:
    """Return plain values; a threshold below all scores is none that JSON has a word for."""
    found = asdict(point)
    if point.threshold is not None and not isfinite(point.threshold):
        found["threshold"] = None
    return found


def draw(args: argparse.Namespace, result: TarFar) -> None:
    """Draw the curves that are asked for, as far as the impostors reach that were kept."""
    if args.roc is None and args.det is None:
        return
    from zqcnn_xp.evaluation.plots import det_figure, roc_figure, save_figure

    curves = {(args.features or args.scores[0]).name: _roc(result)}
    least = 1 / result.impostors
    most = max(float(result.curve[-1, 0]), 2 * least)
    if args.roc is not None:
        figure = roc_figure(curves)
        figure.axes[0].set_xlim(least, most)
        figure.axes[0].set_ylim(0, 1.005)
        save_figure(figure, args.roc)
        note(f"drawn to {args.roc}")
    if args.det is not None:
        save_figure(det_figure(curves, most=min(most, 0.5)), args.det)
        note(f"drawn to {args.det}")


def _roc(result: TarFar) -> Roc:
    """Return the steps that are known, and the end that every curve has."""
    import numpy as np

    from zqcnn_xp.evaluation.roc import Roc

    far, tar, threshold = result.curve.T
    impostors = np.rint(far * result.impostors).astype(np.int64)
    genuine = np.rint(tar * result.genuine).astype(np.int64)
    return Roc(
        np.concatenate([[np.inf], threshold, [-np.inf]]),
        np.concatenate([[0], genuine, [result.genuine]]),
        np.concatenate([[0], impostors, [result.impostors]]),
    )
