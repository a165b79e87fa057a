"""``zqcnn-xp embed``: one vector a face, of photos or of aligned crops."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, exit_codes
from zqcnn_xp.cli.detector import add_detector, make_detector
from zqcnn_xp.cli.embedder import add_embedder, make_embedder
from zqcnn_xp.cli.face_arguments import add_aligned, add_face, add_flip
from zqcnn_xp.cli.output import note, print_json, print_table, tracked
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.cli.files import Source
    from zqcnn_xp.gallery.photos import Embedded
    from zqcnn_xp.pipelines.embedding import Embedder

__all__ = ["add", "embed"]

SUFFIXES = (".npz", ".npy")
COLUMNS = ("image", "face", "length", "x1 px", "y1 px", "x2 px", "y2 px")


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "embed",
        parents=[common],
        help="turn faces into vectors that can be compared",
        description="Find the faces in images, align them, and turn each into a vector; or take "
        "images that are aligned crops. Images without a face, and those that cannot be read, are "
        "reported; the others are processed all the same, and the exit code is then 1.",
        epilog=exit_codes("some images were not embedded"),
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder or pattern")
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="look into the folders of folders too"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the vectors: .npz (files, face, feat, bbox, network) or .npy (vectors alone)",
    )
    add_aligned(parser)
    add_face(parser, "all")
    add_flip(parser)
    parser.add_argument("--normed", action="store_true", help="scale every vector to length 1")
    add_embedder(parser, compat="--model-compat")
    add_detector(parser)
    parser.set_defaults(run=embed)


def network_of(args: argparse.Namespace, embedder: Embedder) -> dict[str, Any]:
    """Return what made features, as plain values."""
    return {
        "model": embedder.name if embedder.card is not None else " ".join(args.model),
        "backend": embedder.backend.name,
        "dim": embedder.dim,
        "normed": bool(args.normed),
        "recipe": embedder.recipe.to_dict(),
    }


def _rows(image: Embedded) -> list[tuple[str, ...]]:
    """Return the rows of one image in the table."""
    import numpy as np

    if image.error:
        return [(str(image.photo.path), "error", *[""] * 5)]
    rows = []
    for index, (meta, vector) in enumerate(zip(image.meta, image.features, strict=True), 1):
        box = [""] * 4 if meta is None else [f"{value:.1f}" for value in meta["bbox"]]
        length = f"{float(np.linalg.norm(vector)):.3f}"
        rows.append((str(image.photo.path), str(index), length, *box))
    return rows


def _document(image: Embedded, *, vectors: bool) -> dict[str, Any]:
    """Return the entry of one image in the JSON document."""
    entry: dict[str, Any] = {"path": str(image.photo.path)}
    if image.error:
        return entry | {"error": image.error}
    faces = []
    for meta, vector in zip(image.meta, image.features, strict=True):
        face = {} if meta is None else {key: meta[key] for key in ("bbox", "det_score")}
        if vectors:
            # The shortest decimals that give the same float32 back.
            face["embedding"] = [float(str(value)) for value in vector]
        faces.append(face)
    return entry | {"faces": faces}


def _write(path: Path, images: Sequence[Embedded], dim: int, network: dict[str, Any]) -> None:
    """Write the vectors, one row a face, in the order of the images."""
    import numpy as np

    from zqcnn_xp.cli.files import writing

    features = np.concatenate(
        [np.empty((0, dim), np.float32), *(image.features for image in images)]
    )
    with writing(path) as file:
        if path.suffix == ".npy":
            np.save(file, features)
            return
        names = [
            name for image, name in zip(images, _names(images), strict=True) for _ in image.meta
        ]
        arrays: dict[str, Any] = {
            "files": np.array(names, np.str_),
            "face": np.array([k for image in images for k in range(len(image.meta))], np.int64),
            "feat": features,
            "network": np.array(json.dumps(network, sort_keys=True)),
        }
        boxes = [meta["bbox"] for image in images for meta in image.meta if meta is not None]
        if len(boxes) == len(names):
            arrays["bbox"] = np.array(boxes, np.float32).reshape(-1, 4)
        np.savez(file, **arrays)


def _names(images: Sequence[Embedded]) -> list[str]:
    """Return the names below the folders that were given, as lists of pairs have them.

    Where two are the same, paths: names would not tell which is meant.
    """
    names = [image.photo.name for image in images]
    if len(set(names)) < len(names):
        return [str(image.photo.path) for image in images]
    return names


def _in_order(
    sources: Sequence[Source], results: Iterator[Embedded], dim: int
) -> Iterator[Embedded]:
    """Yield what became of every source; those without an image to read stay in their places."""
    import numpy as np

    from zqcnn_xp.gallery.photos import Embedded, Photo

    for source in sources:
        if source.error:
            # Its path, because the names of two patterns without files are the same.
            photo = Photo(Path(source.path), source.path, None)
            yield Embedded(photo, np.empty((0, dim), np.float32), [], source.error)
        else:
            yield next(results)


def embed(args: argparse.Namespace) -> int:
    """Embed the faces of every image; 1 where some have none."""
    from time import perf_counter

    from zqcnn_xp.cli.files import STDIN, expand
    from zqcnn_xp.gallery.photos import Photo, embed_photos
    from zqcnn_xp.threads import thread_setting

    if args.out is not None and args.out.suffix not in SUFFIXES:
        raise InputError(f"--out {args.out}: expected a name that ends in {' or '.join(SUFFIXES)}")
    if args.out is not None and not args.out.parent.is_dir():
        # Said before the work, which would be lost.
        raise InputError(f"--out {args.out}: found no folder {args.out.parent}")
    if STDIN in args.paths:
        raise InputError("found - for standard input, expected files: they are named in the result")
    sources = expand(args.paths, recursive=args.recursive)
    photos = [
        Photo(Path(source.path), source.relative.as_posix(), None)
        for source in sources
        if not source.error
    ]
    embedder = make_embedder(args, flip=args.flip)
    setting = thread_setting()
    detector = None
    if not args.aligned:
        detector = make_detector(args, threads=setting.value if setting.asked else 1)
    start = perf_counter()
    images: list[Embedded] = []
    results = embed_photos(
        photos, embedder, detector, choice=args.face, normed=args.normed, resize=args.resize
    )
    each = _in_order(sources, results, embedder.dim)
    for image in tracked(each, len(sources), "embedding"):
        images.append(image)
        if image.error:
            note(f"error: {image.error}")
    seconds = perf_counter() - start
    network = network_of(args, embedder)
    if args.out is not None:
        _write(args.out, images, embedder.dim, network)
    if args.json:
        documents = [_document(image, vectors=args.out is None) for image in images]
        print_json({"network": network, "images": documents})
    else:
        rows = (row for image in images for row in _rows(image))
        print_table(COLUMNS, rows, right=COLUMNS[1:])
    failed = sum(bool(image.error) for image in images)
    count = sum(len(image.meta) for image in images)
    note(
        f"{count} face{'s' * (count != 1)} of {len(sources)} images to {embedder.dim} numbers each "
        f"by {network['model']}, {failed} failed, {seconds:.2f} s on {embedder.backend.name}"
    )
    if args.out is not None:
        note(f"written to {args.out}")
    return 1 if failed else 0
