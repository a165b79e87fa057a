"""What installed distributions offer under the entry points of a group."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as read_entry_points
from typing import Any

__all__ = ["entry_points"]


def entry_points(*, group: str) -> tuple[EntryPoint, ...]:
    """Return a group's entry points, in no particular order.

    Every distribution's metadata is read for that, which takes as long as to load a small network,
    so it is read again only when a folder on the path of modules has changed.

    Parameters
    ----------
    group
        ``"zqcnn_xp.backends"`` or ``"zqcnn_xp.formats"``.

    Examples
    --------
    >>> "numpy" in {point.name for point in entry_points(group="zqcnn_xp.backends")}
    True
    """
    found = _read(tuple((path, _changed(path)) for path in sys.path))
    return tuple(found.select(group=group))


def _changed(path: str) -> int:
    """Return when a folder's list of files last changed, in nanoseconds; 0 if there is none."""
    try:
        return os.stat(path or ".").st_mtime_ns  # noqa: PTH116 (a Path takes longer than this)
    except OSError:
        return 0


@lru_cache(maxsize=1)
def _read(state: tuple[tuple[str, int], ...]) -> Any:
    return read_entry_points()  # of another type in each version of Python; all can ``select``
