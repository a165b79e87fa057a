"""``zqcnn-xp gallery verify``: whether every byte of a gallery is as it was written."""

from __future__ import annotations

import argparse

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import add_command, opened
from zqcnn_xp.cli.output import note, print_json, print_table

__all__ = ["add", "verify"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    add_command(
        commands,
        common,
        "verify",
        "compare every byte of a gallery with its checksum",
        "What is damaged is named with the rows that it holds, and the exit code is then 1. What a "
        "cut-off append left behind is no damage: it is taken away by the next one.",
        verify,
    )


def verify(args: argparse.Namespace) -> int:
    """Read everything; 1 where something is damaged."""
    with opened(args) as found:
        store = found.store
        damages = list(store.damages())
        loose = store.uncommitted()
        rows = len(store)
    if args.json:
        print_json(
            {
                "gallery": str(args.gallery),
                "rows": rows,
                "damages": [
                    {
                        "file": damage.file,
                        "where": damage.where,
                        "found": damage.found,
                        "expected": damage.expected,
                    }
                    for damage in damages
                ],
                "uncommitted_bytes": sum(loose.values()),
            }
        )
    elif damages:
        print_table(
            ("file", "where", "found", "expected"),
            [(one.file, one.where, one.found, one.expected) for one in damages],
        )
    if loose:
        note(f"{sum(loose.values())} bytes of an append that goes on, or that was cut off")
    if not args.json:
        note(f"{rows} rows, {len(damages)} damages")
    return int(bool(damages))
