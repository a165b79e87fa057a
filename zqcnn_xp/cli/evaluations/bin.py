"""``zqcnn-xp eval bin``: verification sets in one file each, as insightface's tools write them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.evaluations.pair_arguments import add_network, add_protocols, chosen_flips
from zqcnn_xp.cli.evaluations.pair_report import check_plots, judge, show
from zqcnn_xp.cli.output import note
from zqcnn_xp.errors import DatasetError, ImageError, InputError, ShapeError

if TYPE_CHECKING:
    from zqcnn_xp.cli.evaluations.pair_features import Features
    from zqcnn_xp.evaluation.bin_file import BinSet
    from zqcnn_xp.evaluation.pairs import PairSet
    from zqcnn_xp.evaluation.report import PairReport

__all__ = ["add"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "bin",
        parents=[common],
        help="verification sets in .bin files (lfw.bin, cfp_fp.bin, agedb_30.bin, ...)",
        description="Judge the pairs of verification sets, each in one file of images and labels. "
        "The files are pickles, but none is unpickled: nothing in them is run. A set that cannot "
        "be read is reported, the others are judged all the same, and the exit code is then 1.",
    )
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET.bin", help="the sets")
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="leave out and report pairs with damaged images; the exit code is then 1",
    )
    add_network(parser)
    add_protocols(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge every set and print what was found."""
    check_plots(args)
    sets: list[list[PairReport]] = []
    networks: list[Any] = []
    errors: dict[str, str] = {}
    for path in args.sets:
        try:
            pairs, features = _one(args, path)
        except (DatasetError, ShapeError, OSError) as error:
            reason = str(error)
            if isinstance(error, OSError) and error.strerror:
                reason = f"{path}: {error.strerror}"
            errors[str(path)] = reason
            note(f"error: {reason}")
            continue
        try:
            reports = judge(args, path.stem, pairs, features)
        except InputError as error:  # features that cannot be judged, of this set alone
            errors[str(path)] = f"{path}: {error}"
            note(f"error: {path}: {error}")
            continue
        sets.append(reports)
        networks.append(features.network)
    return show(args, sets, networks, errors)


def _one(args: argparse.Namespace, path: Path) -> tuple[PairSet, Features]:
    """Read one set and make its features, in the order of the pairs' names."""
    from zqcnn_xp.cli.evaluations.pair_features import embedded
    from zqcnn_xp.evaluation.bin_file import read_bin
    from zqcnn_xp.evaluation.pairs import pairs_of_rows

    found = read_bin(path)
    damaged: dict[int, str] = {}
    crops = _crops(found, damaged, args.allow_missing)
    flips = chosen_flips(args) != ["none"]
    features = embedded(args, crops, len(found.images), flips)
    pairs = pairs_of_rows(found.same, file=path.name)
    good = [name for row, name in enumerate(pairs.names) if row not in damaged]
    pairs = pairs.available(good, allow_missing=True)
    # Images beside a damaged one were embedded, and are in no pair now.
    place = {name: row for row, name in enumerate(good)}
    rows: Any = [place[name] for name in pairs.names]
    mirrored = None if features.mirrored is None else features.mirrored[rows]
    return pairs, features._replace(plain=features.plain[rows], mirrored=mirrored)


def _crops(found: BinSet, damaged: dict[int, str], allow_missing: bool) -> Iterator[Any]:
    """Decode the images one after the other."""
    from zqcnn_xp.vision.io import read_image

    for row, data in enumerate(found.images):
        try:
            yield read_image(data)
        except ImageError as error:
            reason = str(error).removeprefix("<bytes>: ")
            problem = DatasetError(found.name, f"image {row}", reason, "an image")
            if not allow_missing:
                raise problem from None
            note(f"left out: {problem}")
            damaged[row] = reason
