"""Bilinear and nearest resizing, with the coordinate rules of the networks' origins.

Output pixel i of n shows the source at ``(i + 0.5) * step - 0.5`` (``align="center"``) or
``i * step`` (``align="corner"``), ``step = source / n``; both neighbours are blended linearly,
first along x, then along y. There is no low-pass filter: halve first (`pyramid.Mipmaps`) where an
image shrinks by more than two.

`positions` computes the coordinates in float64; with ``accumulate=True`` they are summed up in
float32, as ZQCNN does, whose networks were tuned on the drift that this makes (up to 3e-3 in a
pixel of range 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.blend import blend, scratch_for
from zqcnn_xp.vision.packed import Words
from zqcnn_xp.vision.workspace import Workspace

__all__ = ["Taps", "bilinear", "normalised", "positions", "resize", "taps"]

Align = Literal["center", "corner"]
Border = Literal["edge", "zero"]
Float32 = NDArray[np.float32]

_F = np.float32
# Pixels sampled at a time: temporaries stay in the cache, and are large enough that the calls
# themselves do not count. Measured: packed pixels gain up to here, floats up to half of it.
_STRIP = 1 << 14
_PACKED_STRIP = 1 << 15


@dataclass(frozen=True, eq=False)
class Taps:
    """Where the outputs along one axis look: two source indices and the share of the second.

    ``outside`` marks outputs whose second neighbour is a border of zeros.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: Float32
    outside: NDArray[np.bool_] | None = None

    def part(self, begin: int, end: int) -> Taps:
        """Return the outputs from ``begin`` to ``end``."""
        of = slice(begin, end)
        outside = None if self.outside is None else self.outside[of]
        return Taps(self.first[of], self.second[of], self.share[of], outside)

    @property
    def inside(self) -> Float32:
        """Shares for second neighbours that are always the ones right after the first.

        Where both neighbours are one pixel of the edge, that after it gets no share.
        """
        return np.where(self.first == self.second, _F(0), self.share)


def positions(
    outputs: int,
    extent: float | NDArray[np.floating],
    start: float | NDArray[np.floating] = 0.0,
    *,
    align: Align = "center",
    accumulate: bool = False,
) -> NDArray[np.floating]:
    """Return the source coordinates of ``outputs`` samples of one or many intervals.

    Parameters
    ----------
    outputs
        Samples in each interval, 1 or more.
    extent, start
        Length and begin of the intervals in source pixels, scalars or (n,) arrays.
    align
        ``"center"``: pixels are areas, ``"corner"``: the first sample lies on the first pixel.
    accumulate
        Sum float32 steps up instead of multiplying.

    Returns
    -------
    ndarray
        (outputs,) or (n, outputs); float32 if accumulated, else float64.

    Examples
    --------
    >>> positions(2, 4)
    array([0.5, 2.5])
    >>> positions(2, 4, align="corner")
    array([0., 2.])
    """
    if outputs < 1:
        msg = f"found {outputs} output samples, expected 1 or more"
        raise InputError(msg)
    if accumulate:
        step32 = _F(1) / _F(outputs) * np.asarray(extent, _F)
        first = (_F(0.5) * step32 - _F(0.5) if align == "center" else _F(0)) + np.asarray(start, _F)
        coordinates = np.repeat(step32[..., None], outputs, axis=-1)
        coordinates[..., 0] = first
        return np.add.accumulate(coordinates, axis=-1, dtype=_F)
    step = np.asarray(extent, np.float64)[..., None] / outputs
    shift = 0.5 if align == "center" else 0.0
    return (np.arange(outputs) + shift) * step - shift + np.asarray(start, np.float64)[..., None]


def taps(
    coordinates: NDArray[np.floating], size: int | NDArray[np.integer], border: Border = "edge"
) -> Taps:
    """Turn coordinates into neighbours within ``size`` pixels and the share of the second.

    Indices outside repeat the edge; with ``border="zero"`` a second neighbour beyond the end
    counts as 0. Sizes of an array belong to the coordinates that they broadcast to.

    Examples
    --------
    >>> t = taps(np.array([-0.25, 1.5, 2.25]), 3)
    >>> t.first.tolist(), t.second.tolist(), t.share.tolist()
    ([0, 1, 2], [0, 2, 2], [0.75, 0.5, 0.25])
    """
    floor = np.floor(coordinates)
    share = (coordinates - floor).astype(_F)
    # Far outside is as good as just outside; clipping first keeps the conversion defined.
    np.maximum(floor, -2, out=floor)
    np.minimum(floor, np.asarray(size + 1, floor.dtype), out=floor)
    first = floor.astype(np.intp)
    second = first + 1
    outside = None
    if border == "zero" and bool((second >= size).any()):
        outside = second >= size
    for index in (first, second):
        np.maximum(index, 0, out=index)
        np.minimum(index, size - 1, out=index)
    return Taps(first, second, share, outside)


def normalised(words: Words) -> Float32:
    """Return packed pixels as (..., 4) float32, ``(x - 127.5) / 128``; exact.

    The fourth channel means nothing: it rides along because whole words convert faster.
    """
    values = words[..., None].view(np.uint8).astype(_F)
    values -= _F(127.5)
    values *= _F(0.0078125)
    return values


def _along_x(rows: Float32, x: Taps) -> Float32:
    left, right = rows.take(x.first, axis=1), rows.take(x.second, axis=1)
    if x.outside is not None:
        right[:, x.outside] = 0
    right -= left
    right *= x.share[:, None]
    left += right
    return left


def bilinear(
    source: Words | Float32,
    y: Taps,
    x: Taps,
    out: Float32 | None = None,
    work: Workspace | None = None,
) -> Float32:
    """Sample a grid of places bilinearly, strip by strip.

    Parameters
    ----------
    source
        Packed pixels (H, W) uint32, which become ``(v - 127.5) / 128``, or (H, W, C) float32.
    y, x
        Taps of the rows and columns.
    out
        Where to write: (len(y), len(x), channels) float32, of any strides. Packed pixels are
        written a channel at a time, so that a transposed (channels, rows, columns) is quickest.
    work
        Buffers to use again from call to call.

    Returns
    -------
    ndarray
        (rows, columns, 3) for packed pixels, (rows, columns, C) for floats.
    """
    rows, columns = y.share.shape[0], x.share.shape[0]
    if out is None:
        channels = 3 if source.ndim == 2 else source.shape[2]
        out = np.empty((rows, columns, channels), _F)
    if source.ndim == 2:
        words: Any = source
        _bilinear_packed(words, y, x, out, work or Workspace())
        return out
    floats: Any = source
    step = max(1, _STRIP // columns)
    for begin in range(0, rows, step):
        part = y.part(begin, begin + step)
        upper = _along_x(floats.take(part.first, axis=0), x)
        lower = _along_x(floats.take(part.second, axis=0), x)
        if part.outside is not None:
            lower[part.outside] = 0
        lower -= upper
        lower *= part.share[:, None, None]
        upper += lower
        out[begin : begin + step] = upper
    return out


def _bilinear_packed(source: Words, y: Taps, x: Taps, out: Float32, work: Workspace) -> None:
    rows, columns = y.share.shape[0], x.share.shape[0]
    planes = out.transpose(2, 0, 1)
    x_beyond, y_beyond = _count(x.outside), _count(y.outside)
    strips = -(-rows * columns // _PACKED_STRIP)
    step = -(-rows // strips)
    lines = work.array("lines", (2, step, source.shape[1]), source.dtype)
    words = work.array("words", (2, 2, step, columns), source.dtype)
    scratch = scratch_for(words, work)
    # One product over the strip is quicker than one over each of its rows.
    x_share = work.array("shares", (step, columns))
    x_share[:] = x.share
    for begin in range(0, rows, step):
        end = min(begin + step, rows)
        if end - begin < step:
            count = end - begin
            lines, words, scratch = lines[:, :count], words[:, :, :count], scratch[..., :count, :]
            x_share = x_share[:count]
        # Indices are in range: the mode only spares a copy that take makes for the error's sake.
        source.take(y.first[begin:end], axis=0, out=lines[0], mode="clip")
        source.take(y.second[begin:end], axis=0, out=lines[1], mode="clip")
        lines.take(x.first, axis=2, out=words[0], mode="clip")
        lines.take(x.second, axis=2, out=words[1], mode="clip")
        blend(
            words,
            x_share,
            y.share[begin:end, None],
            planes[:, begin:end],
            scratch,
            x_beyond=x_beyond,
            y_beyond=max(0, y_beyond - (rows - end)),
        )


def _count(outside: NDArray[np.bool_] | None) -> int:
    """Return how many outputs, the last ones, have a border of zeros beside them."""
    return 0 if outside is None else int(np.count_nonzero(outside))


def resize(
    image: Float32,
    height: int,
    width: int,
    *,
    method: Literal["bilinear", "nearest"] = "bilinear",
    align: Align = "center",
    compat: Literal["zqcnn"] | None = None,
) -> Float32:
    """Resize a whole image.

    Parameters
    ----------
    image
        (H, W, C) float32.
    height, width
        Size of the result, 1 or more each.
    method
        ``"bilinear"``, or ``"nearest"``: the pixel at the coordinate rounded half up.
    align
        The coordinate rule, see `positions`.
    compat
        ``"zqcnn"``: coordinates summed up in float32; where the image shrinks, a neighbour
        beyond the last pixel counts as 0.

    Returns
    -------
    ndarray
        (height, width, C) float32.

    Examples
    --------
    >>> image = np.float32([[0, 2, 4, 6]])[..., None]
    >>> resize(image, 1, 2)[0, :, 0].tolist()
    [1.0, 5.0]
    """
    if image.ndim != 3 or 0 in image.shape[:2]:
        msg = f"found an image of shape {image.shape}, expected (H, W, C) with at least one pixel"
        raise InputError(msg)
    old = image.shape[:2]
    if old == (height, width) and align == "center":
        return image.copy()
    exact = compat is not None
    ys, xs = (
        positions(new, size, align=align, accumulate=exact)
        for new, size in zip((height, width), old, strict=True)
    )
    if method == "nearest":
        y, x = (
            np.clip(np.trunc(at + at.dtype.type(0.5)).astype(np.intp), 0, size - 1)
            for at, size in zip((ys, xs), old, strict=True)
        )
        return image[y][:, x]
    border: Border = "zero" if exact and height <= old[0] and width <= old[1] else "edge"
    return bilinear(image, taps(ys, old[0], border), taps(xs, old[1], border))
