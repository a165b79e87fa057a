"""Arguments of all commands that judge given pairs: the network, its features, the protocols."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zqcnn_xp.cli.arguments import positive_int, probability
from zqcnn_xp.cli.embedder import add_embedder
from zqcnn_xp.cli.embedder import make_embedder as embedder_of
from zqcnn_xp.cli.face_arguments import FLIPS, add_resize
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.embedding import Embedder

__all__ = ["add_network", "add_protocols", "chosen_flips", "make_embedder"]

PROTOCOLS = ("ten-fold", "omz", "lightcnn", "zqcnn")
VAL_RULES = ("conservative", "interpolated", "first-duplicate", "last-duplicate")


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add what says which network makes features, and how it is fed."""
    add_embedder(parser)
    add_resize(parser)


def add_protocols(parser: argparse.ArgumentParser) -> None:
    """Add what is computed, and where pictures go."""
    group = parser.add_argument_group("protocols")
    group.add_argument(
        "--protocol",
        nargs="+",
        choices=(*PROTOCOLS, "all"),
        default=["all"],
        metavar="NAME",
        help=f"{', '.join(PROTOCOLS)}, or all (default)",
    )
    group.add_argument(
        "--flip",
        nargs="+",
        choices=(*FLIPS, "all"),
        default=["none"],
        metavar="RULE",
        help="what is done with the features of mirrored images: none (default), sum, concatenate, "
        "or all three",
    )
    group.add_argument(
        "--val-rule",
        choices=VAL_RULES,
        default=VAL_RULES[0],
        help="how the threshold of VAL at FAR is found; the last two as in old logs",
    )
    group.add_argument(
        "--far",
        nargs="+",
        type=probability,
        metavar="RATE",
        help="false accept rates to report on the ROC curve (default: 0.01 0.001 0)",
    )
    group.add_argument(
        "--omz-threshold",
        choices=("train_median", "best_train_threshold"),
        default="train_median",
        help="of Open Model Zoo's protocol (default: train_median)",
    )
    group.add_argument(
        "--omz-order",
        choices=("pairs", "lfw"),
        default="pairs",
        help="its parts are runs of pairs, as it does with .bin sets (default), or of first images",
    )
    group.add_argument(
        "--omz-subsets", type=positive_int, default=10, metavar="N", help="its parts (default: 10)"
    )
    group.add_argument(
        "--bootstrap",
        type=positive_int,
        default=0,
        metavar="N",
        help="draw pairs N times for 95%% intervals of the ROC curve's figures",
    )
    group.add_argument("--seed", type=int, default=0, metavar="S", help="of the draws (default 0)")
    group.add_argument(
        "--roc", type=Path, metavar="FILE", help="draw the ROC curves: png, svg, pdf"
    )
    group.add_argument("--det", type=Path, metavar="FILE", help="draw the DET curves")


def chosen_flips(args: argparse.Namespace) -> list[str]:
    """Return the flip rules, each once."""
    asked: Iterable[str] = FLIPS if "all" in args.flip else args.flip
    return list(dict.fromkeys(asked))


def chosen_protocols(args: argparse.Namespace) -> list[str]:
    """Return the protocols, each once."""
    asked: Iterable[str] = PROTOCOLS if "all" in args.protocol else args.protocol
    return list(dict.fromkeys(asked))


def make_embedder(args: argparse.Namespace, *, mirrored: bool) -> Embedder:
    """Make the embedder that the arguments describe.

    Parameters
    ----------
    args
        The command line.
    mirrored
        Whether the features of mirrored images are made too, beside the others.

    Raises
    ------
    InputError
        If they name no network.
    """
    if not args.model:
        raise InputError("expected --model, the network whose features are judged")
    return embedder_of(args, flip="concatenate" if mirrored else "none")
