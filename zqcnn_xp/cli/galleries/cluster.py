"""``zqcnn-xp gallery cluster``: sort photos by person when nobody has said who is who."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, finite_float, positive_int
from zqcnn_xp.cli.detector import add_detector, make_detector
from zqcnn_xp.cli.face_arguments import add_aligned
from zqcnn_xp.cli.galleries.arguments import (
    add_command,
    add_decision,
    add_model,
    embedder_for,
    opened,
    photo_threads,
    scan_options,
    threshold_for,
)
from zqcnn_xp.cli.output import note, print_json, print_table, tracked
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.gallery.rows import Features

__all__ = ["add", "cluster"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "cluster",
        "group faces that are one person's",
        "In place of a gallery a folder of photos will do, with --model.",
        cluster,
    )
    add_decision(parser)
    parser.add_argument(
        "--method",
        choices=("components", "density", "masters"),
        default="components",
        help="join every pair at the threshold; only faces with enough neighbours; or ZQCNN's two "
        "steps (default: components)",
    )
    parser.add_argument(
        "--neighbours", type=positive_int, metavar="N", default=2, help="for density (default: 2)"
    )
    parser.add_argument(
        "--conquer", type=finite_float, metavar="SIMILARITY", default=0.9, help="for masters"
    )
    parser.add_argument("--window", type=positive_int, metavar="N", help="for masters")
    parser.add_argument("--shuffle", type=int, metavar="SEED", help="for masters")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="copy the photos there, a folder a cluster"
    )
    parser.add_argument(
        "--photos", type=Path, metavar="FOLDER", help="where a gallery's photos lie, for --out"
    )
    add_aligned(parser)
    add_model(parser)
    add_detector(parser)


def cluster(args: argparse.Namespace) -> int:
    """Group the features of a gallery or the faces of a folder; 1 where some photos gave none."""
    from zqcnn_xp.gallery.clustering import cluster as group
    from zqcnn_xp.gallery.store.layout import LOG

    options = {
        "method": args.method,
        "neighbours": args.neighbours,
        "conquer": args.conquer,
        "window": args.window,
        "seed": args.shuffle,
        **scan_options(args),
    }
    errors: list[str] = []
    if args.out is not None:
        _check_free(args.out)  # before the work, which may take hours
    if (args.gallery / LOG).is_file():
        if args.out is not None and args.photos is None:
            raise InputError("found --out, expected --photos: where the gallery's photos lie")
        with opened(args) as found:
            if args.threshold is None:
                embedder, _ = embedder_for(args, found.origin)
                threshold = threshold_for(args, embedder)
            else:
                threshold = args.threshold
            clusters = group(found.store.rows, threshold, **options)
            names, folder = found.store.names[:], args.photos
    else:
        if args.model is None:
            raise InputError(f"{args.gallery}: found no gallery; a folder of photos needs --model")
        features, names, threshold = _embedded(args, errors)
        clusters = group(features, threshold, **options)
        folder = args.gallery
    members = _members(clusters, names)
    if args.out is not None:
        _copy(members, folder, args.out)
    if args.json:
        print_json(
            {
                "gallery": str(args.gallery),
                "threshold": threshold,
                "clusters": members,
                "errors": errors,
            }
        )
    else:
        rows = [
            (number, len(one["photos"]), one["representative"])
            for number, one in enumerate(members, 1)
        ]
        print_table(("cluster", "faces", "representative"), rows, right=("cluster", "faces"))
        alone = sum(len(one["photos"]) == 1 for one in members)
        note(f"{len(names)} faces, {len(members)} clusters, {alone} of a single face")
    return int(bool(errors))


def _embedded(args: argparse.Namespace, errors: list[str]) -> tuple[Features, list[str], float]:
    """Embed all faces of a folder's photos; a photo with several comes several times."""
    import numpy as np

    from zqcnn_xp.gallery.photos import embed_photos, find_photos

    photos = find_photos(args.gallery)
    embedder, _ = embedder_for(args)
    threshold = threshold_for(args, embedder)
    detector = None if args.aligned else make_detector(args)
    features, names = [np.empty((0, embedder.dim), np.float32)], []
    results = embed_photos(
        photos,
        embedder,
        detector,
        choice="all",
        threads=photo_threads(),
        resize=args.resize,
    )
    for outcome in tracked(results, len(photos), "embedding"):
        if outcome.error:
            errors.append(outcome.error)
            note(f"error: {outcome.error}")
        features.append(outcome.features)
        names += [outcome.photo.name] * len(outcome.features)
    return np.concatenate(features), names, threshold


def _members(clusters: Any, names: list[str]) -> list[dict[str, Any]]:
    """Return the clusters with the names of what is in them."""
    found: list[dict[str, Any]] = [
        {"representative": names[row], "photos": []} for row in clusters.representatives
    ]
    for name, label in zip(names, clusters.labels, strict=True):
        found[label]["photos"].append(name)
    return found


def _check_free(out: Path) -> None:
    """Refuse to copy into what is there: nothing is overwritten."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out}: found something there, expected a new or an empty folder")


def _copy(members: list[dict[str, Any]], folder: Path, out: Path) -> None:
    """Copy photos to a folder for each cluster."""
    import shutil

    _check_free(out)
    digits = max(4, len(str(len(members))))
    # All names first: a gallery that came from elsewhere may hold any.
    files = [_flat(list(dict.fromkeys(one["photos"])), folder) for one in members]
    for number, one in enumerate(files, 1):
        target = out / f"{number:0{digits}d}"
        target.mkdir(parents=True, exist_ok=True)
        for name, flat in one.items():
            shutil.copyfile(folder / name, target / flat)


def _flat(names: list[str], folder: Path) -> dict[str, str]:
    """Give each photo a file name without folders; no two the same, however their case."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        path = Path(name)
        if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name:
            raise InputError(f"found a photo called {name!r}, expected a path below {folder}")
        base, number = Path(name.replace("/", "_")), 1
        flat = base.name
        while flat.lower() in taken:
            number += 1
            flat = f"{base.stem}-{number}{base.suffix}"
        taken.add(flat.lower())
        found[name] = flat
    return found
