"""``zqcnn-xp gallery import``: features of a file into a gallery."""

from __future__ import annotations

import argparse

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import add_command, opened
from zqcnn_xp.cli.galleries.export import add_format
from zqcnn_xp.cli.output import note, print_json

__all__ = ["add", "import_file"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "import",
        "append the features of a file to a gallery",
        "All of them, or none where the file is damaged. They have to be of the gallery's network "
        "and of length 1: a file does not say so.",
        import_file,
    )
    add_format(parser)


def import_file(args: argparse.Namespace) -> int:
    """Append the rows of the file."""
    from zqcnn_xp.gallery.exchange import import_features

    with opened(args, "a") as found:
        rows = import_features(found.store, args.file, args.format, names=args.names)
        total = len(found.store)
    if args.json:
        print_json({"gallery": str(args.gallery), "file": str(args.file), "rows": rows})
    else:
        note(f"{rows} rows of {args.file} appended, {total} in all")
    return 0
