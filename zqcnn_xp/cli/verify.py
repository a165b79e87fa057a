"""``zqcnn-xp verify``: whether the faces of two images are one person."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from zqcnn_xp.cli.arguments import Commands, accept_rate, exit_codes, finite_float
from zqcnn_xp.cli.detector import add_detector, make_detector
from zqcnn_xp.cli.embedder import add_embedder, make_embedder, said_as_options
from zqcnn_xp.cli.face_arguments import PICKS, add_aligned, add_face, add_flip
from zqcnn_xp.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.embedding import Verification

__all__ = ["add", "verify"]

# Said here, so that --help needs no NumPy; a test holds it against where it comes from.
DEFAULT = "sface"


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "verify",
        parents=[common],
        help="compare the faces of two images",
        description="Compare the faces of two images: their similarity (cosine), the threshold in "
        "force, and what that threshold rests on. A network without one gives the similarity "
        "alone. The exit code does not depend on the answer.",
        epilog=exit_codes("a file is damaged, or a crop of another size"),
    )
    parser.add_argument("a", metavar="A", help="the first image")
    parser.add_argument("b", metavar="B", help="the second image")
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument(
        "--far",
        type=accept_rate,
        metavar="RATE",
        help="decide at this false-accept rate, one of those the card has a threshold for, or at "
        "the published threshold of the network's authors (default: 0.001, else published)",
    )
    limit.add_argument(
        "--threshold", type=finite_float, metavar="COSINE", help="decide at a cosine of your own"
    )
    add_aligned(parser)
    add_face(parser, PICKS[0], PICKS)
    add_flip(parser)
    add_embedder(parser, default=DEFAULT, compat="--model-compat")
    add_detector(parser)
    parser.set_defaults(run=verify)


def _rows(found: Verification) -> list[tuple[str, str]]:
    """Return the rows of the table."""
    answer = {True: "the same person", False: "different people", None: "not decided"}[found.same]
    rows = [("answer", answer), ("similarity", f"{found.similarity:.4f}")]
    if found.threshold is not None:
        rows.append(("threshold", f"{found.threshold:g}"))
    if found.source:
        rates = (("false-accept rate", found.far), ("true-accept rate", found.tar))
        rows += [(name, "not stated" if rate is None else f"{rate:g}") for name, rate in rates]
        rows += [("measured on", found.dataset), ("protocol", found.protocol)]
        rows.append(("source", found.source))
    rows.append(("network", found.model))
    return rows


def verify(args: argparse.Namespace) -> int:
    """Compare two images."""
    from zqcnn_xp.pipelines.embedding import verify as compare
    from zqcnn_xp.threads import thread_setting

    embedder = make_embedder(args, flip=args.flip)
    setting = thread_setting()
    detector = None
    if not args.aligned:
        detector = make_detector(args, threads=setting.value if setting.asked else 1)
    with said_as_options(args):
        found = compare(
            args.a,
            args.b,
            embedder=embedder,
            detector=detector,
            far=args.far,
            threshold=args.threshold,
            aligned=args.aligned,
            pick=args.face,
            resize=args.resize,
        )
    for path, count in zip((args.a, args.b), found.faces, strict=True):
        if count > 1:
            note(f"{path}: {count} faces, the {args.face} one was taken")
    if found.same is None:
        note(f"{found.model} has no threshold that holds here: give --threshold to decide")
    if args.json:
        print_json({"images": [args.a, args.b]} | found.to_dict())
    else:
        print_table(("what", "value"), _rows(found))
    return 0
