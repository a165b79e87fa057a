"""``zqcnn-xp gallery subset``: a part of a gallery as a gallery of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from zqcnn_xp.cli.arguments import Commands, positive_int
from zqcnn_xp.cli.galleries.arguments import add_command, add_threshold, copy_gallery, opened
from zqcnn_xp.cli.output import note, print_json
from zqcnn_xp.errors import InputError

__all__ = ["add", "subset"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "subset",
        "copy some persons into a new gallery",
        "With --threshold: the persons who have --images photos that similar to their most central "
        "one, and those photos. With --people: so many persons at random.",
        subset,
    )
    parser.add_argument("new", type=Path, metavar="NEW", help="folder of the new gallery")
    parser.add_argument(
        "--images",
        nargs="+",
        type=positive_int,
        metavar="N",
        default=[1],
        help="fewest photos of a person; with --people FEWEST MOST (default: 1)",
    )
    add_threshold(parser, "smallest similarity to the most central photo")
    parser.add_argument("--people", type=positive_int, metavar="N", help="how many, at random")
    parser.add_argument("--seed", type=int, default=0, help="another random choice (default: 0)")


def subset(args: argparse.Namespace) -> int:
    """Choose rows and copy them."""
    from zqcnn_xp.gallery.labelled import Labelled
    from zqcnn_xp.gallery.subset import consistent_subset, random_subset

    if (args.threshold is None) == (args.people is None):
        raise InputError("expected either --threshold or --people")
    if len(args.images) > (1 if args.people is None else 2):
        raise InputError(f"--images: found {len(args.images)} numbers, expected fewer")
    with opened(args) as found:
        labelled = Labelled.of(found.store)
        if args.people is None:
            rows = consistent_subset(labelled, args.images[0], args.threshold)
        else:
            most = args.images[1] if len(args.images) == 2 else max(len(labelled), 1)
            rows = random_subset(labelled, args.people, (args.images[0], most), seed=args.seed)
        people = len(set(labelled.ids[rows].tolist()))
        copied = copy_gallery(found, rows, args.new)
    if args.json:
        print_json({"gallery": str(args.new), "rows": copied, "people": people})
    else:
        note(f"{copied} rows of {people} persons copied to {args.new}")
    return 0
