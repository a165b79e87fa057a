"""How a face network is fed and read: what turns a crop into an embedding."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.vision.templates import Template, get_template

__all__ = ["FLIPS", "NETWORK_COLORS", "Recipe"]

NETWORK_COLORS = ("rgb", "bgr", "gray")
FLIPS = ("none", "sum", "concatenate")
"""What is done with the embedding of the mirrored crop."""

# 0.299 R + 0.587 G + 0.114 B in units of 2 ** -15, as OpenCV rounds it.
_GRAY = (9798, 19235, 3735)


@dataclass(frozen=True)
class Recipe:
    """How a network takes a face, and what its output becomes.

    Parameters
    ----------
    template
        Where the five points lie in a crop: what `zqcnn_xp.vision.templates.get_template` takes, or
        ``""`` for a network whose crops come from elsewhere.
    size
        (height, width) of a crop in pixels; None takes the template's.
    color
        What the network was trained on: ``"rgb"``, ``"bgr"`` or ``"gray"`` (ITU-R BT.601, rounded
        to whole grey levels as OpenCV does).
    mean, scale
        The input is (pixel - mean) * scale, pixels 0 to 255: one number, or one a channel in the
        network's order.
    output
        The blob that is the embedding; empty where the network has one output.
    normalise
        Whether embeddings are scaled to length 1 unless a call says otherwise.
    flip
        ``"none"``; ``"sum"`` adds the embedding of the mirrored crop (InsightFace's protocol);
        ``"concatenate"`` appends it, so that an embedding is twice as long.
    transposed
        Whether the network wants rows and columns exchanged.

    Raises
    ------
    InputError
        A value that means nothing.

    Examples
    --------
    >>> recipe = Recipe(color="bgr", mean=127.5, scale=0.0078125)
    >>> red = np.zeros((1, 112, 112, 3), np.uint8)
    >>> red[..., 0] = 255
    >>> recipe.prepare(red)[0, :, 0, 0].tolist()
    [-0.99609375, -0.99609375, 0.99609375]
    """

    template: str | Template = "arcface"
    # None is gone once the object is made: nobody who reads the size has to ask.
    size: tuple[int, int] = None  # type: ignore[assignment]
    color: str = "rgb"
    mean: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    output: str = ""
    normalise: bool = False
    flip: str = "none"
    transposed: bool = False

    def __post_init__(self) -> None:
        _choice("color", self.color, NETWORK_COLORS)
        _choice("flip", self.flip, FLIPS)
        self._set_size()
        for name in ("mean", "scale"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name), self.channels))
        if 0.0 in np.atleast_1d(self.scale):
            raise InputError(
                f"scale={self.scale!r}: expected none that is 0, which erases the image"
            )
        for name in ("normalise", "transposed"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise InputError(f"{name}={value!r}: expected True or False")
            object.__setattr__(self, name, bool(value))
        if not isinstance(self.output, str):
            raise InputError(f"output={self.output!r}: expected the name of a blob")

    def _set_size(self) -> None:
        if self.template == "":
            object.__setattr__(self, "size", _size(self.size))
            return
        template = get_template(self.template)
        given: Any = self.size
        if given is not None and _size(self.size) != template.size:
            name, size = template.name, template.size
            raise InputError(f"size={self.size}: template {name!r} makes crops of {size}")
        object.__setattr__(self, "size", template.size)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the network's input."""
        height, width = self.size
        return (self.channels, *((width, height) if self.transposed else (height, width)))

    @property
    def channels(self) -> int:
        """Channels of the network's input, 1 or 3."""
        return 1 if self.color == "gray" else 3

    def changed(self, **changes: Any) -> Recipe:
        """Return a recipe with other values.

        Raises
        ------
        InputError
            An unknown name, or a value that means nothing.

        Examples
        --------
        >>> Recipe().changed(flip="sum").flip
        'sum'
        """
        names = [field.name for field in fields(self)]
        for name in changes:
            if name not in names:
                raise InputError(f"found option {name!r}, expected one of {', '.join(names)}")
        if "template" in changes and changes["template"] != "":
            changes = {"size": None, **changes}  # that of the new template
        return replace(self, **changes)

    def prepare(
        self, crops: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Turn crops into the network's input, in one pass over the pixels.

        Parameters
        ----------
        crops
            (n, height, width, 3) uint8 RGB.
        out
            (n, height, width, channels) float32 to write to (rows and columns exchanged where
            ``transposed``); None makes it.

        Returns
        -------
        NDArray[float32]
            (n, channels, height, width): the buffer, seen as sessions want it.
        """
        if self.transposed:
            crops = crops.swapaxes(1, 2)
        if out is None:
            out = np.empty((*crops.shape[:3], self.channels), np.float32)
        if self.color == "rgb":
            out[...] = crops
        elif self.color == "bgr":
            # Plane by plane: a loop over three reversed numbers at a time is ten times slower.
            for k in range(3):
                out[..., k] = crops[..., 2 - k]
        else:
            out[..., 0] = _gray(crops)
        if self.mean not in (0.0, (0.0,) * 3):
            np.subtract(out, np.asarray(self.mean, np.float32), out=out)
        if self.scale not in (1.0, (1.0,) * 3):
            np.multiply(out, np.asarray(self.scale, np.float32), out=out)
        return out.transpose(0, 3, 1, 2)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON.

        Examples
        --------
        >>> Recipe().to_dict()["size"]
        [112, 112]
        """
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.template, Template):
            found["template"] = self.template.name
        return {n: list(v) if isinstance(v, tuple) else v for n, v in found.items()}


def _gray(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    total = np.full(crops.shape[:3], 1 << 14, np.uint32)
    for k, share in enumerate(_GRAY):
        total += crops[..., k] * np.uint32(share)
    return (total >> 15).astype(np.uint8)


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{name}={value!r}: expected one of {', '.join(choices)}")


def _size(size: Any) -> tuple[int, int]:
    try:
        height, width = (index(side) for side in size)
    except (TypeError, ValueError, OverflowError):
        height = width = 0
    if min(height, width) < 1:
        raise InputError(f"size={size!r}: expected (height, width), whole and at least 1")
    return height, width


def _numbers(name: str, value: Any, channels: int) -> float | tuple[float, ...]:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.shape not in ((), (channels,)) or not np.isfinite(array).all():
        raise InputError(f"{name}={value!r}: expected a finite number, or {channels} of them")
    return float(array) if array.ndim == 0 else tuple(float(item) for item in array)
