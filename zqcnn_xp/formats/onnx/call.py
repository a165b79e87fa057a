"""One node under lowering: its operands and attributes, checked, and the nodes it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from zqcnn_xp.errors import FormatError, InputError, ShapeError
from zqcnn_xp.formats.onnx.records import Attribute, NodeRecord, Tensor
from zqcnn_xp.formats.onnx.values import Const, Operand, Value, reshape_dims
from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.reshape import Reshape

if TYPE_CHECKING:
    from zqcnn_xp.formats.onnx.builder import Builder

__all__ = ["Call"]

T = TypeVar("T")


class Call:
    """What a lowering function sees of the file, and where it puts its result.

    Every attribute has to be asked for: one that no one looked at is refused, so nothing in a
    file is passed over in silence.
    """

    def __init__(self, builder: Builder, node: NodeRecord) -> None:
        self.builder = builder
        self.node = node
        self.opset = builder.opset
        self.target = node.outputs[0]
        self._asked: set[str] = set()

    # --- errors -------------------------------------------------------------------------------

    def error(self, found: str, expected: str) -> FormatError:
        """Return an error that names the file, the node and its op type."""
        return FormatError(self.builder.file, self.node.label, found, expected)

    def _refused(self, error: Exception) -> FormatError:
        """Turn an op's "Op: found ..., expected ..." into an error of the file."""
        head, _, expected = str(error).partition(", expected ")
        return self.error(head.partition("found ")[2] or head, expected or "what the op admits")

    # --- attributes ---------------------------------------------------------------------------

    def attribute(self, name: str, kind: str, default: T) -> Any | T:
        """Return an attribute of a kind (``"int"``, ``"floats"`` ...), or the default."""
        self._asked.add(name)
        attribute: Attribute | None = self.node.attributes.get(name)
        if attribute is None:
            return default
        if attribute.kind != kind:
            # An empty list carries no mark of its kind in some files.
            raise self.error(f"attribute {name!r} of kind {attribute.kind}", f"kind {kind}")
        return attribute.value

    def has(self, name: str) -> bool:
        """Tell whether the node has the attribute."""
        return name in self.node.attributes

    def expect(self, name: str, kind: str, allowed: Sequence[Any]) -> None:
        """Refuse an attribute unless it is absent or has one of the values."""
        value = self.attribute(name, kind, allowed[0])
        if value not in allowed:
            listed = " or ".join(map(repr, allowed))
            raise self.error(f"attribute {name!r} = {value!r}", listed)

    def ignore(self, *names: str) -> None:
        """Take note of attributes that do not matter at inference."""
        self._asked.update(names)

    def finish(self) -> None:
        """Refuse attributes that no one asked for, and outputs that no one made."""
        unknown = [name for name in self.node.attributes if name not in self._asked]
        if unknown:
            found = f"attribute {unknown[0]!r}"
            raise self.error(found, f"none of this name at opset {self.opset}")
        for output in self.node.outputs[1:]:
            if output not in self.builder.operands and self.builder.is_used(output):
                raise self.error(f"a use of output {output!r}", "only outputs that are computed")

    # --- operands -----------------------------------------------------------------------------

    def given(self, index: int) -> bool:
        """Tell whether an (optional) input is there."""
        return index < len(self.node.inputs) and bool(self.node.inputs[index])

    @property
    def operands(self) -> tuple[Operand, ...]:
        """All inputs; none may be left out."""
        return tuple(self.operand(index) for index in range(len(self.node.inputs)))

    def operand(self, index: int) -> Operand:
        """Return an input, whatever it is."""
        if not self.given(index):
            raise self.error(f"no input {index}", "one")
        return self.builder.operands[self.node.inputs[index]]

    def value(self, index: int = 0, rank: int | None = None) -> Value:
        """Return an input that the network computes."""
        operand = self.operand(index)
        if isinstance(operand, Const):
            raise self.error(f"a constant as input {index}", "a computed value")
        if rank is not None and operand.rank != rank:
            raise self.error(f"input {index} of shape {operand.shapes[0]}", f"{rank} axes")
        return operand

    def constant(self, index: int, default: Tensor | None = None) -> Tensor:
        """Return an input that is known while reading and depends on no free size."""
        if not self.given(index) and default is not None:
            return default
        operand = self.operand(index)
        array = operand.fixed if isinstance(operand, Const) else None
        if array is None:
            name = self.node.inputs[index]
            raise self.error(f"input {index} ({name!r}) that is computed", "a constant")
        return array

    def weight(self, index: int, default: Tensor | None = None) -> Tensor:
        """Return a constant input as float32."""
        array = self.constant(index, default)
        if array.dtype.kind != "f":
            raise self.error(f"input {index} of type {array.dtype}", "a float type")
        return self.builder.converted(array, "float32", lambda: np.asarray(array, np.float32))

    def integers(self, index: int) -> tuple[tuple[int, ...], ...]:
        """Return a constant list of integers, at each probe."""
        operand = self.operand(index)
        if isinstance(operand, Value):
            raise self.error(f"input {index} that is computed", "constant integers")
        for array in operand.arrays:
            if array.dtype.kind not in "iu" or array.ndim > 1:
                found = f"input {index} of type {array.dtype} and shape {array.shape}"
                raise self.error(found, "a list of integers")
        return tuple(tuple(int(x) for x in array.reshape(-1)) for array in operand.arrays)

    def axis(self, axis: int, rank: int) -> int:
        """Return a possibly negative axis as one from 0."""
        if not -rank <= axis < rank:
            raise self.error(f"axis {axis}", f"one from {-rank} to {rank - 1}")
        return axis % rank

    # --- results ------------------------------------------------------------------------------

    def emit(
        self,
        op: Op,
        *inputs: Value,
        weights: Mapping[str, Any] | None = None,
        last: bool = False,
    ) -> Value:
        """Add a node; ``last`` makes its result the result of the lowering.

        Raises
        ------
        FormatError
            If shapes or weights do not fit the op.
        """
        weights = dict(weights or {})
        shapes: list[Shape] = []
        for probe in range(self.builder.probes):
            found = tuple(value.shapes[probe] for value in inputs)
            try:
                (shape,) = op.infer(*found)
                want = op.weights(*found)
            except (ShapeError, InputError) as error:
                raise self._refused(error) from error
            for name, array in weights.items():
                if array.shape != want[name]:
                    raise self.error(f"{name} of shape {array.shape}", f"{want[name]}")
            self.builder.check_size(self, shape)
            shapes.append(shape)
        value = Value(self.builder.value_name(self.target, last), tuple(shapes))
        name = self.builder.node_name(self.node.name or self.target)
        reads = tuple(v.name for v in inputs)
        where = f"{self.builder.file}:{self.node.index}"
        self.builder.nodes.append(Node(name, op, reads, (value.name,), weights, where))
        if last:
            self.builder.operands[self.target] = value
        return value

    def fold(self, arrays: tuple[Tensor, ...]) -> None:
        """Give the result as a constant, at each probe."""
        self.builder.operands[self.target] = Const(arrays)

    def take_over(self, node: NodeRecord) -> None:
        """Compute the result of a later node, the only reader of this one, in its place."""
        self.target = node.outputs[0]
        self.builder.done.add(node.index)

    def make(self, kind: type[Op], *arguments: Any, **options: Any) -> Any:
        """Build an op; its refusal of an attribute becomes an error that names the node."""
        try:
            return kind(*arguments, **options)
        except InputError as error:
            raise self._refused(error) from error

    def reshape(self, x: Value, targets: tuple[Shape, ...], last: bool = False) -> Value:
        """Emit a `Reshape` to the given shape at each probe; nothing where it is that already."""
        if x.shapes == targets and not last:
            return x
        dims = reshape_dims(x.shapes, targets)
        if dims is None:
            found = f"a reshape of {x.shapes[0]} to {targets[0]} with several free sizes"
            raise self.error(found, "at most one that is not copied")
        return self.emit(self.make(Reshape, dims), x, last=last)
