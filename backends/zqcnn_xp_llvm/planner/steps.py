"""Steps: what the planner makes of nodes, one result each, with everything fused into them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zqcnn_xp.graph import Node
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp_llvm.codegen.expression import ACC, Formula
from zqcnn_xp_llvm.planner.formulas import activation_formula

__all__ = [
    "ConvStep",
    "DenseStep",
    "HostStep",
    "MapStep",
    "MoveStep",
    "NormStep",
    "SoftmaxStep",
    "Step",
    "WindowStep",
    "activated",
]

Vector = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Step:
    """One result.

    Parameters
    ----------
    nodes
        The nodes it stands for, in their order.
    reads
        Values read; a formula's input k is ``reads[k]``, and input 0 what the step itself makes
        of ``reads[0]``.
    writes
        The value made.
    shape
        Its logical shape.
    formula, params
        What is applied before the result is stored.
    """

    nodes: tuple[Node, ...]
    reads: tuple[str, ...]
    writes: str
    shape: Shape
    formula: Formula = ACC
    params: tuple[Vector, ...] = ()

    @property
    def name(self) -> str:
        """Names of the nodes."""
        return "+".join(node.name for node in self.nodes)

    @property
    def op(self) -> Op:
        """The op that makes the result, before anything that is fused."""
        return self.nodes[0].op


@dataclass(frozen=True, eq=False)
class ConvStep(Step):
    """A convolution with one or several groups of channels; not depthwise.

    Parameters
    ----------
    conv
        The op.
    pair
        A max feature map follows at once.
    """

    conv: Conv2D = field(default_factory=lambda: Conv2D(1, (1, 1)))
    pair: bool = False


@dataclass(frozen=True, eq=False)
class WindowStep(Step):
    """Pooling or a depthwise convolution."""


@dataclass(frozen=True, eq=False)
class DenseStep(Step):
    """A product with a matrix, over the whole batch at once.

    Parameters
    ----------
    pair
        A max feature map follows at once.
    """

    pair: bool = False


@dataclass(frozen=True, eq=False)
class MapStep(Step):
    """A formula alone.

    Parameters
    ----------
    spread
        Inputs that hold one pixel, which is used everywhere.
    fixed
        Arrays as large as a sample that stand for the inputs behind ``reads``.
    """

    spread: tuple[int, ...] = ()
    fixed: tuple[Vector, ...] = ()


@dataclass(frozen=True, eq=False)
class MoveStep(Step):
    """Elements change places: concatenation, slices, upsampling, padding, transposition."""


@dataclass(frozen=True, eq=False)
class SoftmaxStep(Step):
    """Softmax along one axis."""


@dataclass(frozen=True, eq=False)
class NormStep(Step):
    """Division by the length of each pixel's vector of channels."""


@dataclass(frozen=True, eq=False)
class HostStep(Step):
    """What is left to the op's reference, on whole arrays."""


def activated(step: Step, node: Node, channels: int) -> Step | None:
    """Return a product's step with the activation and that its op carries, or None."""
    activation = getattr(node.op, "activation", None)
    if activation is None:
        return step
    applied = activation_formula(activation, node.weights, channels)
    return (
        None if applied is None else replace(step, formula=applied.formula, params=applied.params)
    )
