"""Time against image size, number of faces, batch and threads: tables, and plots of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from networks import CASES
from options import Options, progress
from plots import curves

from zqcnn_xp.bench.pairs import Arena, Comparison
from zqcnn_xp.bench.report import markdown
from zqcnn_xp.bench.timing import Call, pinned, take_turns
from zqcnn_xp.pipelines import MTCNN
from zqcnn_xp.vision.io import read_image

__all__ = ["scale", "threads"]

WIDTHS = (160, 320, 640, 960, 1280, 1920, 2560, 3840)
FACES = (1, 2, 4, 8, 16, 32, 64)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
THREADED = ("MobileFaceNet 112x112", "det1_bgr 240x320", "LResNet34E-IR 112x112")

Lines = dict[str, tuple[list[float], list[float]]]


def scale(options: Options) -> str:
    """Return the tables over image size, faces and batch."""
    return "\n\n".join((_sizes(options), _faces(options), _batches(options)))


def _sizes(options: Options) -> str:
    photo = read_image(options.data / "images" / "1.jpg")
    widths = WIDTHS[1:5:2] if options.quick else WIDTHS

    def image(width: int) -> np.ndarray:
        height = round(photo.shape[0] * width / photo.shape[1])
        kind = cv2.INTER_AREA if width < photo.shape[1] else cv2.INTER_LINEAR
        return cv2.resize(photo, (width, height), interpolation=kind)

    found = _detected(options, widths, image, min_face=40)
    text = "Detection of image 1 (16:9) at several widths, default nets, min face 40, ms"
    return _shown(options, found, "size", "width of the image", "ms", text)


def _faces(options: Options) -> str:
    photo = read_image(options.data / "images" / "4.jpg")
    box = MTCNN(backend="numpy").detect(photo).bbox[0]
    middle, side = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()) * 1.6
    x, y = (int(max(v - side / 2, 0)) for v in middle)
    face = cv2.resize(photo[y : y + int(side), x : x + int(side)], (96, 96))

    def image(count: int) -> np.ndarray:
        canvas = np.full((864, 864, 3), 127, np.uint8)
        for index in range(count):
            row, column = divmod(index, 8)
            canvas[row * 108 : row * 108 + 96, column * 108 : column * 108 + 96] = face
        return canvas

    found = _detected(options, FACES[::3] if options.quick else FACES, image, min_face=40)
    text = "Detection in 864x864 with so many copies of one face, default nets, min face 40, ms"
    return _shown(options, found, "faces", "faces in the image", "ms", text)


def _detected(
    options: Options, places: Sequence[int], image: Callable[[int], np.ndarray], *, min_face: int
) -> Lines:
    made = {
        backend: MTCNN(backend=backend, threads=options.threads, min_face=min_face)
        for backend in options.backends
    }
    lines: Lines = {backend: ([], []) for backend in made}
    for place in places:
        progress(f"scale: {place}")
        given = image(place)
        turns = take_turns(
            {key: Call(lambda d=one, i=given: d.detect(i)) for key, one in made.items()},
            rounds=max(options.rounds // 3, 2),
            block_ms=options.block_ms,
            clock=options.clock,
        )
        for backend, (xs, ys) in lines.items():
            xs.append(place)
            ys.append(turns.timed(backend).median)
    return lines


def _batches(options: Options) -> str:
    case = CASES[0]
    lines: Lines = {}
    remarks: list[str] = []
    with Arena(options.backends, options.peers, threads=options.threads) as arena:
        for batch in BATCHES[:4:3] if options.quick else BATCHES:
            progress(f"scale: batch {batch}")
            found = arena.compare(
                case.network(options.data, batch),
                rounds=max(options.rounds // 3, 2),
                block_ms=options.block_ms,
                clock=options.clock,
            )
            remarks += _untimed(found)
            for side in found.sides:
                if side.times is not None:
                    xs, ys = lines.setdefault(side.name, ([], []))
                    xs.append(batch)
                    ys.append(1e3 * batch / side.times.median)
    text = f"Images per second of {case.name} by batch"
    return "\n".join([_shown(options, lines, "batch", "batch", "images/s", text), *_once(remarks)])


def _untimed(found: Comparison) -> list[str]:
    """Say of every side that was not timed why."""
    return [
        f"- {side.name}: {side.state}: {side.message}" for side in found.sides if not side.times
    ]


def _once(remarks: list[str]) -> list[str]:
    """Return remarks without repetition, behind an empty line."""
    return ["", *dict.fromkeys(remarks)] if remarks else []


def threads(options: Options) -> str:
    """Return the tables over threads; every number of threads has its own processors."""
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = sorted({1, *(n for n in (2, 4, 8, 16, 32) if n < most), most})
    parts = []
    for case in CASES:
        if case.name not in (THREADED[:1] if options.quick else THREADED):
            continue
        lines: Lines = {}
        remarks: list[str] = []
        for count in counts:
            progress(f"threads: {case.name}, {count}")
            with (
                pinned(count),
                Arena(options.backends, options.peers, threads=count) as arena,
            ):
                found = arena.compare(
                    case.network(options.data),
                    rounds=max(options.rounds // 2, 2),
                    block_ms=options.block_ms,
                )
            remarks += _untimed(found)
            for side in found.sides:
                if side.times is not None:
                    xs, ys = lines.setdefault(side.name, ([], []))
                    xs.append(count)
                    ys.append(side.times.median)
        name = f"threads-{case.name.split()[0].lower()}"
        shown = _shown(options, lines, name, "threads", "ms", f"{case.name} by threads, ms")
        parts.append("\n".join([shown, *_once(remarks)]))
    return "\n\n".join(parts)


def _shown(options: Options, lines: Lines, name: str, x: str, y: str, text: str) -> str:
    """Return a table of the curves, and draw them where plots are wanted."""
    places = sorted({place for xs, _ in lines.values() for place in xs})
    rows = []
    for line, (xs, ys) in lines.items():
        values = dict(zip(xs, ys, strict=True))
        rows.append([line, *(_number(values[p]) if p in values else "-" for p in places)])
    table = markdown([x, *map(str, places)], rows)
    drawn = ""
    if options.plots is not None:
        file = options.plots / f"{name}.svg"
        if curves(file, lines, x=x, y=y, title=text.partition(",")[0]):
            drawn = f"\n\n![{text}]({file.parent.name}/{file.name})"
    return f"{text}:\n\n{table}{drawn}"


def _number(value: float) -> str:
    """Three digits, and no exponent."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
