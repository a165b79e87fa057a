"""Calls of a session that are like an earlier one, and need not be looked into again.

A small network is called thousands of times a second, and to look up names and to check types and
shapes takes as long as some of its layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zqcnn_xp.layout import to_logical, to_storage
from zqcnn_xp.plan import Plan

__all__ = ["Calls"]

Call = Callable[[Any], dict[str, Any]]

# Shapes and sets of outputs remembered. All are forgotten when there are more: then each is looked
# into once again, and programs that the plan has dropped go with them.
_MOST = 64

_FLOAT32 = np.dtype(np.float32)


class Calls:
    """Functions by shape and outputs, for NumPy arrays; safe to use from several threads."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Call] = {}

    def find(self, x: Any, outputs: Any) -> Call | None:
        """Return what computes these outputs of arrays like ``x``, if such a call was kept."""
        if type(x) is not np.ndarray or x.dtype is not _FLOAT32:
            return None
        if outputs is not None and type(outputs) is not tuple:
            return None
        return self._known.get((outputs, x.shape))

    def keep(self, x: Any, outputs: Any, plan: Plan, values: Mapping[str, str]) -> None:
        """Remember a call that has gone well.

        Parameters
        ----------
        x, outputs
            What was given.
        plan
            What computed it.
        values
            The plan's value behind each name asked for.
        """
        if type(x) is not np.ndarray or x.dtype is not _FLOAT32:
            return
        if outputs is not None and type(outputs) is not tuple:
            return
        run = plan.direct(x.shape)
        if run is None:
            return
        backend, name = plan.backend, plan.graph.inputs[0].name

        def again(x: Any) -> dict[str, Any]:
            found = run({name: backend.from_numpy(to_storage(np, x))})
            return {
                blob: to_logical(np, backend.to_numpy(found[value]))
                for blob, value in values.items()
            }

        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[outputs, x.shape] = again
