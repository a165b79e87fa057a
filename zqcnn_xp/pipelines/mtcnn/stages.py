"""The stages, each over all images of a call at once.

R, O and L networks see the crops of all images in common batches; every function takes and
returns one `Candidates` an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.pipelines.mtcnn.candidates import Candidates, moved, rounded, squared, suppressed
from zqcnn_xp.pipelines.mtcnn.networks import Answer, Network
from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.pipelines.mtcnn.proposals import Cells, Sides, boxes_of, find_cells, keep_cells
from zqcnn_xp.pipelines.mtcnn.source import Level, Source
from zqcnn_xp.vision.boxes import round_half_away
from zqcnn_xp.vision.workspace import Workspace

__all__ = ["Suppression", "landmark_stage", "output_stage", "propose", "refine_stage"]

# Pixels of crops that go through a network at once: activations stay below some 100 MB.
_BATCH_PIXELS = 1 << 18


class Suppression(NamedTuple):
    """What suppresses cells of the P network, and boxes: to be replaced by what also times it."""

    cells: Callable[[Cells, int | Sides, int | Sides, Options], NDArray[np.intp]] = keep_cells
    boxes: Callable[[Candidates, int, Options], Candidates] = suppressed


_NMS = Suppression()


def propose(
    network: Network,
    sources: Sequence[Source],
    options: Options,
    *,
    alike: bool,
    nms: Suppression = _NMS,
) -> list[Candidates]:
    """Run the P network over every level of every image, in threads if asked for."""

    def one(level: Level) -> Cells:
        return find_cells(network, level, options, alike=alike)

    if options.threads == 1:
        found = [[one(level) for level in source.levels()] for source in sources]
    else:
        levels = [source.levels() for source in sources]
        with ThreadPoolExecutor(options.threads) as pool:
            cells = pool.map(one, [level for some in levels for level in some])
            found = [list(islice(cells, len(some))) for some in levels]
    return [
        _proposals(source, Cells.join(parts), options, nms)
        for source, parts in zip(sources, found, strict=True)
    ]


def _proposals(source: Source, cells: Cells, options: Options, nms: Suppression) -> Candidates:
    """Suppress the cells of an image within and across levels, and turn them into boxes."""
    if source.transposed:
        cells = cells.turned()
    pyramid = source.pyramid
    cells = cells.pick(nms.cells(cells, pyramid.heights, pyramid.widths, options))
    boxes: NDArray[np.floating] = boxes_of(cells, options) * pyramid.ratios[cells.level]
    if not options.exact:
        boxes = round_half_away(boxes)
    found = nms.boxes(Candidates(boxes, cells.score, cells.offsets), 0, options)
    found = moved(found, options)
    return replace(found, boxes=squared(found.boxes, options), offsets=None)


def _large_enough(found: Candidates, options: Options) -> Candidates:
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    large = (sides > 0.5 * options.smallest).all(axis=1)
    return found.pick(np.flatnonzero(large))


def _answers(
    network: Network, sources: Sequence[Source], boxes: Sequence[NDArray[np.floating]]
) -> list[Answer]:
    """Run a network on the crops of all images in common batches; one answer an image."""
    counts = [len(b) for b in boxes]
    ends = np.cumsum([0, *counts])
    size = network.size
    limit = max(16, _BATCH_PIXELS // (size * size))
    parts: list[Answer] = []
    work = sources[0].work if sources else Workspace()
    for begin in range(0, int(ends[-1]), limit):
        end = min(begin + limit, int(ends[-1]))
        # Planes of one colour, as for the P network.
        x = work.array("batch", (end - begin, 3, size, size)).transpose(0, 2, 3, 1)
        for i, source in enumerate(sources):
            first, stop = max(int(ends[i]), begin), min(int(ends[i + 1]), end)
            if first < stop:
                some = boxes[i][first - ends[i] : stop - ends[i]]
                source.crops(some, size, x[first - begin : stop - begin])
        parts.append(network(x))
    columns = zip(*parts, strict=True) if parts else ((), (), ())
    joined = [_joined(column) for column in columns]
    return [
        Answer(*(None if v is None else v[ends[i] : ends[i + 1]] for v in joined))
        for i in range(len(sources))
    ]


def _joined(values: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    there = [v.reshape(v.shape[0], -1) for v in values if v is not None]
    return np.concatenate(there) if there else None


def _judged(
    found: Candidates, answer: Answer, stage: int, options: Options
) -> tuple[Candidates, NDArray[np.float32] | None]:
    """Keep what passes the threshold; returns also the raw points of what is kept."""
    if answer.prob is None or answer.offsets is None:
        return found.pick(np.arange(0)), None
    passed = np.flatnonzero(answer.prob[:, 1] > np.float32(options.threshold(stage)))
    score, offsets = answer.prob[passed, 1], answer.offsets[passed]
    points = None if answer.points is None else answer.points[passed]
    kept = Candidates(found.boxes[passed], score, offsets)
    parts = [part for part in (score[:, None], offsets, points) if part is not None]
    if all(np.isfinite(part).all() for part in parts):
        return kept, points
    good = np.flatnonzero(np.all([np.isfinite(part).all(axis=1) for part in parts], axis=0))
    return kept.pick(good), None if points is None else points[good]


def refine_stage(
    network: Network,
    sources: Sequence[Source],
    before: Sequence[Candidates],
    options: Options,
    nms: Suppression = _NMS,
) -> list[Candidates]:
    """Judge by the R network, suppress, move and square."""
    before = [_large_enough(f, options).best(options.limits[0], options) for f in before]
    out = []
    answers = _answers(network, sources, [f.boxes for f in before])
    for found, answer in zip(before, answers, strict=True):
        kept, _ = _judged(found, answer, 1, options)
        kept = moved(nms.boxes(kept, 1, options), options)
        out.append(replace(kept, boxes=squared(kept.boxes, options)))
    return out


def output_stage(
    network: Network,
    sources: Sequence[Source],
    before: Sequence[Candidates],
    options: Options,
    nms: Suppression = _NMS,
) -> list[Candidates]:
    """Judge by the O network, place its points, move and suppress."""
    before = [_large_enough(f, options).best(options.limits[1], options) for f in before]
    sure = [_sure(found, options) for found in before]
    unsure = [found.pick(~early) for found, early in zip(before, sure, strict=True)]
    answers = _answers(network, sources, [f.boxes for f in unsure])
    out = []
    for found, early, rest, answer in zip(before, sure, unsure, answers, strict=True):
        kept, raw = _judged(rest, answer, 2, options)
        if raw is not None and network.points:
            kept = replace(kept, points=_placed(raw, kept.boxes))
        kept = rounded(moved(kept, options), options)
        if early.any():
            kept = Candidates.join([kept, found.pick(early)], options)
        out.append(nms.boxes(kept, 2, options))
    return out


def _sure(found: Candidates, options: Options) -> NDArray[np.bool_]:
    if options.early_accept is None:
        return np.zeros(len(found), np.bool_)
    return found.score > np.float32(options.early_accept)


def _placed(raw: NDArray[np.float32], boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Turn shares of a box into pixels: (n, points, 2).

    Networks of 5 points give all x, then all y; those of 106 points give x and y in turn.
    """
    n, values = raw.shape
    shares = (
        raw.reshape(n, 2, 5).transpose(0, 2, 1) if values == 10 else raw.reshape(n, values // 2, 2)
    )
    sides = boxes[:, None, 2:] - boxes[:, None, :2]
    return boxes[:, None, :2] + sides * shares


def landmark_stage(
    network: Network, sources: Sequence[Source], before: Sequence[Candidates], options: Options
) -> list[tuple[Candidates, NDArray[np.floating]]]:
    """Place points by the L network in the squares around the boxes.

    Returns
    -------
    list
        The boxes that are left, with the points that the O network gave, and the new points
        (n, 5 or 106, 2).
    """
    if not options.exact:
        before = [_large_enough(found, options) for found in before]
    before = [found.best(options.limits[2], options) for found in before]
    squares = [squared(found.boxes, options) for found in before]
    out: list[tuple[Candidates, NDArray[np.floating]]] = []
    for found, box, answer in zip(
        before, squares, _answers(network, sources, squares), strict=True
    ):
        raw = answer.points
        if raw is None:
            out.append((found, np.empty((0, network.points, 2))))
            continue
        good = np.flatnonzero(np.isfinite(raw).all(axis=1))
        out.append((found.pick(good), _placed(raw[good], box[good])))
    return out
