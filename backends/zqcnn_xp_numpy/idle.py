"""Bound graphs that wait for their next call, within a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict

from zqcnn_xp_numpy.binding import Binding

__all__ = ["Idle"]


class Idle:
    """Keep bindings that no call uses, and let those go that were used longest ago.

    Parameters
    ----------
    most
        Bytes that all of them may hold.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.nbytes = 0
        self._held: OrderedDict[object, list[Binding]] = OrderedDict()
        # The garbage collector may call `forget` while this thread holds the lock.
        self._lock = threading.RLock()

    def take(self, owner: object) -> Binding | None:
        """Return a binding of this owner that nobody else gets, or None."""
        with self._lock:
            held = self._held.get(owner)
            if not held:
                return None
            found = held.pop()
            self.nbytes -= found.nbytes
            return found

    def give(self, owner: object, binding: Binding) -> None:
        """Take a binding back."""
        with self._lock:
            self._held.setdefault(owner, []).append(binding)
            self._held.move_to_end(owner)
            self.nbytes += binding.nbytes
            while self.nbytes > self.most and self._held:
                self.forget(next(iter(self._held)))

    def forget(self, owner: object) -> None:
        """Let go what belongs to an owner."""
        with self._lock:
            for binding in self._held.pop(owner, []):
                self.nbytes -= binding.nbytes
