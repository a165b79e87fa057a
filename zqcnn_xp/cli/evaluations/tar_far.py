"""``zqcnn-xp eval tar-far``: true accept rates at very low false accept rates, over all pairs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zqcnn_xp.cli.arguments import Commands, positive_int, probability
from zqcnn_xp.cli.evaluations.feature_arguments import (
    add_features,
    add_labels,
    labelled_features,
)
from zqcnn_xp.cli.evaluations.pair_report import check_plots
from zqcnn_xp.cli.evaluations.tar_far_report import document, draw, show
from zqcnn_xp.cli.output import note, print_json
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.evaluation.far_points import TarFar

__all__ = ["add"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "tar-far",
        parents=[common],
        help="true accept rates at false accept rates down to 1e-8, over all pairs of a set",
        description="Score all pairs of a set of identities, without holding the scores, and print "
        "the exact threshold and the true accept rate at each false accept rate. A pair is "
        "accepted if its score is not below the threshold.",
    )
    parser.add_argument(
        "features",
        type=Path,
        nargs="?",
        metavar="FEATURES",
        help=".npz, .npy, .mat, .parquet, or a feature store",
    )
    parser.add_argument(
        "--far",
        type=probability,
        nargs="+",
        metavar="RATE",
        help="false accept rates (default: 1e-8 1e-7 1e-6 1e-5)",
    )
    parser.add_argument(
        "--table", action="store_true", help="the 16 rates that ZQCNN prints, 1e-8 to 1e-3"
    )
    parser.add_argument(
        "--compat",
        choices=("zqcnn",),
        help="count and show thresholds as the original does: one impostor more, the next score",
    )
    parser.add_argument(
        "--bootstrap",
        type=positive_int,
        metavar="N",
        help="draw people N times for 95%% intervals of thresholds and true accept rates",
    )
    parser.add_argument(
        "--pairs",
        type=positive_int,
        metavar="N",
        help="also list the N impostor pairs of the highest scores, 100 at most: people with two "
        "names, most often",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the draws (default 0)")
    parser.add_argument(
        "--dot", action="store_true", help="score by the dot product, without normalising"
    )
    parser.add_argument(
        "--drop-bad",
        action="store_true",
        help="leave out features that are zero or not finite and report them, instead of failing",
    )
    parser.add_argument("--roc", type=Path, metavar="FILE", help="draw the ROC: png, svg, pdf")
    parser.add_argument("--det", type=Path, metavar="FILE", help="draw the DET curve")
    group = parser.add_argument_group("ZQCNN's files of all pairs' scores")
    group.add_argument(
        "--scores",
        nargs=2,
        type=Path,
        metavar=("SCORES", "FLAGS"),
        help="read scores (float32 or int16) and flags from these files, instead of features",
    )
    group.add_argument(
        "--write-scores",
        nargs=3,
        type=Path,
        metavar=("SCORES", "FLAGS", "INFO"),
        help="write the features' scores to such files, and evaluate nothing",
    )
    group.add_argument("--int16", action="store_true", help="write scores as int16")
    add_features(parser)
    add_labels(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print, or write the scores."""
    if (args.features is None) == (args.scores is None):
        raise InputError("expected FEATURES, or --scores SCORES FLAGS, and not both")
    if args.int16 and args.write_scores is None:
        raise InputError("--int16: expected --write-scores, whose files it is about")
    if args.table and args.far:
        raise InputError("--table and --far: expected one of them")
    if args.write_scores is not None:
        return _write(args)
    check_plots(args)
    names = None
    if args.scores is not None:
        result = _from_scores(args)
    else:
        result, names = _from_features(args)
    if args.json:
        print_json(document(result, args, names))
    else:
        show(result, args.pairs or 0, names)
    draw(args, result)
    return 1 if result.dropped else 0


def _rates(args: argparse.Namespace) -> tuple[float, ...]:
    from zqcnn_xp.evaluation.far_points import FARS, ZQCNN_FARS

    return ZQCNN_FARS if args.table else tuple(args.far or FARS)


def _from_scores(args: argparse.Namespace) -> TarFar:
    from zqcnn_xp.evaluation.score_files import ScoreFiles, tar_at_far_of_files

    if args.bootstrap or args.write_scores or args.pairs:
        raise InputError("--scores: found an option that needs features; scores name nobody")
    return tar_at_far_of_files(ScoreFiles(*args.scores), _rates(args), compat=args.compat)


def _from_features(args: argparse.Namespace) -> tuple[TarFar, tuple[str, ...] | None]:
    from zqcnn_xp.evaluation.tar_far import tar_at_far
    from zqcnn_xp.registry import get_backend

    features, labels, names = labelled_features(args, args.features)
    found = tar_at_far(
        features,
        labels,
        _rates(args),
        normalise=not args.dot,
        drop_bad=args.drop_bad,
        replicates=args.bootstrap or 0,
        seed=args.seed,
        compat=args.compat,
        backend=get_backend(args.backend, device=args.device),
        threads=args.threads,
        file=str(args.features),
    )
    return found, names


def _write(args: argparse.Namespace) -> int:
    from zqcnn_xp.evaluation.score_export import export_scores

    if args.scores is not None:
        raise InputError("--write-scores: expected FEATURES, whose scores are written")
    features, labels, _ = labelled_features(args, args.features)
    scores, flags, info = args.write_scores
    genuine, impostors = export_scores(
        *(features, labels, scores, flags, info),
        dtype="int16" if args.int16 else "float32",
        normalise=not args.dot,
        file=str(args.features),
    )
    if args.json:
        files = {"scores": str(scores), "flags": str(flags), "info": str(info)}
        print_json(files | {"genuine": genuine, "impostors": impostors})
    else:
        note(f"wrote {genuine:,} genuine and {impostors:,} impostor scores to {scores}")
    return 0
