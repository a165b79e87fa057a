"""``zqcnn-xp eval lfw``: the 6,000 pairs of Labeled Faces in the Wild."""

from __future__ import annotations

import argparse
from pathlib import Path

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.evaluations.pair_arguments import add_network, add_protocols
from zqcnn_xp.cli.evaluations.pairs import add_images, run_pairs

__all__ = ["add"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "lfw",
        parents=[common],
        help="LFW, from aligned images and pairs.txt",
        description="Judge the pairs of LFW by the usual protocols. Images are aligned crops, "
        "Name/Name_0001.jpg below a folder or in a zip archive. Missing ones are an error, unless "
        "--allow-missing.",
    )
    parser.add_argument(
        "--pairs", type=Path, required=True, metavar="FILE", help="the set's own pairs.txt"
    )
    add_images(parser)
    add_network(parser)
    add_protocols(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge the pairs and print what was found."""
    return run_pairs(args, args.pairs, "lfw", "lfw")
