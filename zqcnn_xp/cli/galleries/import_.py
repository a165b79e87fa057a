"""``zqcnn-xp gallery import``: features of a file into a gallery."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.galleries.arguments import add_command, opened
from zqcnn_xp.cli.galleries.export import add_format
from zqcnn_xp.cli.output import note, print_json
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store import Store
    from zqcnn_xp.gallery.store.batch import Batch

__all__ = ["add", "import_file"]

# Rows looked at, and how far their lengths may be from 1: int8 rounds them by less.
_LOOKED_AT, _AWAY = 1000, 0.02


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
    parser.add_argument(
        "--normalise", action="store_true", help="scale features to length 1, as photos' are"
    )
    parser.add_argument(
        "--folders",
        action="store_true",
        help="a row of nobody is of the person whose folder its name lies in (Ann/0.jpg: Ann), as "
        "'zqcnn-xp embed' writes names; not for photos of several people",
    )


def import_file(args: argparse.Namespace) -> int:
    """Append the rows of the file."""
    from zqcnn_xp.gallery.exchange import open_features

    with opened(args, "a") as found:
        store = found.store
        before = len(store)
        source = open_features(args.file, args.format, names=args.names)
        if source.dim != store.dim:
            found_dim = f"{source.dim} values of a feature in {source.name}"
            raise InputError(f"found {found_dim}, expected {store.dim} as the gallery holds")
        batches = source.batches
        if args.folders:
            batches = map(_by_folders, batches)
        if args.normalise:
            batches = map(_unit, batches)
        rows = store.extend(batches)
        if not args.normalise:
            _look_at_lengths(store, before)
        nobody = sum(who is None for who in islice(store.labels, before, None))
        total = len(store)
    if args.json:
        document = {"gallery": str(args.gallery), "file": str(args.file), "rows": rows}
        print_json(document | {"nobody": nobody})
    else:
        note(f"{rows} rows of {args.file} appended, {total} in all")
    if nobody:
        hint = "" if args.folders else "; --folders takes persons from the names' folders"
        note(f"{nobody} of them are of nobody, whom a search never names{hint}")
    return 0


def _by_folders(batch: Batch) -> Batch:
    """Return a batch whose rows of nobody are of the last folder of their names, if any."""
    labels = batch.labels or [None] * len(batch.names)
    folders = (PurePosixPath(name.replace("\\", "/")).parent.name for name in batch.names)
    return batch._replace(
        labels=[who or folder or None for who, folder in zip(labels, folders, strict=True)]
    )


def _unit(batch: Batch) -> Batch:
    """Return a batch with features of length 1; zeros stay zeros."""
    from zqcnn_xp.gallery.rows import as_rows, decoded
    from zqcnn_xp.pipelines.embedding.forward import unit_rows

    rows = as_rows(batch.features)
    return batch._replace(features=unit_rows(decoded(rows, 0, rows.shape[0])))


def _look_at_lengths(store: Store, before: int) -> None:
    """Say so where the first of the new features are not of length 1."""
    import numpy as np

    from zqcnn_xp.gallery.rows import decoded

    some = decoded(store.rows, before, min(len(store), before + _LOOKED_AT))
    away = np.abs(np.linalg.norm(some, axis=1) - 1)
    if away.max(initial=0) > _AWAY:
        note(
            "warning: found features that are not of length 1, so that similarities are no "
            "cosines; --normalise scales them"
        )
