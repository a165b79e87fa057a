"""Idle memory of calls, bounded: images of all sizes would otherwise leave an arena each behind."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Protocol

__all__ = ["Shelf"]


class Sized(Protocol):
    """What can be put on a shelf."""

    @property
    def bytes(self) -> int:
        """Memory that it holds."""
        ...


class Shelf:
    """Keep what owners put aside, the latest longest, up to a limit.

    Parameters
    ----------
    limit
        Bytes that may lie here.

    Examples
    --------
    >>> import collections
    >>> Memory = collections.namedtuple("Memory", "bytes")
    >>> shelf, owner = Shelf(limit=100), object()
    >>> shelf.put(owner, Memory(60))
    >>> shelf.put(owner, Memory(70))
    >>> shelf.take(owner), shelf.take(owner)
    (Memory(bytes=70), None)
    """

    def __init__(self, limit: int = 64 << 20) -> None:
        self.limit = limit
        self.bytes = 0
        self._held: OrderedDict[int, tuple[object, Sized]] = OrderedDict()
        self._places: dict[object, list[int]] = {}
        self._count = 0
        self._lock = threading.Lock()

    def take(self, owner: object) -> Sized | None:
        """Return what an owner put here last, or None."""
        with self._lock:
            places = self._places.get(owner)
            return None if not places else self._remove(places[-1])

    def put(self, owner: object, thing: Sized) -> None:
        """Keep something for its owner; what lay here longest goes if there is no room."""
        with self._lock:
            self._count += 1
            self._held[self._count] = (owner, thing)
            self._places.setdefault(owner, []).append(self._count)
            self.bytes += thing.bytes
            while self.bytes > self.limit and self._held:
                self._remove(next(iter(self._held)))

    def _remove(self, place: int) -> Sized:
        owner, thing = self._held.pop(place)
        places = self._places[owner]
        places.remove(place)
        if not places:
            del self._places[owner]
        self.bytes -= thing.bytes
        return thing
