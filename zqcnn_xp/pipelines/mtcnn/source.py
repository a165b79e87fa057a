"""One image as the networks want it: scaled levels for the P network, crops for the others.

For networks that expect rows and columns exchanged, the packed image is transposed once;
everything inside this file then works on the transposed image, and boxes are exchanged on entry.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.pipelines.mtcnn.grids import Grid, Pyramid, Pyramids, grid_for, scales_for
from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.vision.blend import blend_at
from zqcnn_xp.vision.blur import gaussian_blur
from zqcnn_xp.vision.crops import crop_resize
from zqcnn_xp.vision.packed import Words, pack
from zqcnn_xp.vision.pyramid import Mipmaps, mips_for
from zqcnn_xp.vision.resize import Float32, bilinear
from zqcnn_xp.vision.workspace import Workspace

__all__ = ["Level", "Source"]

_SWAP = [1, 0, 3, 2]


class Level:
    """One scale of an image, sampled piece by piece.

    Parameters
    ----------
    words
        The pixels to sample.
    grid
        Where the rows and columns of the level lie in them.
    work
        Buffers to sample with.
    ready
        (3, height, width) its planes, where they have been sampled.
    """

    def __init__(
        self, words: Words, grid: Grid, work: Workspace, ready: Float32 | None = None
    ) -> None:
        self.words = words
        self.grid = grid
        self.work = work
        self.ready = ready
        self.height = grid.y.share.shape[0]
        self.width = grid.x.share.shape[0]

    def piece(self, top: int, left: int, height: int, width: int, out: Float32) -> None:
        """Write a rectangle of the level into ``out`` (height, width, 3), of any strides."""
        if self.ready is not None:
            part = self.ready[:, top : top + height, left : left + width]
            out.transpose(2, 0, 1)[...] = part
            return
        y, x = self.grid.y, self.grid.x
        if (height, width) != (self.height, self.width):
            y, x = y.part(top, top + height), x.part(left, left + width)
        bilinear(self.words, y, x, out, self.work)


class Source:
    """An image, packed once, and its pyramid.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    options
        Of the detector.
    bgr, transposed
        How the networks want it.
    pyramids, work
        What a detector keeps from image to image: pyramids by size, and buffers.
    """

    def __init__(
        self,
        image: NDArray[np.uint8],
        options: Options,
        *,
        bgr: bool,
        transposed: bool,
        pyramids: Pyramids | None = None,
        work: Workspace | None = None,
    ) -> None:
        self.height, self.width = image.shape[:2]
        self.options = options
        self.transposed = transposed
        self.work = Workspace() if work is None else work
        self._pyramids = pyramids or Pyramids(options, transposed=transposed)
        image = gaussian_blur(image, options.blur_for(self.width, self.height))
        self.maps = Mipmaps(pack(image, reverse=bgr, transpose=transposed))

    def scales(self) -> NDArray[np.floating]:
        """Return the pyramid's scales; none for an image smaller than the P network."""
        return scales_for(self.width, self.height, self.options)

    @property
    def pyramid(self) -> Pyramid:
        """What the image's size says about its levels."""
        return self._pyramids(self.width, self.height)

    def levels(self) -> list[Level]:
        """Return all levels, the small ones sampled already.

        What is sampled holds until this is called for another image; for good where ``threads``
        let levels of several images be in use.
        """
        pyramid, work = self.pyramid, self.work
        found = [Level(self.maps[grid.mip], grid, work) for grid in pyramid.grids]
        for small in pyramid.together:
            shape = (3, small.places.size)
            alone = self.options.threads == 1
            planes = work.array(f"mip {small.mip}", shape) if alone else np.empty(shape, np.float32)
            shares = small.x_share, small.y_share
            blend_at(self.maps[small.mip], small.places, *shares, planes, work)
            for number, pixels in small.levels:
                level = found[number]
                level.ready = planes[:, pixels].reshape(3, level.height, level.width)
        return found

    def level(self, scale: np.floating) -> Level:
        """Return the image at a scale: ceil(side * scale) pixels a side."""
        size = self.width, self.height
        grid = grid_for(*size, scale, self.options, transposed=self.transposed)
        return Level(self.maps[grid.mip], grid, self.work)

    def crops(self, boxes: NDArray[np.floating], size: int, out: Float32) -> None:
        """Write boxes (n, 4), in pixels of the image, as (n, size, size, 3), of any strides."""
        if self.transposed:
            boxes = boxes[:, _SWAP]
        if not self.options.exact:
            crop_resize(self.maps[0], boxes, size, accumulate=True, out=out, work=self.work)
            return
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
        mips = mips_for(max(self.maps[0].shape), sides / size)
        for mip in sorted(set(mips.tolist())):
            which = np.flatnonzero(mips == mip)
            crops = crop_resize(self.maps[mip], boxes[which] / 2**mip, size, work=self.work)
            out[which] = crops
