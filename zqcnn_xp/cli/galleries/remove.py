"""``zqcnn-xp gallery remove``: persons and photos out of a gallery, for good."""

from __future__ import annotations

import argparse

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import add_command, opened
from zqcnn_xp.cli.output import note, print_json
from zqcnn_xp.errors import InputError

__all__ = ["add", "remove"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "remove",
        "take persons or photos out of a gallery, for good",
        "The gallery is written anew without them, and takes the old one's place at once. Their "
        "features, names and metadata are in none of its files any more; copies and exports that "
        "were made before still have them.",
        remove,
    )
    parser.add_argument("--person", nargs="+", metavar="NAME", default=[], help="all their photos")
    parser.add_argument(
        "--photo", nargs="+", metavar="NAME", default=[], help="single photos, as search names them"
    )


def remove(args: argparse.Namespace) -> int:
    """Remove what is named: all of it, or nothing where one is not there."""
    import numpy as np

    if not (args.person or args.photo):
        raise InputError("expected --person or --photo")
    with opened(args, "a") as found:
        store = found.store
        ids, people = store.label_ids()
        numbers = {name: number for number, name in enumerate(people)}
        wanted = [numbers.get(name, -1) for name in args.person]
        counts = np.bincount(ids[ids >= 0], minlength=len(people))
        gone = np.isin(ids, [number for number in wanted if number >= 0])
        for name, number in zip(args.person, wanted, strict=True):
            if number < 0 or not counts[number]:
                raise InputError(f"{args.gallery}: found no person {name!r}")
        photos = set(args.photo)
        seen = set()
        if photos:
            for row, name in enumerate(store.names):
                if name in photos:
                    gone[row] = True
                    seen.add(name)
        if missing := sorted(photos - seen):
            raise InputError(f"{args.gallery}: found no photo {missing[0]!r}")
        left = int(np.count_nonzero(~gone))
        removed = store.remove(np.flatnonzero(gone))
    if args.json:
        print_json({"gallery": str(args.gallery), "removed": removed, "rows": left})
    else:
        note(f"{removed} rows removed, {left} left")
    return 0
