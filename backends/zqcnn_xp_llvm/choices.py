"""What an autotuner may decide about a graph at a size, and how that is kept on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Shape

__all__ = ["SIDES", "Choices", "graph_digest"]

SIDES = (0, 2, 4)
"""Sides of Winograd's tiles that may be chosen; 0 is a plain sum of products."""


@dataclass(frozen=True)
class Choices:
    """Decisions that overrule the planner's cost rule.

    Parameters
    ----------
    width
        Bits of a vector; None leaves the backend's.
    transforms
        Side of Winograd's tiles by name of the step; steps that are not named follow the rule.
    """

    width: int | None = None
    transforms: Mapping[str, int] = field(default_factory=dict)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was chosen, in sentences."""
        found = []
        if self.width is not None:
            found.append(f"Vectors of {self.width} bits: measured to be faster here.")
        if self.transforms:
            named = ", ".join(
                f"{name} {f'F({m}x{m})' if m else 'plain'}" for name, m in self.transforms.items()
            )
            found.append(f"Measured to be faster than what the rule chose: {named}.")
        return tuple(found)

    def to_note(self) -> dict[str, Any]:
        """Return plain types, as for JSON.

        Examples
        --------
        >>> Choices(256, {"conv1": 4}).to_note()
        {'width': 256, 'transforms': {'conv1': 4}}
        """
        return {"width": self.width, "transforms": dict(self.transforms)}

    @classmethod
    def from_note(cls, note: Any) -> Choices | None:
        """Return the choices of a note, or None for a note that holds anything else.

        Examples
        --------
        >>> Choices.from_note({"width": None, "transforms": {"conv1": 4}})
        Choices(width=None, transforms={'conv1': 4})
        >>> Choices.from_note({"width": 7}) is None
        True
        """
        if not isinstance(note, dict) or note.keys() != {"width", "transforms"}:
            return None
        width, transforms = note["width"], note["transforms"]
        if width not in (None, 128, 256, 512) or not isinstance(transforms, dict):
            return None
        if not all(m in SIDES and type(m) is int for m in transforms.values()):
            return None
        return cls(width, transforms)


def graph_digest(graph: Graph, shapes: Mapping[str, Shape]) -> str:
    """Return a digest of all that the time of a graph depends on: ops, sizes, weights' shapes.

    Parameters
    ----------
    graph
        The graph.
    shapes
        Logical shape of each input.
    """
    digest = sha256()
    for source in graph.inputs:
        digest.update(repr((source.name, shapes[source.name])).encode())
    for node in graph.nodes:
        held = sorted((name, np.shape(w)) for name, w in node.weights.items())
        digest.update(repr((node.name, node.op, node.inputs, node.outputs, held)).encode())
    digest.update(repr(graph.outputs).encode())
    return digest.hexdigest()
