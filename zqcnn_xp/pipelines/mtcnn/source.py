"""One image as the networks want it: scaled levels for the P network, crops for the others.

For networks that expect rows and columns exchanged, the packed image is transposed once;
everything inside this file then works on the transposed image, and boxes are exchanged on entry.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.pipelines.mtcnn.options import Options
from zqcnn_xp.vision.blur import gaussian_blur
from zqcnn_xp.vision.crops import crop_resize
from zqcnn_xp.vision.packed import Words, pack
from zqcnn_xp.vision.pyramid import Mipmaps, scales, scales_zqcnn
from zqcnn_xp.vision.resize import Float32, Taps, bilinear, positions, taps

__all__ = ["Level", "Source"]

_SWAP = [1, 0, 3, 2]


class Level:
    """One scale of an image, sampled piece by piece.

    Parameters
    ----------
    words
        The pixels to sample.
    y, x
        Where the rows and columns of the level lie in them.
    """

    def __init__(self, words: Words, y: Taps, x: Taps) -> None:
        self.words = words
        self.y = y
        self.x = x
        self.height = y.share.shape[0]
        self.width = x.share.shape[0]

    def piece(self, top: int, left: int, height: int, width: int, out: Float32) -> None:
        """Write a rectangle of the level into ``out`` (height, width, 3)."""
        y, x = self.y.part(top, top + height), self.x.part(left, left + width)
        bilinear(self.words, y, x, out)


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
    """

    def __init__(
        self, image: NDArray[np.uint8], options: Options, *, bgr: bool, transposed: bool
    ) -> None:
        self.height, self.width = image.shape[:2]
        self.options = options
        self.transposed = transposed
        image = gaussian_blur(image, options.blur_for(self.width, self.height))
        self.maps = Mipmaps(pack(image, reverse=bgr, transpose=transposed))

    def scales(self) -> NDArray[np.floating]:
        """Return the pyramid's scales; none for an image smaller than the P network."""
        options = self.options
        window = options.pnet_size
        if min(self.width, self.height) < window:
            return np.empty(0)
        if options.exact:
            return scales(
                self.width,
                self.height,
                options.min_face,
                window,
                options.factor,
                big=options.big_faces,
            )
        smallest = int(options.min_face)
        return scales_zqcnn(self.width, self.height, smallest, window, big=options.big_faces)

    def level(self, scale: np.floating) -> Level:
        """Return the image at a scale: ceil(side * scale) pixels a side."""
        exact = self.options.exact
        number = np.float64 if exact else np.float32
        sides = [math.ceil(number(side) * scale - (1e-9 if exact else 0)) for side in self._shape]
        index = self.maps.level_for(1 / float(scale)) if exact else 0
        words = self.maps[index]
        shrinks = all(new <= old for new, old in zip(sides, self._shape, strict=True))
        same = tuple(sides) == self._shape
        parts = []
        for new, old, have in zip(sides, self._shape, words.shape, strict=True):
            at = positions(new, old / 2**index, accumulate=not exact and not same)
            parts.append(taps(at, have, "edge" if exact or not shrinks else "zero"))
        return Level(words, parts[0], parts[1])

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.maps[0].shape

    def crops(self, boxes: NDArray[np.floating], size: int, out: Float32) -> None:
        """Write boxes (n, 4), in pixels of the image, as (n, size, size, 3)."""
        if self.transposed:
            boxes = boxes[:, _SWAP]
        if not self.options.exact:
            crop_resize(self.maps[0], boxes, size, accumulate=True, out=out)
            return
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
        indices = np.array([self.maps.level_for(side / size) for side in sides.tolist()])
        for index in np.unique(indices).tolist():
            which = indices == index
            out[which] = crop_resize(self.maps[index], boxes[which] / 2**index, size)
