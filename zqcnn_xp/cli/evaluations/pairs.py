"""``zqcnn-xp eval pairs``: any list of pairs, its images in a folder or an archive."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.evaluations.pair_arguments import add_network, add_protocols, chosen_flips
from zqcnn_xp.cli.evaluations.pair_report import check_plots, judge, show
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.cli.evaluations.pair_features import Features
    from zqcnn_xp.evaluation.pairs import PairSet

__all__ = ["add", "add_images", "run_pairs"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "pairs",
        parents=[common],
        help="judge pairs of images from a list",
        description="Judge the pairs of a list: LFW's pairs.txt, lines of path, path, label, "
        "CALFW's and CPLFW's lists of two lines a pair, or CFP's folder Split/FP or Split/FF, "
        "whose images are those of its Data/Images. Images have to be aligned crops. Missing ones "
        "are an error, unless --allow-missing.",
    )
    parser.add_argument("pairs", type=Path, metavar="PAIRS", help="the list, or folder")
    parser.add_argument(
        "--layout",
        choices=("auto", "lfw", "labelled", "two-lines", "cfp"),
        default="auto",
        help="of the list's lines (default: as the first line looks)",
    )
    add_images(parser)
    add_network(parser)
    add_protocols(parser)
    parser.set_defaults(run=run)


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add where images or their features are."""
    group = parser.add_argument_group("images")
    group.add_argument(
        "--images", "--root", type=Path, metavar="FOLDER|ZIP", help="aligned crops, by their names"
    )
    group.add_argument(
        "--suffix", default=".jpg", metavar=".jpg", help="of LFW's images (another will do too)"
    )
    group.add_argument(
        "--features",
        type=Path,
        metavar="FILE.npz",
        help="take features from this file where it is there, else write them to it",
    )
    group.add_argument(
        "--allow-missing",
        action="store_true",
        help="leave out and report pairs with missing or damaged images; the exit code is then 1",
    )


def run(args: argparse.Namespace) -> int:
    """Judge the pairs and print what was found."""
    return run_pairs(args, args.pairs, args.layout, args.pairs.stem)


def run_pairs(args: argparse.Namespace, path: Path, layout: str, name: str) -> int:
    """Judge the pairs of a list and print what was found."""
    from zqcnn_xp.evaluation.pairs import read_pairs

    check_plots(args)
    pairs = read_pairs(path, layout=layout, suffix=args.suffix)
    flips = chosen_flips(args) != ["none"]
    pairs, features = _features(args, pairs, flips)
    return show(args, [judge(args, name, pairs, features)], [features.network])


def _features(args: argparse.Namespace, pairs: PairSet, flips: bool) -> tuple[PairSet, Features]:
    """Make or take the features of all images of the pairs, in the order of their names."""
    from zqcnn_xp.cli.evaluations.pair_features import keep, kept, of_crops
    from zqcnn_xp.evaluation.images import Crops, open_images

    if args.features is not None and args.features.exists():
        return _ordered(pairs, kept(args, args.features, flips), args.allow_missing)
    if args.features is not None and args.features.suffix.lower() != ".npz":
        raise InputError(f"--features {args.features}: no such file; one to write ends in .npz")
    if args.images is None:
        raise InputError("expected --images, or --features of a file that is there")
    with open_images(args.images) as images:
        there = images.available(pairs.names)
        pairs = pairs.available(there, allow_missing=args.allow_missing)
        crops = Crops(images, pairs.names, allow_missing=args.allow_missing)
        found = of_crops(args, crops, flips)
    if args.features is not None:
        keep(args.features, found)
    return _ordered(pairs, found, args.allow_missing)


def _ordered(pairs: PairSet, found: Features, allow_missing: bool) -> tuple[PairSet, Features]:
    """Put features in the order of the pairs' names; an image's suffix may differ."""
    from zqcnn_xp.evaluation.image_places import without_suffix

    place: dict[str, int] = {}
    for row, name in enumerate(found.names):
        place.setdefault(name.replace("\\", "/"), row)
    stems = {without_suffix(name): row for name, row in place.items()}

    def row_of(name: str) -> int | None:
        return place.get(name, stems.get(without_suffix(name)))

    there = [name for name in pairs.names if row_of(name) is not None]
    pairs = pairs.available(there, allow_missing=allow_missing)
    rows: Any = [row_of(name) for name in pairs.names]
    mirrored = None if found.mirrored is None else found.mirrored[rows]
    return pairs, found._replace(names=pairs.names, plain=found.plain[rows], mirrored=mirrored)
