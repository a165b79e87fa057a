"""The first stage: the P network over one level of the pyramid, its best cells as boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """Cells of maps whose score passes the threshold, level by level, in scan order.

    ``level`` says of which level each cell is; None: all of one.
    """

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    score: NDArray[np.float32]
    offsets: NDArray[np.float32] | None
    level: NDArray[np.intp] | None = None

    def pick(self, index: NDArray[np.intp]) -> Cells:
        """Select cells."""
        return Cells(*(None if part is None else part[index] for part in self))  # type: ignore[arg-type]

    def turned(self) -> Cells:
        """Exchange rows and columns, keeping scan order: by level, by row, then by column."""
        turned = self._replace(row=self.column, column=self.row)
        keys = (turned.column, turned.row)
        return turned.pick(np.lexsort(keys if self.level is None else (*keys, self.level)))

    @staticmethod
    def join(levels: Sequence[Cells]) -> Cells:
        """Return the cells of all levels, each marked with the number of its level."""
        if not levels:
            none = np.empty(0, np.intp)
            return Cells(none, none, np.empty(0, np.float32), None, none)
        row, column, score, offsets, _ = zip(*levels, strict=True)
        there = [part for part in offsets if part is not None]
        return Cells(
            np.concatenate(row),
            np.concatenate(column),
            np.concatenate(score),
            np.concatenate(there) if len(there) == len(levels) else None,
            np.repeat(np.arange(len(levels)), [part.size for part in row]),
        )


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
        if padded:
            x[:, tall:] = 0
            x[:, :tall, wide:] = 0
        level.piece(top, left, tall, wide, x[0, :tall, :wide])
        # Cells whose window is not wholly inside belong to no face and to padding.
        inside = ((tall - window) // stride + 1, (wide - window) // stride + 1)
        cells = _above(network(x), inside, limit)
        if row or column:
            cells = cells._replace(row=cells.row + row, column=cells.column + column)
        found.append(cells)
    if len(found) == 1:
        return found[0]
    joined = Cells.join(found)._replace(level=None)
    return joined.pick(np.lexsort((joined.column, joined.row)))


def _above(answer: Answer, inside: tuple[int, int], limit: np.float32) -> Cells:
    """Return the cells of a map above the threshold, within so many rows and columns."""
    prob = _map(answer.prob)[: inside[0], : inside[1], 1]
    at = np.flatnonzero(prob > limit)
    if not at.size:
        none = None if answer.offsets is None else np.empty((0, 4), np.float32)
        return Cells(at, at, np.empty(0, np.float32), none)
    rows, columns = np.divmod(at, prob.shape[1])
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


Sides = NDArray[np.intp]


def keep_cells(
    cells: Cells, height: int | Sides, width: int | Sides, options: Options
) -> NDArray[np.intp]:
    """Suppress within each level; return the indices of the cells that stay, level by level.

    A winner that suppressed fewer than ``overlap_count`` others is dropped too, unless it lies
    so near the edge that there is no room for others.

    Parameters
    ----------
    cells
        In scan order.
    height, width
        Of the level in pixels, or of all levels, (levels,).
    """
    if not cells.row.size:
        return np.empty(0, np.intp)
    size, stride = options.pnet_size, options.pnet_stride
    border = size // stride
    rows, columns = ((np.atleast_1d(side) - size) // stride + 1 for side in (height, width))
    index, group = None, cells.level
    if not options.exact and ((columns > 32) | (rows >= 32)).any():
        index, group = _blocks(cells, rows, columns, border)
        cells = cells.pick(index)
    winners, counts = suppress_cells(
        cells.row, cells.column, group, cells.score, options.near, compat=options.compat
    )
    level = np.zeros_like(cells.row) if cells.level is None else cells.level
    if options.overlap_count:
        inner = (cells.row >= border) & (cells.row < rows[level] - border)
        inner &= (cells.column >= border) & (cells.column < columns[level] - border)
        winners = winners[(counts >= options.overlap_count) | ~inner[winners]]
    # The original keeps scan order; here the best of a level come first.
    winners = (
        winners[np.argsort(level[winners], kind="stable")] if options.exact else np.sort(winners)
    )
    return winners if index is None else index[winners]


def _blocks(
    cells: Cells, rows: Sides, columns: Sides, border: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the cells of each of the original's blocks, some 32 x 32, and the block's number.

    Its blocks overlap to the top and left by ``border``, so that a cell may be in several, and its
    test for the last block is wrong unless there is one row or column of blocks: the cells that a
    division leaves over are lost. The result is sorted by block, then in scan order; blocks are
    numbered level by level. A level that is small enough is one block.
    """
    one = (columns <= 32) & (rows < 32)
    down = np.where(one, 1, np.maximum(1, rows // 32))
    across = np.where(one, 1, np.maximum(1, columns // 32))
    first = np.cumsum(down * across) - down * across
    level = np.zeros_like(cells.row) if cells.level is None else cells.level
    index, group = [], []
    tall, wide = (rows // down)[level], (columns // across)[level]
    i_blocks = _members(cells.row, tall, down[level], border, (across == 1)[level])
    for i, below in i_blocks:
        j_blocks = _members(cells.column, wide, across[level], border, (down == 1)[level])
        for j, beside in j_blocks:
            inside = np.flatnonzero(below & beside)
            index.append(inside)
            group.append((first[level] + i * across[level] + j)[inside])
    chosen, block = np.concatenate(index), np.concatenate(group)
    order = np.lexsort((chosen, block))
    return chosen[order], block[order]


def _members(
    at: NDArray[np.intp],
    step: NDArray[np.intp],
    blocks: NDArray[np.intp],
    border: int,
    whole: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """Yield, for cells at these rows or columns, a block of each, and whether it is in that.

    A block holds ``step`` cells, and the ``border`` cells before them; the last of ``blocks`` all
    that follow if ``whole``.
    """
    own = at // step
    own = np.where(whole, np.minimum(own, blocks - 1), own)
    for ahead in range(border // int(step.min(initial=border + 1)) + 2):
        block = own + ahead
        yield block, (block < blocks) & (at >= block * step - border)
