"""``zqcnn-xp gallery outliers``: photos that do not fit their person."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import (
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

__all__ = ["add", "outliers"]

Entry = dict[str, Any]

_NUMBERS = ("similarity", "other", "others")


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "outliers",
        "find photos that do not fit their person",
        "A person's most central photo is the one with the largest sum of similarities to the "
        "others. Photos are ranked by their similarity to it, the worst first.",
        outliers,
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--mislabelled",
        action="store_true",
        help="only photos that are nearer to another person's central photo than to their own's",
    )
    kind.add_argument(
        "--worst-pairs",
        action="store_true",
        help="the least similar two photos of each person instead",
    )
    add_threshold(parser, "only what is less similar than this (default: all)")
    add_limit(parser, 100, "show this many, the worst")
    add_copy_to(parser, "what is below --threshold, or mislabelled")


def outliers(args: argparse.Namespace) -> int:
    """Print the worst photos or pairs."""
    import numpy as np

    from zqcnn_xp.gallery.labelled import Labelled

    if args.copy_to is not None:
        if args.worst_pairs:
            raise InputError("found --worst-pairs with --copy-to: which of the two is wrong?")
        if args.threshold is None and not args.mislabelled:
            raise InputError("found --copy-to, expected --threshold or --mislabelled with it")
    copied = None
    with opened(args) as found:
        labelled, names = Labelled.of(found.store), found.store.names
        kind = _pairs if args.worst_pairs else _mislabelled if args.mislabelled else _ranked
        rows, entries = kind(args, labelled, names)
        single = [labelled.people[int(person)] for person in np.flatnonzero(labelled.counts == 1)]
        if args.copy_to is not None:
            copied = copy_gallery(found, np.setdiff1d(np.arange(len(labelled)), rows), args.copy_to)
    if args.json:
        document = {"gallery": str(args.gallery), "outliers": entries, "single": single}
        print_json(document | ({} if copied is None else {"copied": copied}))
        return 0
    cells = [
        [f"{value:.4f}" if isinstance(value, float) else str(value) for value in entry.values()]
        for entry in entries
    ]
    if entries:
        print_table(list(entries[0]), cells, right=_NUMBERS)
    note(f"{len(entries)} shown; of {len(single)} persons with a single photo nothing can be said")
    if copied is not None:
        note(f"{copied} of {len(labelled)} rows copied to {args.copy_to}")
    return 0


def _ranked(args: argparse.Namespace, labelled: Any, names: Any) -> tuple[Any, list[Entry]]:
    """Return rows, and entries of the worst photos."""
    from zqcnn_xp.gallery.outliers import find_outliers

    found = find_outliers(labelled, args.threshold)
    columns = (found.rows, found.people, found.to_pivot, found.to_others)
    return found.rows, [
        {
            "similarity": round(float(similarity), 6),
            "person": labelled.people[person],
            "photo": names[int(row)],
            "others": round(float(others), 6),
        }
        for row, person, similarity, others in _first(columns, args.limit)
    ]


def _mislabelled(args: argparse.Namespace, labelled: Any, names: Any) -> tuple[Any, list[Entry]]:
    """Return rows, and entries of photos that are nearer to somebody else."""
    from zqcnn_xp.gallery.outliers import find_mislabelled

    found = find_mislabelled(labelled, below=args.threshold, **scan_options(args))
    return found.rows, [
        {
            "similarity": round(float(own), 6),
            "person": labelled.people[person],
            "photo": names[int(row)],
            "other": round(float(other), 6),
            "nearer": labelled.people[nearer],
        }
        for row, person, nearer, own, other in _first(found, args.limit)
    ]


def _pairs(args: argparse.Namespace, labelled: Any, names: Any) -> tuple[Any, list[Entry]]:
    """Return no rows, and entries of the least similar pairs."""
    from zqcnn_xp.gallery.worst_pairs import find_worst_pairs

    found = find_worst_pairs(labelled)
    return None, [
        {
            "similarity": round(float(score), 6),
            "person": labelled.people[person],
            "first": names[int(first)],
            "second": names[int(second)],
        }
        for person, first, second, score in _first(found, args.limit)
        if args.threshold is None or score < args.threshold
    ]


def _first(columns: Any, limit: int) -> Iterator[tuple[Any, ...]]:
    """Yield the first rows of some columns."""
    return zip(*(column[:limit] for column in columns), strict=True)
