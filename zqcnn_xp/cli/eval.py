"""``zqcnn-xp eval``: verification and identification protocols, from images or from features."""

from __future__ import annotations

import argparse
from importlib import import_module

from zqcnn_xp.cli.arguments import Commands, exit_codes

__all__ = ["add"]

_CODES = exit_codes("a set, features or a network cannot be used")
COMMANDS = ("lfw", "bin", "pairs", "blufr", "tar_far")


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command and its own sub-commands."""
    parser = commands.add_parser(
        "eval",
        help="evaluate face networks by the usual protocols",
        description="Evaluate face networks by the usual protocols: lfw, bin and pairs judge given "
        "pairs of images, blufr and tar-far all pairs of a set.",
        epilog=_CODES,
    )
    inner = parser.add_subparsers(dest="eval_command", metavar="PROTOCOL", required=True)
    for name in COMMANDS:
        import_module(f"zqcnn_xp.cli.evaluations.{name}").add(inner, common)
    for protocol in inner.choices.values():
        protocol.epilog = _CODES
