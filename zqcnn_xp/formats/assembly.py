"""A graph under construction: nodes with unique names, and the shapes of their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.place import Place, explain
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Op, Shape

__all__ = ["Assembly"]

MAX_RANK = 16


class Assembly:
    """Collects nodes in execution order.

    Parameters
    ----------
    limits
        ``max_elements`` bounds every value, ``max_layers`` the nodes.
    reserved
        Names of values and layers that the file gives; helper nodes never take them.

    Attributes
    ----------
    shapes
        Logical shape of every value at the sizes that the network is read at.
    sized
        Set by a lowering whose result depends on those sizes: they are then fixed.
    """

    def __init__(self, limits: Limits, reserved: Iterable[str] = ()) -> None:
        self.limits = limits
        self.nodes: list[Node] = []
        self.shapes: dict[str, Shape] = {}
        self.sized = False
        self._reserved = set(reserved)
        self._taken: set[str] = set()

    def add(
        self,
        place: Place,
        op: Op,
        inputs: tuple[str, ...],
        output: str,
        weights: Mapping[str, Any] | None = None,
        part: str = "",
    ) -> str:
        """Add a node and return its output's name.

        Parameters
        ----------
        place
            The layer it comes from.
        op, inputs, weights
            As of `Node`.
        output
            The value's name in the file.
        part
            Name of a step on the way to it; the node and the value are called
            ``name/part`` and ``output/part``.

        Raises
        ------
        FormatError
            Naming the layer, if the op refuses its inputs or a limit is passed.
        """
        name = place.name
        if part:
            name, output = self._fresh(f"{name}/{part}"), self._fresh(f"{output}/{part}")
        try:
            (shape,) = op.infer(*(self.shapes[value] for value in inputs))
        except (ShapeError, InputError) as error:
            raise explain(place, error) from error
        if len(shape) > MAX_RANK or prod(shape) > self.limits.max_elements:
            found = f"a result of {len(shape)} axes and {prod(shape):,} elements"
            expected = f"at most {self.limits.max_elements:,} (Limits.max_elements)"
            raise place.error(found, expected)
        if len(self.nodes) >= self.limits.max_layers:
            found = f"more than {self.limits.max_layers:,} nodes"
            raise place.error(found, "fewer (Limits.max_layers)")
        where = f"{place.file}:{place.line}"
        self.nodes.append(Node(name, op, inputs, (output,), dict(weights or {}), where))
        self.shapes[output] = shape
        return output

    def _fresh(self, name: str) -> str:
        while name in self._taken or name in self._reserved:
            name += "'"
        self._taken.add(name)
        return name
