"""The table of MTCNN end to end, and where its time goes."""

from __future__ import annotations

from typing import Any

import numpy as np
from detectors import golden_detector, golden_results, peers
from options import Options, progress

from zqcnn_xp.bench.report import markdown
from zqcnn_xp.bench.timing import Call, take_turns
from zqcnn_xp.pipelines import MTCNN
from zqcnn_xp.vision.io import read_image

__all__ = ["mtcnn"]

Detectors = dict[str, MTCNN]
Rows = list[list[str]]

IMAGES = ("4", "11", "1")
STAGES = ("read", "pack", "pyramid", "P", "crops", "R", "O", "L", "NMS", "rest")
AUTHOR, FAST = "author5", "fast106dw112"
ORIGINAL_MS = {
    (AUTHOR, "4"): 36.0,
    (AUTHOR, "11"): 52.0,
    (AUTHOR, "1"): 336.0,
    (FAST, "4"): 4.8,
    (FAST, "11"): 12.5,
    (FAST, "1"): 20.5,
}
"""The original C++ program's best build (AVX2, OpenBLAS), one core of a machine like the first."""
GOALS = {AUTHOR: 0.5, FAST: 1.0}
# Where the original was timed with other parameters than its golden results were made with.
TIMED_WITH: dict[str, dict[str, float]] = {FAST: {"min_face": 80}}
GENERAL = ("numpy", "jax", "cupy")
"""Backends without kernels of their own for a CPU: no goal is set for them."""
TITLES = {
    AUTHOR: "ZQCNN's nets, compat, min face 20",
    FAST: "fast nets, 106 points, compat, min face 80",
    "": "default nets, min face 20",
}


def mtcnn(options: Options) -> str:
    """Return the table end to end, and that of the stages."""
    images = {
        name: read_image(options.data / "images" / f"{name}.jpg")
        for name in (IMAGES[:1] if options.quick else IMAGES)
    }
    others = peers(20, options.threads)
    columns = ["image", "detector", "backend", "faces", "as the original"]
    columns += ["ms, median (p10-p90)", "original's ms, elsewhere", "goal ms", ""]
    columns += [text for name in others for text in (f"{name} ms (faces)", f"/ {name}")]
    rows = []
    stages: Rows = []
    for variant, title in TITLES.items():
        if options.quick and not variant:
            continue
        made = {backend: _detector(options, variant, backend) for backend in options.backends}
        for name, image in images.items():
            progress(f"MTCNN: {title}, image {name}")
            rows += _rows(options, variant, name, image, made, others)
            stages += _stages(options, title, name, image, made)
    parts = markdown(["image", "detector", "backend", *STAGES, "sum"], stages)
    return f"{markdown(columns, rows)}\n\nWhere the time goes, ms:\n\n{parts}"


def _detector(options: Options, variant: str, backend: str) -> MTCNN:
    if variant:
        changes = TIMED_WITH.get(variant, {})
        return golden_detector(options.data, variant, backend, options.threads, **changes)
    return MTCNN(backend=backend, threads=options.threads)


def _rows(
    options: Options,
    variant: str,
    name: str,
    image: np.ndarray,
    made: Detectors,
    others: dict[str, Any],
) -> Rows:
    # Another package's detector has its own nets and rules, and no fast ones.
    against = others if variant != FAST else {}
    sides = {
        **{key: Call(lambda d=one: d.detect(image)) for key, one in made.items()},
        **{key: Call(lambda d=one: d(image)) for key, one in against.items()},
    }
    turns = take_turns(
        sides,
        rounds=max(options.rounds // (4 if image.size > 1e6 else 2), 2),
        block_ms=options.block_ms,
        clock=options.clock,
    )
    height, width = image.shape[:2]
    found = []
    for backend, one in made.items():
        faces = one.detect(image)
        same = "-"
        if variant:
            wanted = golden_results(options.data, variant, name)
            own = golden_detector(options.data, variant, backend, options.threads)
            boxes = own.detect(image).bbox.round()
            equal = wanted.shape == boxes.shape and np.array_equal(wanted, boxes)
            same = "yes" if equal else "no"
        times = turns.timed(backend)
        row = [f"{name} ({width}x{height})", TITLES[variant], backend, str(len(faces)), same]
        row.append(str(times))
        original = ORIGINAL_MS.get((variant, name))
        if original is None or backend in GENERAL:
            row += ["-" if original is None else f"{original:g}", "-", ""]
        else:
            goal = original * GOALS[variant]
            met = "met" if times.median <= goal else "missed"
            row += [f"{original:g}", f"{goal:g}", met if options.threads == 1 else ""]
        for other, run in others.items():
            if other in against:
                row.append(f"{turns.timed(other).median:.1f} ({len(run(image))})")
                row.append(f"{turns.ratio(backend, other).median:.2f}")
            else:
                row += ["-", "-"]
        found.append(row)
    return found


def _stages(options: Options, title: str, name: str, image: np.ndarray, made: Detectors) -> Rows:
    """Return the milliseconds of the kinds of work, one row a backend."""
    rows = []
    for backend, one in made.items():
        trace = one.trace(image, rounds=options.rounds)
        spent = {row.stage: row.seconds * 1e3 for row in trace.rows}
        cells = [f"{spent[stage]:.2f}" if stage in spent else "-" for stage in STAGES]
        rows.append([name, title, backend, *cells, f"{trace.seconds * 1e3:.2f}"])
    return rows
