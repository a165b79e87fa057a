"""Where the time of a detection goes.

The stages run as they always do, on networks and a source that note how long they took. A
detection that is not traced knows nothing of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from statistics import median_low
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.pipelines.mtcnn.candidates import Candidates, suppressed
from zqcnn_xp.pipelines.mtcnn.networks import Answer, Float32, Network, Networks
from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.pipelines.mtcnn.proposals import Cells, Sides, keep_cells
from zqcnn_xp.pipelines.mtcnn.source import Level, Source
from zqcnn_xp.pipelines.mtcnn.stages import Suppression
from zqcnn_xp.report import html_table

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.mtcnn.detector import MTCNN

__all__ = ["DetectionTrace", "StageRow", "trace"]

# What each row counts, in the order of the table.
_UNITS = {
    "read": "pixels",
    "pack": "pixels",
    "pyramid": "pixels",
    "P": "pixels",
    "crops": "crops",
    "R": "crops",
    "O": "crops",
    "L": "crops",
    "NMS": "boxes",
    "rest": "",
}


@dataclass(frozen=True)
class StageRow:
    """One kind of work: how often it was done, on how much of what, and the seconds it took."""

    stage: str
    calls: int
    count: int
    unit: str
    seconds: float


@dataclass(frozen=True)
class DetectionTrace:
    """One detection by kinds of work, which add up to all of it.

    Parameters
    ----------
    backend
        On which the networks ran.
    width, height
        Of the image, in pixels.
    faces
        Found.
    rows
        ``read`` (decode, check), ``pack`` (blur, pack), ``pyramid`` (halve and sample its levels),
        the networks ``P``, ``R``, ``O`` and ``L``, ``crops`` (cut and sample boxes), ``NMS``, and
        ``rest`` (boxes, Python).
    """

    backend: str
    width: int
    height: int
    faces: int
    rows: tuple[StageRow, ...]

    @property
    def seconds(self) -> float:
        """Sum over the rows."""
        return sum(row.seconds for row in self.rows)

    def __str__(self) -> str:
        """Return one line a kind of work: calls, how much, milliseconds, share."""
        lines = [
            f"{stage:<8} {calls:>4} x {count:>9} {unit:<6} {ms:>9} ms  {share:>5}"
            for stage, calls, count, unit, ms, share in self._cells()
        ]
        return "\n".join([*lines, f"total {self.seconds * 1e3:.3f} ms, {self._title()}"])

    def _repr_html_(self) -> str:
        head = ("stage", "calls", "count", "of", "ms", "share")
        total = ("total", "", "", "", f"{self.seconds * 1e3:.3f}", "")
        return html_table(head, [*self._cells(), total], self._title())

    def _title(self) -> str:
        faces = f"{self.faces} face{'s' * (self.faces != 1)}"
        return f"{faces} in {self.width} x {self.height} pixels on {self.backend}"

    def _cells(self) -> list[tuple[str, ...]]:
        whole = self.seconds or 1.0
        return [
            (
                row.stage,
                str(row.calls),
                f"{row.count:,}" if row.unit else "",
                row.unit,
                f"{row.seconds * 1e3:.3f}",
                f"{row.seconds / whole:.1%}",
            )
            for row in self.rows
        ]


class _Watch:
    """Seconds by name, each without those of the names timed within."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self._within = [0.0]

    @contextmanager
    def __call__(self, name: str, count: int = 0) -> Iterator[None]:
        self._within.append(0.0)
        start = perf_counter()
        try:
            yield
        finally:
            spent = perf_counter() - start
            own = spent - self._within.pop()
            self._within[-1] += spent
            self.seconds[name] = self.seconds.get(name, 0.0) + own
            self.calls[name] = self.calls.get(name, 0) + 1
            self.counts[name] = self.counts.get(name, 0) + count

    def rows(self) -> tuple[StageRow, ...]:
        return tuple(
            StageRow(name, self.calls[name], self.counts[name], unit, self.seconds[name])
            for name, unit in _UNITS.items()
            if name in self.seconds
        )


@dataclass(frozen=True)
class _TimedNetwork(Network):
    watch: _Watch
    stage: str

    def __call__(self, x: Float32) -> Answer:
        pixels = x.shape[0] * x.shape[1] * x.shape[2]
        with self.watch(self.stage, pixels if self.stage == "P" else x.shape[0]):
            return super().__call__(x)


class _TimedLevel(Level):
    watch: _Watch

    def piece(self, top: int, left: int, height: int, width: int, out: Float32) -> None:
        with self.watch("pyramid", height * width):
            super().piece(top, left, height, width, out)


class _TimedSource(Source):
    watch: _Watch

    def levels(self) -> list[Level]:
        with self.watch("pyramid"):
            plain = super().levels()
        found: list[Level] = []
        for level in plain:
            timed = _TimedLevel(level.words, level.grid, level.work, level.ready)
            timed.watch = self.watch
            found.append(timed)
        return found

    def crops(self, boxes: NDArray[np.floating], size: int, out: Float32) -> None:
        with self.watch("crops", len(boxes)):
            super().crops(boxes, size, out)


def _timed(networks: Networks, watch: _Watch) -> Networks:
    def one(network: Network, stage: str) -> Network:
        held = {field.name: getattr(network, field.name) for field in fields(network)}
        return _TimedNetwork(**held, watch=watch, stage=stage)

    return Networks(
        one(networks.p, "P"),
        one(networks.r, "R"),
        one(networks.o, "O"),
        None if networks.l is None else one(networks.l, "L"),
        networks.bgr,
        networks.transposed,
    )


def _suppression(watch: _Watch) -> Suppression:
    def cells(
        cells: Cells, height: int | Sides, width: int | Sides, options: Options
    ) -> NDArray[np.intp]:
        with watch("NMS", cells.row.size):
            return keep_cells(cells, height, width, options)

    def boxes(found: Candidates, stage: int, options: Options) -> Candidates:
        with watch("NMS", len(found)):
            return suppressed(found, stage, options)

    return Suppression(cells, boxes)


def trace(detector: MTCNN, image: Any, color: str, rounds: int) -> DetectionTrace:
    """Detect ``rounds`` times after once unmeasured; return the run of median time."""
    # Levels that run at the same time have no times that add up.
    options = replace(detector.options, threads=1)
    runs = [_run(detector, image, color, options) for _ in range(1 + rounds)][1:]
    middle = median_low(run.seconds for run in runs)
    return next(run for run in runs if run.seconds == middle)


def _run(detector: MTCNN, image: Any, color: str, options: Options) -> DetectionTrace:
    watch = _Watch()
    networks, nms = _timed(detector.networks, watch), _suppression(watch)
    with watch("rest"):
        with watch("read"):
            pixels = detector.read(image, color)
        with watch("pack"):
            source = detector.source(pixels, _TimedSource)
        source.watch = watch
        (faces,) = detector.run(networks, [source], options, nms)
    height, width = pixels.shape[:2]
    for name in ("read", "pack"):
        watch.counts[name] = height * width
    return DetectionTrace(detector.backend.name, width, height, len(faces), watch.rows())
