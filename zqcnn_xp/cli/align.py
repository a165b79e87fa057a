"""``zqcnn-xp align``: aligned crops of the faces in photos, and a report of those without one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, exit_codes, positive_int
from zqcnn_xp.cli.detector import add_detector, make_detector
from zqcnn_xp.cli.face_arguments import TEMPLATE_NAMES, add_face
from zqcnn_xp.cli.output import note, print_json, print_table, tracked
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.align_folder import AlignedImage

__all__ = ["add", "align"]

# Said here, so that --help needs no NumPy; a test holds them against the places they come from.
SUFFIXES = ("png", "jpg")
STATUSES = ("aligned", "kept", "no face", "several faces", "error")


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "align",
        parents=[common],
        help="cut out faces, aligned for recognition networks",
        description="Find the faces in images and write them as aligned crops. The folders of "
        "images are kept, with those below them: a folder for each person stays one. Images "
        "without a crop are reported; the exit code is then 1. With a number of threads "
        "(--threads, or the setting) that many images are processed at the same time.",
        epilog=exit_codes("some images have no crop"),
    )
    parser.add_argument(
        "paths", nargs="+", metavar="IN", help="folder, file, pattern, or - for standard input"
    )
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder for the crops, made if need be"
    )
    parser.add_argument(
        "--template",
        choices=TEMPLATE_NAMES,
        default="arcface",
        help="layout: arcface 112x112 (default), insightface (the same, fitted as there), "
        "sphereface 112 high and 96 wide, lightcnn 128x128, 160 (160x160), dot85 (256x256)",
    )
    add_face(parser, "largest")
    parser.add_argument(
        "--strict", action="store_true", help="an image of several faces is an error"
    )
    parser.add_argument(
        "--retry",
        action="store_true",
        help="look for faces of 60 pixels first, then for smaller ones, down to 12 (or to "
        "--min-face), until one is found",
    )
    parser.add_argument(
        "--format", choices=SUFFIXES, default="png", help="of the crops (default: png)"
    )
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave images alone whose crop is there: a run that was stopped goes on",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write the images without a crop to a CSV file: image, status, reason",
    )
    parser.add_argument(
        "--max-pixels", type=positive_int, metavar="N", help="largest image (default: 64000000)"
    )
    add_detector(parser)
    parser.set_defaults(run=align)


def _check_apart(paths: Sequence[str], out: Path) -> None:
    """Refuse a folder of crops that the next run would take for photos."""
    for path in map(Path, paths):
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise InputError(f"{out} lies in {path}, which is read: choose another place")
    if out.exists() and not out.is_dir():
        raise InputError(f"found a file {out}, expected a folder for the crops")


def _finder(args: argparse.Namespace, threads: int) -> Callable[[Any], Any]:
    """Return what finds faces: one detector, or several in turn."""
    if not args.retry:
        return make_detector(args, threads=threads).detect
    from zqcnn_xp.pipelines.choice import Retry, retry_levels

    def make(min_face: float, factor: float) -> Callable[[Any], Any]:
        return make_detector(args, threads=threads, min_face=min_face, factor=factor).detect

    return Retry(make, retry_levels(args.min_face))


def _document(image: AlignedImage) -> dict[str, Any]:
    """Return the entry of an image in the JSON document."""
    from zqcnn_xp.cli.detect import face_document

    entry: dict[str, Any] = {"path": image.path, "status": image.status}
    if image.error:
        return entry | {"error": image.error}
    if image.faces is None:
        return entry | {"found": image.found, "crops": [{"file": file} for file in image.crops]}
    faces = face_document(image.faces)
    crops = [{"file": file} | face for file, face in zip(image.crops, faces, strict=True)]
    return entry | {"found": image.found, "crops": crops}


def _write_report(path: Path, images: Sequence[AlignedImage]) -> None:
    """Write the images without a crop."""
    import csv
    import io

    from zqcnn_xp.cli.files import writing

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("image", "status", "reason"))
    rows.writerows((image.path, image.status, image.error) for image in images if image.failed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))


def align(args: argparse.Namespace) -> int:
    """Write the crops of every image; 1 where some have none."""
    from time import perf_counter

    from zqcnn_xp.cli.files import expand
    from zqcnn_xp.pipelines.align_folder import align_images
    from zqcnn_xp.threads import thread_setting

    _check_apart(args.paths, args.out)
    sources = expand(args.paths, recursive=True)
    if args.max_pixels is not None:
        from PIL import Image

        # Pillow has a ceiling of its own; this process decodes for this command alone.
        Image.MAX_IMAGE_PIXELS = max(args.max_pixels, Image.MAX_IMAGE_PIXELS or 0)
    setting = thread_setting()
    threads = setting.value if setting.asked else 1
    start = perf_counter()
    results = align_images(
        sources,
        args.out,
        _finder(args, threads if len(sources) == 1 else 1),
        template=args.template,
        choice=args.face,
        strict=args.strict,
        suffix=args.format,
        skip_existing=args.skip_existing,
        threads=threads if len(sources) > 1 else 1,
        max_pixels=args.max_pixels,
    )
    images: list[AlignedImage] = []
    for image in tracked(results, len(sources), "aligning"):
        images.append(image)
        if image.failed:
            note(f"{image.status}: {image.error or image.path}")
    seconds = perf_counter() - start
    if args.report is not None:
        _write_report(args.report, images)
    counts = {status: sum(image.status == status for image in images) for status in STATUSES}
    crops = sum(len(image.crops) for image in images if image.status == "aligned")
    failed = sum(image.failed for image in images)
    if args.json:
        print_json(
            {
                "template": args.template,
                "counts": {"images": len(images), "crops": crops} | counts,
                "images": [_document(image) for image in images],
            }
        )
    else:
        rows = [(image.path, image.status, image.error) for image in images if image.failed]
        if rows:
            print_table(("image without a crop", "status", "reason"), rows)
        table = [(status, count) for status, count in counts.items() if count]
        print_table(("status", "images"), table, right=("images",))
    note(f"{crops} crops of {len(images)} images in {args.out}, {failed} failed, {seconds:.2f} s")
    return 1 if failed else 0
