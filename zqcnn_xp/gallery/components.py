"""Connected components of pairs that come block by block: a union-find in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Components"]

# Pairs at a time: some 10 MB, were every pair of a block one.
_PAIRS = 1 << 18


class Components:
    """Which of ``count`` nodes hang together through the pairs seen so far.

    The pairs are not kept: 8 bytes a node, whatever their number.

    Parameters
    ----------
    count
        How many nodes there are.

    Examples
    --------
    >>> parts = Components(5)
    >>> parts.join(np.array([0, 3]), np.array([4, 4]))
    >>> parts.roots().tolist()
    [0, 1, 2, 0, 0]
    """

    def __init__(self, count: int) -> None:
        # A node's parent is never after it; a root's is itself.
        self._parent = np.arange(count)

    def _find(self, nodes: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the roots of nodes, and let the nodes point to them."""
        roots: NDArray[np.int64] = self._parent[nodes]
        while True:
            above = self._parent[roots]
            if np.array_equal(above, roots):
                break
            roots = above
        self._parent[nodes] = roots
        return roots

    def join(self, first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> None:
        """Join the components of ``first[i]`` and ``second[i]``, for all i."""
        for start in range(0, len(first), _PAIRS):
            part = slice(start, start + _PAIRS)
            self._join(first[part], second[part])

    def _join(self, first: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> None:
        one, other = self._find(first), self._find(second)
        while True:
            apart = one != other
            if not apart.any():
                return
            one, other = one[apart], other[apart]
            low, high = np.minimum(one, other), np.maximum(one, other)
            # Of several that want one root, the least wins, and the rest is joined the next time.
            np.minimum.at(self._parent, high, low)
            one, other = self._find(low), self._find(high)

    def roots(self) -> NDArray[np.int64]:
        """Return (count,) the first node of each node's component."""
        return self._find(np.arange(len(self._parent)))
