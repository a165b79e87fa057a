"""``zqcnn-xp gallery search``: who is on photos."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, positive_int
from zqcnn_xp.cli.detector import add_detector, make_detector
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

if TYPE_CHECKING:
    from zqcnn_xp.cli.files import Source
    from zqcnn_xp.gallery.gallery import Gallery
    from zqcnn_xp.gallery.photos import Embedded
    from zqcnn_xp.gallery.store import Store

__all__ = ["add", "search"]

UNKNOWN = "unknown"


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "search",
        "say who is on photos",
        "Every face of every photo is compared with every feature of the gallery; the best of a "
        "person's counts. A face below the threshold is unknown.",
        search,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder or pattern")
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="look into the folders of folders too"
    )
    parser.add_argument(
        "--top", type=positive_int, metavar="K", default=3, help="candidates shown (default: 3)"
    )
    add_decision(parser)
    parser.add_argument(
        "--aligned", action="store_true", help="the photos are aligned crops of faces already"
    )
    parser.add_argument(
        "--choose",
        choices=("all", "central", "largest", "best"),
        default="all",
        help="which faces of a photo are searched for (default: all)",
    )
    add_model(parser)
    add_detector(parser)


def search(args: argparse.Namespace) -> int:
    """Search for the faces of every image; 1 where some could not be read or show none."""
    from zqcnn_xp.cli.files import STDIN, expand
    from zqcnn_xp.errors import InputError
    from zqcnn_xp.gallery.gallery import Gallery
    from zqcnn_xp.gallery.photos import Photo, embed_photos

    sources = expand(args.paths, recursive=args.recursive)
    if any(source.path == STDIN for source in sources):
        raise InputError("found -, expected files: a gallery is not searched from standard input")
    with opened(args) as found:
        embedder, _ = embedder_for(args, found.origin)
        threshold = threshold_for(args, embedder)
        gallery = Gallery(found.store, **scan_options(args))
        detector = None if args.aligned else make_detector(args)
        good = [source for source in sources if not source.error]
        photos = (Photo(Path(source.path), source.path, None) for source in good)
        results = embed_photos(
            photos, embedder, detector, choice=args.choose, threads=photo_threads()
        )
        images = []
        for image in tracked(
            _searched(sources, results, gallery, found.store, args.top, threshold),
            len(sources),
            "searching",
        ):
            images.append(image)
            if "error" in image:
                note(f"error: {image['error']}")
    failed = sum("error" in image for image in images)
    if args.json:
        print_json(
            {
                "gallery": str(args.gallery),
                "model": embedder.name,
                "threshold": threshold,
                "images": images,
            }
        )
    else:
        print_table(
            ("image", "face", "person", "score", "photo"),
            [row for image in images for row in _rows(image)],
            right=("face", "score"),
        )
        faces = [face for image in images for face in image.get("faces", ())]
        known = sum(face["person"] is not None for face in faces)
        note(
            f"{len(faces)} faces, {known} known at similarity {threshold:g}, "
            f"{failed} of {len(images)} images failed"
        )
    return int(failed > 0)


def _searched(
    sources: list[Source],
    results: Iterator[Embedded],
    gallery: Gallery,
    store: Store,
    top: int,
    threshold: float,
) -> Iterator[dict[str, Any]]:
    """Yield the document of each image, in order."""
    for source in sources:
        if source.error:
            yield {"path": source.path, "error": source.error}
            continue
        outcome = next(results)
        if outcome.error:
            yield {"path": source.path, "error": outcome.error}
            continue
        faces = []
        found = gallery.identify(outcome.features, top)
        for meta, candidates in zip(outcome.meta, found, strict=True):
            best = candidates[0] if candidates else None
            known = best is not None and best.score >= threshold
            faces.append(
                {
                    **({} if meta is None else {"bbox": meta["bbox"]}),
                    "person": best.person if best is not None and known else None,
                    "candidates": [
                        {
                            "person": candidate.person,
                            "score": round(candidate.score, 6),
                            "photo": store.names[candidate.row],
                        }
                        for candidate in candidates
                    ],
                }
            )
        yield {"path": source.path, "faces": faces}


def _rows(image: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of one image in the table: a line for each candidate."""
    if "error" in image:
        yield (image["path"], "", "error", "", "")
        return
    for number, face in enumerate(image["faces"], 1):
        if face["person"] is None:
            yield (image["path"], str(number), UNKNOWN, "", "")
        for place, candidate in enumerate(face["candidates"]):
            named = face["person"] is not None and place == 0
            yield (
                image["path"] if named else "",
                str(number) if named else "",
                candidate["person"] if named else f"  {candidate['person']}?",
                f"{candidate['score']:.3f}",
                candidate["photo"],
            )
