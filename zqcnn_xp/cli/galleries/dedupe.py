"""``zqcnn-xp gallery dedupe``: the same photo twice, one person under two names."""

from __future__ import annotations

import argparse
from typing import Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import (
    Opened,
    add_command,
    add_copy_to,
    add_limit,
    add_threshold,
    copy_gallery,
    opened,
    scan_options,
)
from zqcnn_xp.cli.output import note, print_json, print_table
from zqcnn_xp.errors import InputError

__all__ = ["add", "dedupe"]

PHOTOS, PEOPLE = 0.95, 0.6


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "dedupe",
        "find photos that are there twice",
        "Every feature is compared with every other. With --people, the most central features of "
        "persons are compared instead: that finds one person under two names.",
        dedupe,
    )
    parser.add_argument(
        "--people", action="store_true", help="find persons who are there twice, not photos"
    )
    add_threshold(parser, f"smallest similarity (default: {PHOTOS}, with --people {PEOPLE})")
    parser.add_argument(
        "--where",
        choices=("all", "within", "across"),
        default="all",
        help="pairs of photos of one person, of two, or all (default: all)",
    )
    add_limit(parser, 1000, "keep this many pairs, the most similar")
    add_copy_to(parser, "the later photo of each pair")


def dedupe(args: argparse.Namespace) -> int:
    """Print the pairs, the most similar first."""
    from zqcnn_xp.gallery.duplicates import find_duplicates, find_repeated_people
    from zqcnn_xp.gallery.labelled import Labelled

    if args.people and args.copy_to is not None:
        raise InputError("found --people with --copy-to: which of two persons is right?")
    options = {"limit": args.limit, **scan_options(args)}
    with opened(args) as found:
        labelled = Labelled.of(found.store)
        if args.people:
            least = PEOPLE if args.threshold is None else args.threshold
            result = find_repeated_people(labelled, least, **options)
            pairs = _people(labelled, result.pairs)
        else:
            least = PHOTOS if args.threshold is None else args.threshold
            result = find_duplicates(labelled, least, where=args.where, **options)
            pairs = _photos(found, result.pairs)
        copied = None
        if args.copy_to is not None:
            if result.more:
                raise InputError(f"found more than {args.limit} pairs, expected --limit to be more")
            import numpy as np

            kept = np.setdiff1d(np.arange(len(labelled)), result.pairs.second)
            copied = copy_gallery(found, kept, args.copy_to)
    if args.json:
        document = {"gallery": str(args.gallery), "threshold": least, "pairs": pairs}
        document |= {"more": result.more} | ({} if copied is None else {"copied": copied})
        print_json(document)
        return 0
    head = ("similarity", "first", "second")
    rows = [(f"{pair['score']:.4f}", pair["first"], pair["second"]) for pair in pairs]
    print_table(head, rows, right=("similarity",))
    more = ", and more that are less similar" if result.more else ""
    note(f"{len(pairs)} pairs at similarity {least:g}{more}")
    if copied is not None:
        note(f"{copied} of {len(labelled)} rows copied to {args.copy_to}")
    return 0


def _photos(found: Opened, pairs: Any) -> list[dict[str, Any]]:
    names = found.store.names
    labels = found.store.labels
    return [
        {
            "first": names[int(first)],
            "second": names[int(second)],
            "people": [labels[int(first)], labels[int(second)]],
            "score": round(float(score), 6),
        }
        for first, second, score in zip(*pairs, strict=True)
    ]


def _people(labelled: Any, pairs: Any) -> list[dict[str, Any]]:
    return [
        {
            "first": labelled.people[first],
            "second": labelled.people[second],
            "score": round(float(score), 6),
        }
        for first, second, score in zip(*pairs, strict=True)
    ]
