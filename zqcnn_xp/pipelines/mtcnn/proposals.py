"""The first stage: the P network over one level of the pyramid, its best cells as boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.buckets import round_up
from zqcnn_xp.pipelines.mtcnn.networks import Network
from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.pipelines.mtcnn.source import Level
from zqcnn_xp.vision.nms import suppress

__all__ = ["Cells", "boxes_of", "find_cells", "keep_cells", "needs_tiles"]

# Pixels of a level that the P network sees at once. Its first layer holds some 40 to 60 bytes a
# pixel, so this bounds a tile to about 100 MB; the cells are the same whatever the tiling.
_TILE = 1024
_WHOLE = 1 << 21


class Cells(NamedTuple):
    """Cells of a map whose score passes the threshold, in scan order."""

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    score: NDArray[np.float32]
    offsets: NDArray[np.float32] | None

    def pick(self, index: NDArray[np.intp]) -> Cells:
        """Select cells."""
        offsets = None if self.offsets is None else self.offsets[index]
        return Cells(self.row[index], self.column[index], self.score[index], offsets)

    def turned(self) -> Cells:
        """Exchange rows and columns, keeping scan order: by row, then by column."""
        turned = Cells(self.column, self.row, self.score, self.offsets)
        return turned.pick(np.lexsort((turned.column, turned.row)))


def needs_tiles(height: int, width: int, options: Options) -> bool:
    """Whether a level is run in tiles: asked for, or too large to be run at once."""
    return options.block is not None or height * width > _WHOLE


def _pieces(
    height: int, width: int, options: Options, tiled: bool
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield (first row of cells, of columns, top, left, height, width) covering all cells."""
    if not tiled:
        yield 0, 0, 0, 0, height, width
        return
    window, stride = options.pnet_size, options.pnet_stride
    per_tile = ((options.block or _TILE) - window) // stride + 1
    rows, columns = (height - window) // stride + 1, (width - window) // stride + 1
    for row in range(0, rows, per_tile):
        tall = (min(per_tile, rows - row) - 1) * stride + window
        for column in range(0, columns, per_tile):
            wide = (min(per_tile, columns - column) - 1) * stride + window
            yield row, column, row * stride, column * stride, tall, wide


def find_cells(network: Network, level: Level, options: Options, *, alike: bool) -> Cells:
    """Run the P network on a level and return the cells above the threshold.

    Parameters
    ----------
    network
        The P network.
    level
        One scale of an image.
    options
        Of the detector.
    alike
        Whether cells are computed alike wherever they lie, so that tiles and padding do not show.
    """
    window, stride = options.pnet_size, options.pnet_stride
    limit = np.float32(options.threshold(0))
    found: list[Cells] = []
    tiled = alike and needs_tiles(level.height, level.width, options)
    padded = alike and network.session.backend.jits
    for row, column, top, left, tall, wide in _pieces(level.height, level.width, options, tiled):
        shape = (round_up(tall), round_up(wide)) if padded else (tall, wide)
        x = np.zeros((1, *shape, 3), np.float32)
        level.piece(top, left, tall, wide, x[0, :tall, :wide])
        answer = network(x)
        # Cells whose window is not wholly inside belong to no face and to padding.
        inside = (slice(0, (tall - window) // stride + 1), slice(0, (wide - window) // stride + 1))
        prob = _map(answer.prob)[..., 1][inside]
        rows, columns = np.nonzero(prob > limit)
        score = prob[rows, columns]
        offsets = None if answer.offsets is None else _map(answer.offsets)[rows, columns]
        good = np.isfinite(score)
        if offsets is not None:
            good &= np.isfinite(offsets).all(axis=1)
        cells = Cells(rows + row, columns + column, score, offsets)
        found.append(cells if good.all() else cells.pick(np.flatnonzero(good)))
    if len(found) == 1:
        return found[0]
    offsets_all = [cells.offsets for cells in found if cells.offsets is not None]
    joined = Cells(
        np.concatenate([cells.row for cells in found]),
        np.concatenate([cells.column for cells in found]),
        np.concatenate([cells.score for cells in found]),
        np.concatenate(offsets_all) if offsets_all else None,
    )
    return joined.pick(np.lexsort((joined.column, joined.row)))


def _map(values: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if values is None or values.ndim != 4:
        return np.empty((0, 0, 4), np.float32)
    first: NDArray[np.float32] = values[0]
    return first


def boxes_of(cells: Cells, options: Options) -> NDArray[np.float32]:
    """Return the windows of cells as boxes in pixels of the level, (n, 4) float32."""
    corner = np.stack([cells.column, cells.row], axis=1) * options.pnet_stride
    boxes: NDArray[np.float32] = np.concatenate(
        [corner, corner + options.pnet_size], axis=1, dtype=np.float32
    )
    return boxes


def keep_cells(cells: Cells, height: int, width: int, options: Options) -> NDArray[np.intp]:
    """Suppress within one level; return the indices of the cells that stay.

    A winner that suppressed fewer than ``overlap_count`` others is dropped too, unless it lies
    so near the edge that there is no room for others.

    Parameters
    ----------
    cells
        In scan order.
    height, width
        Of the level in pixels.
    """
    border = options.pnet_size // options.pnet_stride
    rows = (height - options.pnet_size) // options.pnet_stride + 1
    columns = (width - options.pnet_size) // options.pnet_stride + 1
    boxes = boxes_of(cells, options)
    inner = (cells.row >= border) & (cells.row < rows - border)
    inner &= (cells.column >= border) & (cells.column < columns - border)
    kept = []
    for index in _groups(cells, rows, columns, border, options):
        winners, counts = suppress(
            boxes[index],
            cells.score[index],
            options.nms_per_scale or 0.0,
            compat=options.compat,
        )
        enough = (counts >= (options.overlap_count or 0)) | ~inner[index[winners]]
        winners = winners[enough]
        # The original keeps scan order; here the best come first.
        kept.append(index[winners if options.exact else np.sort(winners)])
    return np.concatenate(kept) if kept else np.empty(0, np.intp)


def _groups(
    cells: Cells, rows: int, columns: int, border: int, options: Options
) -> Iterator[NDArray[np.intp]]:
    """Yield the cells that compete: all of them, or the original's blocks of some 32 x 32.

    Its blocks overlap to the top and left by ``border``, and its test for the last block is wrong
    unless there is one row or column of blocks: the cells that a division leaves over are lost.
    """
    every = np.arange(cells.row.size)
    if options.exact or (columns <= 32 and rows < 32):
        if every.size:
            yield every
        return
    down, across = max(1, rows // 32), max(1, columns // 32)
    tall, wide = rows // down, columns // across
    last = down * across - 1
    for i in range(down):
        bottom = rows if i == last else (i + 1) * tall
        top = max(0, i * tall - border)
        strip = every[np.searchsorted(cells.row, top) : np.searchsorted(cells.row, bottom)]
        column = cells.column[strip]
        for j in range(across):
            right = columns if j == last else (j + 1) * wide
            inside = (column >= j * wide - border) & (column < right)
            if inside.any():
                yield strip[inside]
