"""``zqcnn-xp eval blufr``: verification and open-set identification on BLUFR's trials."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.evaluations.feature_arguments import add_features, given_features
from zqcnn_xp.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from zqcnn_xp.evaluation.blufr_result import Blufr

__all__ = ["add"]

# What the tables of papers show.
_VERIFICATION = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
_IDENTIFICATION = ((1e-3, 1), (1e-2, 1), (1e-2, 10), (0.1, 1))
_SHOWN = 10


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "blufr",
        parents=[common],
        help="BLUFR: all pairs, and open-set identification, at low false accept rates",
        description="Evaluate features on the trials of a BLUFR configuration. Thresholds are "
        "order statistics of all impostor scores; what counts is the mean over the trials minus "
        "their standard deviation. --json gives all points of the curves of every trial.",
    )
    parser.add_argument("config", type=Path, metavar="CONFIG.mat", help="blufr_lfw_config.mat")
    parser.add_argument(
        "--features", type=Path, required=True, metavar="FILE", help="features of the images"
    )
    parser.add_argument(
        "--order",
        type=Path,
        metavar="FILE.mat",
        help="which row belongs to each image of the configuration, 1-based, such as "
        "index_lightcnn_2_wdref.mat",
    )
    parser.add_argument(
        "--order-name",
        default="index_lightcnn_2_wdref",
        metavar="NAME",
        help="variable in that file (default: index_lightcnn_2_wdref)",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="leave out images without features and report them, instead of failing",
    )
    parser.add_argument(
        "--roc",
        type=Path,
        metavar="FILE",
        help="draw verification and identification rates over false accept rates: png, svg, pdf",
    )
    add_features(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    from zqcnn_xp.errors import DatasetError
    from zqcnn_xp.evaluation.blufr import blufr
    from zqcnn_xp.evaluation.blufr_config import read_blufr_config, read_row_order
    from zqcnn_xp.evaluation.plots import check_suffix, save_figure
    from zqcnn_xp.extras import needed

    if args.roc is not None:
        check_suffix(args.roc)
        needed("matplotlib", extra="eval", purpose="drawing curves")
    config = read_blufr_config(args.config)
    found = given_features(args, args.features)
    features, names = found.array(), found.names
    if args.order is not None:
        order = read_row_order(args.order, args.order_name)
        if len(order) != len(features):
            expected = f"{len(features):,}, one a feature"
            raise DatasetError(str(args.order), args.order_name, f"{len(order):,} rows", expected)
        features, names = features[order], None
    result = blufr(
        features,
        config,
        names=names,
        allow_missing=args.allow_missing,
        threads=args.threads,
        file=str(args.features),
    )
    if args.json:
        print_json(_document(result))
    else:
        _print(result)
    if result.missing and not args.json:
        shown = ", ".join(result.missing[:_SHOWN])
        more = ", ..." if len(result.missing) > _SHOWN else ""
        note(f"left out {len(result.missing):,} images without features: {shown}{more}")
        for number, lost in enumerate(result.left_out, 1):
            note(
                f"trial {number}: left out {lost.test} test images, {lost.gallery} of the gallery, "
                f"{lost.probes} probes, and {lost.unknown} probes whose gallery image is missing"
            )
    if args.roc is not None:
        from zqcnn_xp.evaluation.blufr_plots import blufr_figure

        save_figure(blufr_figure({args.features.name: result}), args.roc)
        note(f"drawn to {args.roc}")
    return 1 if result.missing else 0


def _print(result: Blufr) -> None:
    from zqcnn_xp.evaluation.blufr_result import reported

    rows = []
    for far in _VERIFICATION:
        rates = reported(result.verification_at(far))
        rows.append((f"VR at FAR {100 * far:g}%", *(f"{100 * rate:.2f}" for rate in rates)))
    for far, rank in _IDENTIFICATION:
        rates = reported(result.identification_at(far, rank))
        label = f"DIR at FAR {100 * far:g}%, rank {rank}"
        rows.append((label, *(f"{100 * rate:.2f}" for rate in rates)))
    trials = len(result.verification)
    pairs, probes = result.pairs.mean(axis=0), result.probes.mean(axis=0)
    title = (
        f"BLUFR, {trials} trials; on average {pairs[0]:,.0f} genuine and {pairs[1]:,.0f} impostor "
        f"pairs, {probes[0]:,.0f} genuine and {probes[1]:,.0f} impostor probes"
    )
    head = ("rate", "mean - std %", "mean %", "std %")
    print_table(head, rows, title=title, right=head[1:])


def _document(result: Blufr) -> dict[str, Any]:
    from zqcnn_xp.evaluation.blufr_result import (
        OPEN_SET_FARS,
        RANKS,
        VERIFICATION_FARS,
        reported,
    )

    def three(rates: Any) -> dict[str, float]:
        return dict(zip(("mean_minus_std", "mean", "std"), reported(rates), strict=True))

    return {
        "protocol": "blufr",
        "decision": "score >= threshold",
        "verification_at_0.1%": three(result.verification_at(1e-3)),
        "identification_at_1%_rank_1": three(result.identification_at(1e-2, 1)),
        "verification": {
            "fars": VERIFICATION_FARS.tolist(),
            "rates": result.verification.tolist(),
            "thresholds": result.verification_thresholds.tolist(),
        },
        "identification": {
            "fars": OPEN_SET_FARS.tolist(),
            "ranks": RANKS.tolist(),
            "rates": result.identification.tolist(),
            "thresholds": result.identification_thresholds.tolist(),
        },
        "pairs": [dict(zip(("genuine", "impostor"), row, strict=True)) for row in _rows(result)],
        "probes": [
            dict(zip(("genuine", "impostor"), row, strict=True)) for row in result.probes.tolist()
        ],
        "missing": list(result.missing),
        "left_out": [asdict(lost) for lost in result.left_out],
    }


def _rows(result: Blufr) -> list[list[int]]:
    found: list[list[int]] = result.pairs.tolist()
    return found
