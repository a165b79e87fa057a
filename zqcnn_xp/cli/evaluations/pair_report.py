"""What the commands that judge pairs print: a table, or one JSON document, and pictures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.evaluations.pair_arguments import chosen_flips, chosen_protocols
from zqcnn_xp.cli.output import note, print_json, print_table
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.cli.evaluations.pair_features import Features
    from zqcnn_xp.evaluation.pairs import PairSet
    from zqcnn_xp.evaluation.report import PairReport

__all__ = ["check_plots", "judge", "show"]

_SHOWN = 5


def check_plots(args: argparse.Namespace) -> None:
    """Refuse pictures that cannot be drawn, before the work is done."""
    from zqcnn_xp.evaluation.plots import check_suffix
    from zqcnn_xp.extras import needed

    for path in (args.roc, args.det):
        if path is not None:
            check_suffix(path)
            needed("matplotlib", extra="eval", purpose="drawing curves")


def judge(
    args: argparse.Namespace, name: str, pairs: PairSet, features: Features
) -> list[PairReport]:
    """Judge one set with each flip rule."""
    from zqcnn_xp.evaluation.report import FARS, evaluate_pairs

    omz = {
        "threshold": args.omz_threshold,
        "order": args.omz_order,
        "subsets": args.omz_subsets,
    }
    return [
        evaluate_pairs(
            name,
            pairs,
            features.plain,
            features.mirrored,
            flip=flip,
            protocols=chosen_protocols(args),
            val_rule=args.val_rule,
            fars=args.far or FARS,
            omz=omz,
            draws=args.bootstrap,
            seed=args.seed,
        )
        for flip in chosen_flips(args)
    ]


def show(
    args: argparse.Namespace,
    sets: Sequence[Sequence[PairReport]],
    networks: Sequence[Mapping[str, Any] | None],
    errors: Mapping[str, str] | None = None,
) -> int:
    """Print all reports and draw their curves; 1 where images were left out or sets failed."""
    reports = [report for group in sets for report in group]
    if args.json:
        print_json(_document(sets, networks, errors or {}))
    else:
        _print(reports)
    for group in sets:
        pairs = group[0].pairs
        if pairs.missing:
            shown = ", ".join(pairs.missing[:_SHOWN]) + (", ..." * (len(pairs.missing) > _SHOWN))
            note(
                f"{group[0].name}: {pairs.dropped:,} pairs left out, {len(pairs.missing):,} images "
                f"missing or damaged: {shown}"
            )
    left_out = False
    for report in reports:
        whose = f"{report.name}, flip {report.flip}"
        if report.not_finite:
            left_out = True
            note(f"{whose}: {report.not_finite:,} pairs left out, whose features are not finite")
        if report.zeros:
            note(
                f"{whose}: {report.zeros:,} images have features of zeros, which are like no other"
            )
    _draw(args, reports)
    return 1 if errors or left_out or any(group[0].pairs.missing for group in sets) else 0


def _titles(reports: Sequence[PairReport]) -> list[str]:
    """Name each column by what tells it from the others."""
    several = len({report.name for report in reports}) > 1
    flips = len({report.flip for report in reports}) > 1
    return [
        " ".join(
            [report.name] * (several or not flips)
            + [f"flip {report.flip}"] * (flips or not several)
        )
        for report in reports
    ]


def _print(reports: Sequence[PairReport]) -> None:
    cells: dict[tuple[str, str], list[str]] = {}
    for column, report in enumerate(reports):
        for protocol, quantity, value in report.rows():
            row = cells.setdefault((protocol, quantity), ["-"] * len(reports))
            row[column] = value
    if not reports:
        return
    sizes = {
        f"{report.name}: {len(report.pairs):,} pairs of {len(report.pairs.names):,} images"
        for report in reports
    }
    head = ("protocol", "quantity", *_titles(reports))
    rows = [(*key, *values) for key, values in cells.items()]
    print_table(head, rows, title="; ".join(sorted(sizes)))


def _document(
    sets: Sequence[Sequence[PairReport]],
    networks: Sequence[Mapping[str, Any] | None],
    errors: Mapping[str, str],
) -> dict[str, Any]:
    found = []
    for group, network in zip(sets, networks, strict=True):
        pairs = group[0].pairs
        found.append(
            {
                "set": group[0].name,
                "network": network,
                "pairs": len(pairs),
                "images": len(pairs.names),
                "missing": list(pairs.missing),
                "dropped_pairs": pairs.dropped,
                "results": [report.to_dict() for report in group],
            }
        )
    failed = [{"set": name, "error": error} for name, error in errors.items()]
    return {"sets": found, "failed": failed}


def _draw(args: argparse.Namespace, reports: Sequence[PairReport]) -> None:
    if (args.roc is None and args.det is None) or not reports:
        return
    from zqcnn_xp.evaluation.plots import det_figure, roc_figure, save_figure

    curves = {
        title: report.roc
        for title, report in zip(_titles(reports), reports, strict=True)
        if report.roc is not None
    }
    if not curves:
        raise InputError("found no set with pairs of both kinds, expected one to draw a curve of")
    for path, figure in ((args.roc, roc_figure), (args.det, det_figure)):
        if path is not None:
            save_figure(figure(curves), path)
            note(f"drawn to {path}")
