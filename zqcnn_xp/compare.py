"""What two networks have in common: nodes, weights, and results on the same input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import SequenceMatcher
from operator import le
from typing import Any

import numpy as np

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.pool2d import Pool2D

__all__ = [
    "NodeRow",
    "OutputRow",
    "WeightRow",
    "align",
    "common_input",
    "compare_nodes",
    "compare_outputs",
    "largest_difference",
]

FREE = 64


@dataclass(frozen=True)
class OutputRow:
    """One output of both networks; None where one has no such output.

    Parameters
    ----------
    a, b
        Names.
    shape_a, shape_b
        Of the arrays; sizes of 1 at the end do not make them differ.
    largest
        The largest finite magnitude of the first.
    difference
        The largest difference, infinite where only one is finite; None without a pair of one
        shape.
    """

    a: str | None
    b: str | None
    shape_a: Shape | None
    shape_b: Shape | None
    largest: float | None
    difference: float | None

    @property
    def relative(self) -> float | None:
        """The difference as a share of the largest value."""
        if self.difference is None:
            return None
        return self.difference / self.largest if self.largest else self.difference

    def to_dict(self) -> dict[str, Any]:
        """Return plain types; what is not finite is a word, as JSON has no number for it."""
        found = asdict(self) | {"relative": self.relative}
        return {k: str(v) if v in (float("inf"),) else v for k, v in found.items()}


@dataclass(frozen=True)
class WeightRow:
    """One weight of a pair of nodes: shapes, largest difference, and whether all bits agree."""

    name: str
    shape_a: Shape | None
    shape_b: Shape | None
    difference: float | None
    equal: bool


@dataclass(frozen=True)
class NodeRow:
    """A pair of nodes, or a node that the other network does not have.

    Parameters
    ----------
    a, b
        Names.
    type_a, type_b
        Ops.
    attributes
        Those that differ: name to both values, in words; none where the ops differ. What changes
        no result, such as the divisor of a mean in a pooling that takes maxima, does not count.
    shape_a, shape_b
        Of the first output at the common input.
    weights
        All of both; of a node without a partner its own, none of which is equal.
    """

    a: str | None
    b: str | None
    type_a: str | None
    type_b: str | None
    attributes: Mapping[str, tuple[str, str]]
    shape_a: Shape | None
    shape_b: Shape | None
    weights: tuple[WeightRow, ...]

    @property
    def same_structure(self) -> bool:
        """Whether both are there, with one op, its attributes and one shape."""
        paired = self.a is not None and self.b is not None
        same = self.type_a == self.type_b and _trimmed(self.shape_a) == _trimmed(self.shape_b)
        return paired and same and not self.attributes

    @property
    def same_weights(self) -> bool:
        """Whether all bits of all weights agree."""
        return all(weight.equal for weight in self.weights)


def largest_difference(a: Any, b: Any) -> float:
    """Return the largest difference of two arrays of one size; NaN equals NaN.

    Examples
    --------
    >>> largest_difference(np.float32([1, np.inf, np.nan]), np.float32([1.5, np.inf, np.nan]))
    0.5
    """
    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    with np.errstate(invalid="ignore"):
        found = np.where(same, 0.0, np.abs(x - y))
    return float(np.where(np.isnan(found), np.inf, found).max(initial=0.0))


def compare_outputs(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[OutputRow, ...]:
    """Pair the outputs of two networks, by name or else by shape and order, and compare them.

    Parameters
    ----------
    a, b
        NumPy arrays by name, as a session returns them.

    Examples
    --------
    >>> compare_outputs({"y": np.ones((1, 2))}, {"out": np.ones((1, 2, 1, 1))})[0].difference
    0.0
    """
    left = dict(b)
    rows = []
    for name, x in a.items():
        partner = name if name in left else None
        if partner is None:
            alike = (n for n, y in left.items() if n not in a and _fits(x, y))
            partner = next(alike, None)
        y = left.pop(partner) if partner is not None else None
        rows.append(_output_row(name, x, partner, y))
    rows += [_output_row(None, None, name, y) for name, y in left.items()]
    return tuple(rows)


def _fits(x: Any, y: Any) -> bool:
    return _trimmed(x.shape) == _trimmed(y.shape)


def _trimmed(shape: Shape | None) -> Shape | None:
    if shape is None:
        return None
    sizes = list(shape)
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    return tuple(sizes)


def _output_row(a: str | None, x: Any, b: str | None, y: Any) -> OutputRow:
    finite = None if x is None else np.abs(np.where(np.isfinite(x), x, 0))
    comparable = x is not None and y is not None and _fits(x, y)
    return OutputRow(
        a,
        b,
        None if x is None else tuple(x.shape),
        None if y is None else tuple(y.shape),
        None if finite is None else float(finite.max(initial=0.0)),
        largest_difference(x, y) if comparable else None,
    )


def common_input(
    a: Graph, b: Graph, size: tuple[int, int] | None = None, seed: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return seeded values in [-1, 1] for the inputs of both networks: the same for both.

    Parameters
    ----------
    a, b
        Inputs are paired by name, or else by order.
    size
        (height, width) of the inputs where they are free; None takes what the files name.

    Raises
    ------
    InputError
        If the networks have different numbers of inputs.
    ShapeError
        If an input of one does not admit what the other's needs.
    """
    if len(a.inputs) != len(b.inputs):
        msg = f"found {len(a.inputs)} and {len(b.inputs)} inputs, expected as many"
        raise InputError(msg)
    others = {source.name: source for source in b.inputs}
    by_name = all(source.name in others for source in a.inputs)
    rng = np.random.default_rng(seed)
    for_a: dict[str, Any] = {}
    for_b: dict[str, Any] = {}
    for place, source in enumerate(a.inputs):
        other = others[source.name] if by_name else b.inputs[place]
        shape = _common_shape(source, other, size)
        source.check(shape)
        other.check(shape)
        x = rng.uniform(-1, 1, shape).astype(np.float32)
        for_a[source.name] = for_b[other.name] = x
    return for_a, for_b


def _common_shape(a: GraphInput, b: GraphInput, size: tuple[int, int] | None) -> Shape:
    if len(a.shape) != len(b.shape):
        msg = f"inputs {a.name!r} and {b.name!r}: found shapes {a.shape} and {b.shape}"
        raise ShapeError(f"{msg}, expected as many dimensions")
    found = []
    for axis, (p, q) in enumerate(zip(a.shape, b.shape, strict=True)):
        named = [n[axis] for n in (a.nominal, b.nominal) if n is not None and n[axis]]
        asked = size[axis - 2] if size is not None and 2 <= axis < 4 else None
        free = asked or (named[0] if named else None) or (FREE if axis else 1)
        found.append(p if p is not None else q if q is not None else free)
    return tuple(found)


def align(
    a: Graph, b: Graph, shapes_a: Mapping[str, Shape], shapes_b: Mapping[str, Shape]
) -> list[tuple[Node | None, Node | None]]:
    """Pair the nodes of two networks: by name, or else the longest runs of one op and shape."""
    if [node.name for node in a.nodes] == [node.name for node in b.nodes]:
        return list(zip(a.nodes, b.nodes, strict=True))

    def key(node: Node, shapes: Mapping[str, Shape]) -> tuple[str, Shape | None]:
        kind = type(node.op).__name__
        # Where the map is the window, a dense layer and a convolution are two names for one.
        kind = "product" if kind in ("Conv2D", "Dense") else kind
        return kind, _trimmed(shapes[node.outputs[0]])

    keys_a = [key(node, shapes_a) for node in a.nodes]
    keys_b = [key(node, shapes_b) for node in b.nodes]
    pairs: list[tuple[Node | None, Node | None]] = []
    for word, i, j, k, m in SequenceMatcher(None, keys_a, keys_b, autojunk=False).get_opcodes():
        if word == "equal":
            pairs += zip(a.nodes[i:j], b.nodes[k:m], strict=True)
        else:
            pairs += [(node, None) for node in a.nodes[i:j]]
            pairs += [(None, node) for node in b.nodes[k:m]]
    return pairs


def compare_nodes(
    a: Graph, b: Graph, shapes_a: Mapping[str, Shape], shapes_b: Mapping[str, Shape]
) -> tuple[NodeRow, ...]:
    """Compare the nodes of two networks, whose values have these shapes."""
    return tuple(
        NodeRow(
            None if x is None else x.name,
            None if y is None else y.name,
            None if x is None else type(x.op).__name__,
            None if y is None else type(y.op).__name__,
            {} if x is None or y is None else _attributes(x.op, y.op),
            None if x is None else shapes_a[x.outputs[0]],
            None if y is None else shapes_b[y.outputs[0]],
            _weights(x, y),
        )
        for x, y in align(a, b, shapes_a, shapes_b)
    )


def _attributes(a: Op, b: Op) -> dict[str, tuple[str, str]]:
    if type(a) is not type(b):
        return {}
    a, b = _effective(a), _effective(b)
    names = [field.name for field in fields(a)]
    both = {name: (str(getattr(a, name)), str(getattr(b, name))) for name in names}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def _effective(op: Op) -> Op:
    """Return an op with one value for each attribute that changes nothing: formats differ there."""
    if not isinstance(op, Pool2D):
        return op
    op = replace(op, counted=None)  # for the number of mul-adds alone
    bare = op.pads == (0, 0, 0, 0)
    inside = bare and not op.ceil
    # Without padding a window can start behind the map only where windows have gaps between them.
    if not op.ceil or (bare and op.kernel and all(map(le, op.stride, op.kernel))):
        op = replace(op, clip_last=False)
    if op.kind == "max" or inside:
        op = replace(op, count="padded")
    if op.kind == "average" or inside:
        op = replace(op, pad_value="ignore")
    return op


def _weights(a: Node | None, b: Node | None) -> tuple[WeightRow, ...]:
    rows = []
    left, right = ({} if node is None else node.weights for node in (a, b))
    for name in dict.fromkeys([*left, *right]):
        x, y = left.get(name), right.get(name)
        shape_x = None if x is None else tuple(np.shape(x))
        shape_y = None if y is None else tuple(np.shape(y))
        difference, equal = None, False
        if shape_x is not None and shape_x == shape_y:
            difference = largest_difference(x, y)
            equal = np.asarray(x).tobytes() == np.asarray(y).tobytes()
        rows.append(WeightRow(name, shape_x, shape_y, difference, equal))
    return tuple(rows)
