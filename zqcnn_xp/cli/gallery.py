"""``zqcnn-xp gallery``: known persons, kept on disk, searched, and looked through for mistakes."""

from __future__ import annotations

import argparse
from importlib import import_module

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import GALLERY_CODES

__all__ = ["add"]

COMMANDS = (
    "create",
    "add",
    "remove",
    "search",
    "verify",
    "dedupe",
    "outliers",
    "cluster",
    "subset",
    "export",
    "import",
    "info",
)
_MODULES = {"import": "import_", "export": "export"}


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command and its own sub-commands."""
    parser = commands.add_parser(
        "gallery",
        help="keep the faces of known persons, and find persons in photos",
        description="A gallery is a folder on disk with the features of faces, made by one "
        "network. It is made by create, filled by add, and asked by search.",
        epilog=GALLERY_CODES,
    )
    inner = parser.add_subparsers(dest="gallery_command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = import_module(f"zqcnn_xp.cli.galleries.{_MODULES.get(name, name)}")
        module.add(inner, common)
