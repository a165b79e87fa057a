"""``zqcnn-xp gallery export``: a gallery as a file that others read."""

from __future__ import annotations

import argparse
from pathlib import Path

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import add_command, opened
from zqcnn_xp.cli.output import note, print_json

__all__ = ["add", "add_format", "export"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "export",
        "write a gallery as a file",
        "The suffix says which: .npy, .npz, .parquet; ZQCNN's have to be named.",
        export,
    )
    add_format(parser)
    parser.add_argument(
        "--skip-nobody", action="store_true", help="leave out what is of nobody, for ZQCNN's files"
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add the file of an import or export."""
    parser.add_argument("file", type=Path, metavar="FILE", help="features")
    parser.add_argument(
        "--format",
        choices=("zqcnn", "zqcnn-compact", "imgfeat", "npy", "npz", "parquet"),
        help="of the file (default: by its suffix)",
    )
    parser.add_argument(
        "--names",
        type=Path,
        metavar="FILE",
        help="a text with one name a line: persons for ZQCNN's files, rows for .npy",
    )


def export(args: argparse.Namespace) -> int:
    """Write the file."""
    from zqcnn_xp.gallery.exchange import export_features

    with opened(args) as found:
        rows = export_features(
            found.store,
            args.file,
            args.format,
            names=args.names,
            skip_unlabelled=args.skip_nobody,
        )
    if args.json:
        print_json({"gallery": str(args.gallery), "file": str(args.file), "rows": rows})
    else:
        note(f"{rows} rows written to {args.file}")
    return 0
