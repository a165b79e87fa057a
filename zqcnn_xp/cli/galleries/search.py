"""``zqcnn-xp gallery search``: who is on photos."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, positive_int
from zqcnn_xp.cli.detector import add_detector, make_detector
from zqcnn_xp.cli.face_arguments import add_aligned, add_face
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
    from zqcnn_xp.gallery.identities import Candidate
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
    add_aligned(parser)
    add_face(parser, "all", ("all", "central", "largest", "best"), option="--choose")
    parser.add_argument(
        "--together",
        action="store_true",
        help="all photos show one person, the most central face of each: say who that is",
    )
    add_model(parser)
    add_detector(parser)


def search(args: argparse.Namespace) -> int:
    """Search for the faces of every image; 1 where some could not be read or show none."""
    from zqcnn_xp.cli.files import STDIN, expand
    from zqcnn_xp.errors import InputError, StoreError
    from zqcnn_xp.gallery.gallery import Gallery
    from zqcnn_xp.gallery.photos import Photo, embed_photos

    sources = expand(args.paths, recursive=args.recursive)
    if any(source.path == STDIN for source in sources):
        raise InputError("found -, expected files: a gallery is not searched from standard input")
    with opened(args) as found:
        if not len(found.store):
            hint = f"some; zqcnn-xp gallery add {args.gallery} FOLDER adds those of photos"
            raise StoreError(str(args.gallery), "", "an empty gallery, without features", hint)
        embedder, _ = embedder_for(args, found.origin)
        threshold = threshold_for(args, embedder)
        gallery = Gallery(found.store, **scan_options(args))
        detector = None if args.aligned else make_detector(args)
        good = [source for source in sources if not source.error]
        photos = (Photo(Path(source.path), source.path, None) for source in good)
        choice: Any = "central" if args.together and args.choose == "all" else args.choose
        results = embed_photos(
            photos,
            embedder,
            detector,
            choice=choice,
            threads=photo_threads(),
            resize=args.resize,
        )
        ask = _together if args.together else _searched
        images = []
        for image in tracked(
            ask(sources, results, gallery, found.store, args.top, threshold),
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
        found = gallery.identify(outcome.features, top)
        faces = [
            ({} if meta is None else {"bbox": meta["bbox"]}) | _face(candidates, store, threshold)
            for meta, candidates in zip(outcome.meta, found, strict=True)
        ]
        yield {"path": source.path, "faces": faces}


def _together(
    sources: list[Source],
    results: Iterator[Embedded],
    gallery: Gallery,
    store: Store,
    top: int,
    threshold: float,
) -> Iterator[dict[str, Any]]:
    """Yield the documents of images that failed, and one of the person on the others."""
    import numpy as np

    parts, paths = [], []
    for source in sources:
        outcome = None if source.error else next(results)
        error = source.error if outcome is None else outcome.error
        if outcome is None or error:
            yield {"path": source.path, "error": error}
            continue
        parts.append(outcome.features)
        paths.append(source.path)
    if paths:
        features = np.concatenate(parts)
        (candidates,) = gallery.identify(features, top, groups=np.zeros(len(features), np.int64))
        yield {"path": ", ".join(paths), "faces": [_face(candidates, store, threshold)]}


def _face(candidates: list[Candidate], store: Store, threshold: float) -> dict[str, Any]:
    """Return who a face is, and whom it resembles."""
    known = bool(candidates) and candidates[0].score >= threshold
    return {
        "person": candidates[0].person if known else None,
        "candidates": [
            {
                "person": candidate.person,
                "score": round(candidate.score, 6),
                "photo": store.names[candidate.row],
            }
            for candidate in candidates
        ],
    }


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
