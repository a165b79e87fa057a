"""``zqcnn-xp detect``: the faces of files, folders, patterns and standard input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, positive_int
from zqcnn_xp.cli.detector import add_detector, make_detector
from zqcnn_xp.cli.output import note, print_json, print_table, tracked
from zqcnn_xp.errors import InputError, ZqcnnError
from zqcnn_xp.parallel import in_order

if TYPE_CHECKING:
    from zqcnn_xp.cli.files import Source
    from zqcnn_xp.pipelines import MTCNN

__all__ = ["FACE_COLUMNS", "Outcome", "add", "detect", "face_document", "face_rows"]

FACE_COLUMNS = ("image", "face", "score", "x1 px", "y1 px", "x2 px", "y2 px")


@dataclass(frozen=True)
class Outcome:
    """What became of one image: its size and faces, or an error."""

    path: str
    width: int = 0
    height: int = 0
    faces: tuple[dict[str, Any], ...] = ()
    error: str = ""

    def document(self) -> dict[str, Any]:
        """Return its entry in the JSON document."""
        if self.error:
            return {"path": self.path, "error": self.error}
        return {
            "path": self.path,
            "width": self.width,
            "height": self.height,
            "faces": list(self.faces),
        }


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "detect",
        parents=[common],
        help="find the faces in images",
        description="Find the faces in images. Boxes are x1 y1 x2 y2 in pixels of the upright "
        "image. Images that cannot be read are reported, the others are processed all the same, "
        "and the exit code is then 1. With a number of threads (--threads, or the setting), that "
        "many images are processed at the same time, or parts of a single one; without, one.",
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="file, folder, pattern, or - for standard input"
    )
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="look into the folders of folders too"
    )
    parser.add_argument(
        "--draw",
        type=Path,
        metavar="DIR_OR_FILE",
        help="write the images with their faces drawn in: to a file for a single image, else to "
        "a folder, which is made",
    )
    parser.add_argument(
        "--max-pixels", type=positive_int, metavar="N", help="largest image (default: 64000000)"
    )
    add_detector(parser)
    parser.set_defaults(run=detect)


def _exact(values: Any) -> Any:
    """Turn float32 arrays into lists of the shortest decimals that give the same float32 back."""
    if getattr(values, "ndim", 0):
        return [_exact(value) for value in values]
    return float(str(values))


def face_document(faces: Any) -> tuple[dict[str, Any], ...]:
    """Return the faces of one image as plain values, for JSON."""
    names = ["bbox", "det_score"]
    names += [name for name in ("kps", "landmark_2d_106") if getattr(faces, name) is not None]
    arrays = {name: getattr(faces, name) for name in names}
    return tuple(
        {name: _exact(array[index]) for name, array in arrays.items()}
        for index in range(len(faces))
    )


def face_rows(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    """Yield the rows of one image in the table of faces."""
    if outcome.error:
        yield (outcome.path, "error", *[""] * 5)
    elif not outcome.faces:
        yield (outcome.path, "none", *[""] * 5)
    for index, face in enumerate(outcome.faces):
        box = (f"{value:.1f}" for value in face["bbox"])
        yield (outcome.path, str(index + 1), f"{face['det_score']:.3f}", *box)


def _targets(sources: Sequence[Source], draw: Path) -> list[Path]:
    """Choose where each drawing goes: no two the same, none over an image that is read."""
    from zqcnn_xp.cli.files import STDIN
    from zqcnn_xp.vision.io import IMAGE_SUFFIXES

    if draw.suffix.lower() in IMAGE_SUFFIXES and not draw.is_dir():
        if len(sources) != 1:
            raise InputError(f"--draw {draw}: found {len(sources)} images, expected a folder")
        chosen = [draw]
    else:
        kept = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
        taken: set[Path] = set()
        chosen = []
        for source in sources:
            name = source.relative
            if name.suffix.lower() not in kept:
                name = name.with_name(f"{name.name}.png")
            number, unique = 1, name
            while unique in taken:
                number += 1
                unique = name.with_stem(f"{name.stem}-{number}")
            taken.add(unique)
            chosen.append(draw / unique)
    read = {Path(source.path).resolve() for source in sources if source.path != STDIN}
    for target in chosen:
        if target.resolve() in read:
            raise InputError(f"--draw {draw}: would overwrite {target}, choose another place")
    return chosen


def save_drawing(target: Path, image: Any, faces: Any) -> None:
    """Draw faces into a copy of an RGB image and write that."""
    from PIL import Image

    from zqcnn_xp.cli.files import writing
    from zqcnn_xp.vision.draw import draw_faces

    target.parent.mkdir(parents=True, exist_ok=True)
    Image.init()
    kind = Image.EXTENSION.get(target.suffix.lower(), "PNG")
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    with writing(target) as file:
        Image.fromarray(draw_faces(image, faces)).save(file, kind, **options)


def _one(detector: MTCNN, source: Source, target: Path | None, max_pixels: int | None) -> Outcome:
    """Read, detect and draw one image; what goes wrong with it becomes its outcome."""
    from zqcnn_xp.cli.files import STDIN
    from zqcnn_xp.vision.io import MAX_PIXELS, read_image

    if source.error:
        return Outcome(source.path, error=source.error)
    try:
        stream: Any = sys.stdin.buffer if source.path == STDIN else source.path
        image = read_image(stream, max_pixels=max_pixels or MAX_PIXELS)
        faces = detector.detect(image)
        if target is not None:
            save_drawing(target, image, faces)
    except (ZqcnnError, OSError, MemoryError) as error:
        message = str(error) or type(error).__name__
        return Outcome(source.path, error=message)
    height, width = image.shape[:2]
    return Outcome(source.path, width, height, face_document(faces))


def _all(
    args: argparse.Namespace, detector: MTCNN, sources: Sequence[Source], threads: int
) -> Iterator[Outcome]:
    """Yield the outcomes in order, so many images at a time, never far ahead."""
    targets: Sequence[Path | None] = [None] * len(sources)
    if args.draw is not None:
        targets = _targets(sources, args.draw)

    def one(work: tuple[Source, Path | None]) -> Outcome:
        return _one(detector, *work, args.max_pixels)

    yield from in_order(one, zip(sources, targets, strict=True), threads if len(sources) > 1 else 1)


def detect(args: argparse.Namespace) -> int:
    """Find the faces of every image; 1 where some could not be read."""
    from time import perf_counter

    from zqcnn_xp.cli.files import expand
    from zqcnn_xp.threads import thread_setting

    sources = expand(args.paths, recursive=args.recursive)
    if args.max_pixels is not None:
        from PIL import Image

        # Pillow has a ceiling of its own; this process decodes for this command alone.
        Image.MAX_IMAGE_PIXELS = max(args.max_pixels, Image.MAX_IMAGE_PIXELS or 0)
    # Images are spread over the threads; a single one is cut into parts instead.
    setting = thread_setting()
    threads = setting.value if setting.asked else 1
    detector = make_detector(args, threads=threads if len(sources) == 1 else 1)
    start = perf_counter()
    outcomes = []
    for outcome in tracked(_all(args, detector, sources, threads), len(sources), "detecting"):
        outcomes.append(outcome)
        if outcome.error:
            note(f"error: {outcome.error}")
    seconds = perf_counter() - start
    failed = sum(bool(outcome.error) for outcome in outcomes)
    name = detector.backend.name
    if args.json:
        print_json({"backend": name, "images": [outcome.document() for outcome in outcomes]})
    else:
        rows = (row for outcome in outcomes for row in face_rows(outcome))
        print_table(FACE_COLUMNS, rows, right=FACE_COLUMNS[1:])
    count = sum(len(outcome.faces) for outcome in outcomes)
    good = len(outcomes) - failed
    note(
        f"{count} face{'s' * (count != 1)} in {good} image{'s' * (good != 1)}, "
        f"{failed} failed, {seconds:.2f} s on {name}"
    )
    if args.draw is not None and good:
        note(f"drawn to {args.draw}")
    return 1 if failed else 0
