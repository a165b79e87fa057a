"""``zqcnn-xp eval``: verification and identification protocols, from images or from features."""

from __future__ import annotations

import argparse
from importlib import import_module

from zqcnn_xp.cli.arguments import Commands

__all__ = ["add"]

COMMANDS = ("lfw", "bin", "pairs", "blufr", "tar_far")


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command and its own sub-commands."""
    parser = commands.add_parser(
        "eval",
        help="evaluate face networks by the usual protocols",
        description="Evaluate face networks by the usual protocols: lfw, bin and pairs judge given "
        "pairs of images, blufr and tar-far all pairs of a set.",
    )
    inner = parser.add_subparsers(dest="eval_command", metavar="PROTOCOL", required=True)
    for name in COMMANDS:
        import_module(f"zqcnn_xp.cli.evaluations.{name}").add(inner, common)
