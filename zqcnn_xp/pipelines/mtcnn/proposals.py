"""The first stage: the P network over one level of the pyramid, its best cells as boxes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.buckets import round_up
from zqcnn_xp.pipelines.mtcnn.networks import Answer, Network
from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.pipelines.mtcnn.source import Level
from zqcnn_xp.vision.nms_grid import suppress_cells

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
        high, broad = (round_up(tall), round_up(wide)) if padded else (tall, wide)
        # Planes of one colour, which is how sampling writes and compiled networks read best.
        planes = level.work.array("level", (1, 3, high, broad))
        x = planes.transpose(0, 2, 3, 1)
        x[:, tall:] = 0
        x[:, :tall, wide:] = 0
        level.piece(top, left, tall, wide, x[0, :tall, :wide])
        # Cells whose window is not wholly inside belong to no face and to padding.
        inside = ((tall - window) // stride + 1, (wide - window) // stride + 1)
        cells = _above(network(x), inside, limit)
        found.append(cells._replace(row=cells.row + row, column=cells.column + column))
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


def _above(answer: Answer, inside: tuple[int, int], limit: np.float32) -> Cells:
    """Return the cells of a map above the threshold, within so many rows and columns."""
    prob = _map(answer.prob)[: inside[0], : inside[1], 1]
    at = np.flatnonzero(prob > limit)
    rows, columns = np.divmod(at, prob.shape[1] or 1)
    score = prob[rows, columns]
    offsets = None if answer.offsets is None else _map(answer.offsets)[rows, columns]
    good = np.isfinite(score)
    if offsets is not None:
        good &= np.isfinite(offsets).all(axis=1)
    cells = Cells(rows, columns, score, offsets)
    return cells if good.all() else cells.pick(np.flatnonzero(good))


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
    if not cells.row.size:
        return np.empty(0, np.intp)
    border = options.pnet_size // options.pnet_stride
    rows = (height - options.pnet_size) // options.pnet_stride + 1
    columns = (width - options.pnet_size) // options.pnet_stride + 1
    index, group = np.arange(cells.row.size), None
    if not options.exact and not (columns <= 32 and rows < 32):
        index, group = _blocks(cells, rows, columns, border)
    row, column = cells.row[index], cells.column[index]
    winners, counts = suppress_cells(
        row, column, group, cells.score[index], options.near, compat=options.compat
    )
    if options.overlap_count:
        inner = (row >= border) & (row < rows - border)
        inner &= (column >= border) & (column < columns - border)
        winners = winners[(counts >= options.overlap_count) | ~inner[winners]]
    # The original keeps scan order; here the best come first.
    return index[winners if options.exact else np.sort(winners)]


def _blocks(
    cells: Cells, rows: int, columns: int, border: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the cells of each of the original's blocks, some 32 x 32, and the block's number.

    Its blocks overlap to the top and left by ``border``, so that a cell may be in several, and its
    test for the last block is wrong unless there is one row or column of blocks: the cells that a
    division leaves over are lost. The result is sorted by block, then in scan order.
    """
    down, across = max(1, rows // 32), max(1, columns // 32)
    every = np.arange(cells.row.size)
    index, group = [], []
    for i, tall in _members(cells.row, rows // down, down, border, across == 1):
        for j, wide in _members(cells.column, columns // across, across, border, down == 1):
            inside = tall & wide
            index.append(every[inside])
            group.append((i * across + j)[inside])
    chosen, block = np.concatenate(index), np.concatenate(group)
    order = np.lexsort((chosen, block))
    return chosen[order], block[order]


def _members(
    at: NDArray[np.intp], step: int, blocks: int, border: int, whole: bool
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """Yield, for cells at these rows or columns, a block of each, and whether it is in that.

    A block holds ``step`` cells, and the ``border`` cells before them; the last of ``blocks`` all
    that follow if ``whole``.
    """
    own = at // step
    if whole:
        own = np.minimum(own, blocks - 1)
    for ahead in range(border // step + 2):
        block = own + ahead
        yield block, (block < blocks) & (at >= block * step - border)
