"""Arrays that callers hold, turned into the one image form this library computes on.

That form is uint8, (H, W, 3), RGB, C-contiguous. What each dtype means is fixed here once, so that
no pipeline guesses: a wrong guess shows only as faces that are not found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import ImageError, InputError

__all__ = ["COLORS", "check_color", "is_array", "to_rgb8"]

COLORS = ("rgb", "bgr")
_PROTOCOLS = ("__array__", "__array_interface__", "__dlpack__")


def check_color(color: str) -> None:
    """Refuse a colour order other than ``"rgb"`` and ``"bgr"``.

    Raises
    ------
    InputError
        ``color`` is neither.
    """
    if color not in COLORS:
        names = " or ".join(repr(name) for name in COLORS)
        raise InputError(f"color={color!r}: found an unknown colour order, expected {names}")


def is_array(source: object) -> bool:
    """Whether ``source`` is an array of NumPy or of a library that converts."""
    return any(hasattr(source, name) for name in _PROTOCOLS)


def _to_numpy(source: Any) -> NDArray[Any]:
    """Bring an array of any library to host memory; a copy only where it lies elsewhere."""
    if isinstance(source, np.ndarray):
        return np.asarray(source)
    errors: list[Exception] = []
    # Device arrays refuse __array__, and libraries raise whatever they like there: try both ways.
    if hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
        try:
            return np.asarray(source)
        except Exception as error:
            errors.append(error)
    if hasattr(source, "__dlpack__"):
        try:
            return np.from_dlpack(source)
        except Exception as error:
            errors.append(error)
        try:
            return np.from_dlpack(source, device="cpu", copy=True)
        except Exception as error:
            errors.append(error)
    kind = f"{type(source).__module__}.{type(source).__qualname__}"
    why = "; ".join(f"{type(error).__name__}: {error}" for error in errors)
    raise ImageError(
        f"<array>: a {kind} cannot be brought to host memory ({why}); pass a NumPy array"
    ) from errors[-1]


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    """Refuse what is not (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) with at least one pixel."""
    expected = "expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
    if len(shape) not in (2, 3):
        hint = "; pass the images of a batch as a list" if len(shape) == 4 else ""
        if len(shape) == 1:
            hint = "; pass the content of an image file as bytes"
        raise ImageError(f"{name}: found an array of shape {shape}, {expected}{hint}")
    if 0 in shape:
        raise ImageError(
            f"{name}: found an array of shape {shape}, which has no pixels; {expected}"
        )
    if len(shape) == 3 and shape[2] not in (1, 3, 4):
        hint = ""
        if shape[0] in (1, 3, 4):
            hint = "; channels come last: use numpy.moveaxis(image, 0, -1)"
        raise ImageError(f"{name}: found an array of shape {shape}, {expected}{hint}")


def _to_uint8(x: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Apply the rule of ``x``'s dtype; see `to_rgb8`."""
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind == "u" and x.dtype.itemsize == 2:
        return (x >> 8).astype(np.uint8)
    if x.dtype.kind in "iu":
        low, high = int(x.min()), int(x.max())
        if low < 0 or high > 255:
            raise ImageError(
                f"{name}: found {x.dtype} values from {low} to {high} in an array of shape "
                f"{x.shape}, expected 0 to 255 (only uint16 means 0 to 65535)"
            )
        return x.astype(np.uint8)
    if x.dtype.kind != "f":
        raise ImageError(
            f"{name}: found an array of dtype {x.dtype} and shape {x.shape}, "
            "expected uint8, uint16, or integers or floats of 0 to 255"
        )
    least, most = float(x.min()), float(x.max())  # NaN wins both
    if not (np.isfinite(least) and np.isfinite(most)):
        raise ImageError(
            f"{name}: found NaN or infinity in a {x.dtype} array of shape {x.shape}, "
            "expected finite values of 0 to 255"
        )
    if most <= 1.0 and (least, most) != (0.0, 0.0):
        raise ImageError(
            f"{name}: found {x.dtype} values from {least:g} to {most:g} in an array of shape "
            f"{x.shape}, expected 0 to 255; multiply an image of 0 to 1 by 255"
        )
    rounded: NDArray[np.uint8] = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    return rounded


def to_rgb8(source: Any, *, color: str = "rgb", name: str = "<array>") -> NDArray[np.uint8]:
    """Turn an array into an RGB image.

    Parameters
    ----------
    source
        (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), of NumPy or any library that speaks DLPack or
        ``__array__``; any strides and byte order. Never written to.
    color
        ``"rgb"`` or ``"bgr"``: the order of its channels (with four: RGBA or BGRA).
    name
        What messages call it.

    Returns
    -------
    NDArray[uint8]
        (H, W, 3), RGB, C-contiguous. Shares memory with ``source`` where that already is one, so
        copy before writing to it.

    Raises
    ------
    ImageError
        Another shape or dtype, no pixels, NaN or infinity, values out of range.
    InputError
        An unknown ``color``.

    Notes
    -----
    uint8 is taken as it is. uint16 means 0 to 65535, of which the high byte is kept, as Pillow and
    libpng do. Other integers must lie in 0 to 255. Floats mean 0 to 255: rounded (half to even) and
    clipped; a float image that is not black and has no value above 1 is refused, because one scaled
    to 0..1 would pass for a black image. Alpha is dropped, colours under it stay. Grey is repeated
    into three channels.

    Examples
    --------
    >>> import numpy as np
    >>> to_rgb8(np.array([[[10, 20, 30]]], np.uint8), color="bgr").tolist()
    [[[30, 20, 10]]]
    >>> to_rgb8(np.array([[65535, 256]], np.uint16)).tolist()
    [[[255, 255, 255], [1, 1, 1]]]
    """
    check_color(color)
    x = _to_numpy(source)
    _check_shape(x.shape, name)
    if x.ndim == 3 and x.shape[2] == 4:
        x = x[:, :, :3]
    x = _to_uint8(x, name)
    if x.ndim == 2 or x.shape[2] == 1:
        return np.repeat(x.reshape(*x.shape[:2], 1), 3, axis=2)
    if color == "rgb" and x.flags.c_contiguous:
        return x
    # One strided copy a channel is four times as fast as one copy of triples.
    out = np.empty(x.shape, np.uint8)
    for to in range(3):
        out[..., to] = x[..., 2 - to if color == "bgr" else to]
    return out
