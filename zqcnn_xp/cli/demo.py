"""``zqcnn-xp demo``: faces on a public-domain photo that a pip package carries."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.detect import FACE_COLUMNS, Outcome, face_document, face_rows, save_drawing
from zqcnn_xp.cli.detector import add_detector, make_detector
from zqcnn_xp.cli.output import print_json, print_table
from zqcnn_xp.errors import ImageError

__all__ = ["add", "demo"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "demo",
        parents=[common],
        help="find the faces in a photo that a pip package carries, and draw them",
        description="Find the faces in a public-domain photo that scikit-image or matplotlib "
        "carries, print them and draw them into a PNG.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("faces.png"), metavar="PNG", help="default: faces.png"
    )
    add_detector(parser)
    parser.set_defaults(run=demo, min_face=40)  # the photos are portraits


def demo(args: argparse.Namespace) -> int:
    """Run the detector on the photos that are installed; 1 where there is none."""
    from zqcnn_xp.cli.photo import PIP, find_photos
    from zqcnn_xp.vision.io import read_image

    photos = find_photos()
    if not photos:
        raise ImageError(f"found no package that carries a photo; install one with: {PIP}")
    photo = photos[0]
    image = read_image(photo.path)
    detector = make_detector(args)
    start = perf_counter()
    faces = detector.detect(image)
    seconds = perf_counter() - start
    save_drawing(args.out, image, faces)
    height, width = image.shape[:2]
    outcome = Outcome(photo.path.name, width, height, face_document(faces))
    if args.json:
        print_json(
            {
                "backend": detector.backend.name,
                "seconds": round(seconds, 6),
                "drawn": str(args.out),
                "images": [outcome.document()],
            }
        )
        return 0
    title = f"{photo.title}, {width} x {height}, from {photo.package}"
    print_table(FACE_COLUMNS, face_rows(outcome), title=title, right=FACE_COLUMNS[1:])
    choice = detector.backend.choice
    print(f"drawn to {args.out}")
    print(
        f"backend: {detector.backend.name} ({choice.reason or choice.source}), "
        f"{seconds * 1e3:.0f} ms for the first image"
    )
    return 0
