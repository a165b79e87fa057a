"""Where the axes of a value lie in memory.

Graphs speak logical NCHW. A value of rank 4 is *stored* channels-last, (N, H, W, C), because
matrix products over channels then need no copy on any backend; other ranks are stored as they are.
"""

from __future__ import annotations

from typing import Any

__all__ = ["logical_shape", "storage_axis", "storage_shape", "to_logical", "to_storage"]

_STORED_AT = (0, 3, 1, 2)


def storage_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the stored shape of a value of logical shape ``shape``.

    Examples
    --------
    >>> storage_shape((1, 3, 240, 320))
    (1, 240, 320, 3)
    """
    if len(shape) != 4:
        return tuple(shape)
    n, c, h, w = shape
    return (n, h, w, c)


def logical_shape(x: Any) -> tuple[int, ...]:
    """Return the logical (NCHW) shape of a stored array."""
    shape = tuple(int(size) for size in x.shape)
    if len(shape) != 4:
        return shape
    n, h, w, c = shape
    return (n, c, h, w)


def storage_axis(axis: int, ndim: int) -> int:
    """Return where logical ``axis`` lies in a stored array of rank ``ndim``.

    Examples
    --------
    >>> storage_axis(1, 4), storage_axis(-1, 4), storage_axis(1, 2)
    (3, 2, 1)
    """
    axis = axis + ndim if axis < 0 else axis
    return _STORED_AT[axis] if ndim == 4 else axis


def to_storage(xp: Any, x: Any) -> Any:
    """Turn a logical array (NCHW) into a stored one; a view where the namespace has views."""
    return xp.permute_dims(x, (0, 2, 3, 1)) if x.ndim == 4 else x


def to_logical(xp: Any, x: Any) -> Any:
    """Turn a stored array into a logical one (NCHW)."""
    return xp.permute_dims(x, (0, 3, 1, 2)) if x.ndim == 4 else x
