"""``zqcnn-xp gallery add``: photos into a gallery, one folder a person."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.detector import add_detector, make_detector
from zqcnn_xp.cli.face_arguments import add_aligned, add_face
from zqcnn_xp.cli.galleries.arguments import (
    add_command,
    add_model,
    embedder_for,
    opened,
    photo_threads,
)
from zqcnn_xp.cli.output import note, print_json, print_table, tracked
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.gallery.photos import Embedded
    from zqcnn_xp.gallery.store.batch import Batch

__all__ = ["add", "add_photos"]

_COMMIT = 256


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "add",
        "add the faces of a folder's photos",
        "The folder has one folder for each person. A photo that is in the gallery already, by "
        "its name below the folder, is left out. Photos without a face are reported, the others "
        "are added all the same, and the exit code is then 1.",
        add_photos,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with a folder a person")
    parser.add_argument(
        "--person", metavar="NAME", help="whom all photos show, whatever their folders"
    )
    add_aligned(parser)
    add_face(parser, "central", ("central", "largest", "best"), option="--choose")
    parser.add_argument(
        "--force",
        action="store_true",
        help="make the features of all photos anew; one that fails keeps what is there of it",
    )
    add_model(parser)
    add_detector(parser)


def add_photos(args: argparse.Namespace) -> int:
    """Add what is not there yet; 1 where some photos gave nothing."""
    import numpy as np

    from zqcnn_xp.gallery.photos import embed_photos, find_photos

    photos = find_photos(args.folder)
    if args.person is not None:
        photos = [photo._replace(person=args.person) for photo in photos]
    with opened(args, "a") as found:
        store = found.store
        embedder, origin = embedder_for(args, found.origin)
        if embedder.dim != store.dim:
            made = f"{embedder.dim} values of a feature by {embedder.name}"
            raise InputError(f"found {made}, expected {store.dim} as the gallery holds")
        if found.origin is None:
            origin.write(args.gallery)
        known = set() if args.force else set(store.names)
        wanted = [photo for photo in photos if photo.name not in known]
        detector = None if args.aligned else make_detector(args)
        outcomes: list[Embedded] = []
        results = tracked(
            embed_photos(
                wanted,
                embedder,
                detector,
                choice=args.choose,
                threads=photo_threads(),
                resize=args.resize,
            ),
            len(wanted),
            "embedding",
        )
        batches = _batches(results, outcomes)
        if args.force:
            # All are made before a row goes: a photo that fails this time keeps what it had.
            new = list(batches)
            again = {outcome.photo.name for outcome in outcomes if not outcome.error}
            kept = [row for row, name in enumerate(store.names) if name not in again]
            if new:
                store.rewrite(np.array(kept, np.int64), new)
        else:
            # Each batch counts by itself: an interrupted command goes on where it was.
            store.extend(batches, each=True)
    _report(args, outcomes, len(photos) - len(wanted))
    return int(any(outcome.error for outcome in outcomes))


def _batches(results: Iterator[Embedded], outcomes: list[Embedded]) -> Iterator[Batch]:
    """Yield what was embedded, some hundred rows at a time."""
    import numpy as np

    from zqcnn_xp.gallery.store.batch import Batch

    waiting: list[Embedded] = []

    def batch() -> Batch:
        return Batch(
            np.concatenate([one.features for one in waiting]),
            [one.photo.name for one in waiting],
            [one.photo.person for one in waiting],
            [one.meta[0] for one in waiting],
        )

    for outcome in results:
        outcomes.append(outcome._replace(features=outcome.features[:0]))
        if outcome.error:
            note(f"error: {outcome.error}")
            continue
        waiting.append(outcome)
        if len(waiting) == _COMMIT:
            yield batch()
            waiting = []
    if waiting:
        yield batch()


def _report(args: argparse.Namespace, outcomes: list[Embedded], skipped: int) -> None:
    """Print what became of each photo, by person."""
    failed = [outcome for outcome in outcomes if outcome.error]
    added = len(outcomes) - len(failed)
    if args.json:
        images: list[dict[str, Any]] = [
            {"path": str(one.photo.path), "person": one.photo.person}
            | (
                {"error": one.error}
                if one.error
                else {"name": one.photo.name} | (one.meta[0] or {})
            )
            for one in outcomes
        ]
        print_json(
            {
                "gallery": str(args.gallery),
                "added": added,
                "skipped": skipped,
                "failed": len(failed),
                "images": images,
            }
        )
        return
    people: dict[str, list[int]] = {}
    for one in outcomes:
        counts = people.setdefault(one.photo.person or "(nobody)", [0, 0])
        counts[bool(one.error)] += 1
    rows = [(person, *counts) for person, counts in people.items()]
    if rows:
        print_table(("person", "added", "failed"), rows, right=("added", "failed"))
    note(f"{added} added, {skipped} there already, {len(failed)} failed")
