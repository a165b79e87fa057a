"""Ops that work element by element, as formulas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zqcnn_xp.graph import Node
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.scalar import Scalar
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.unary import Unary
from zqcnn_xp_llvm.codegen.expression import ACC, Formula, const

__all__ = ["Applied", "activation_formula", "formula_of", "never_negative"]


@dataclass(frozen=True, eq=False)
class Applied:
    """A formula and the vectors behind its parameters, one float a channel."""

    formula: Formula
    params: tuple[np.ndarray[Any, Any], ...] = ()


_LEAST_POWER = 1e-32  # as `BatchNorm` bounds what it takes the root of


def activation_formula(op: Op, weights: Any, channels: int) -> Applied | None:
    """Return what an activation does to input 0, or None for one that has no formula."""
    if isinstance(op, PReLU):
        slope = np.asarray(weights["slope"], np.float32)
        return Applied(("prelu", ACC, ("param", 0)), (np.broadcast_to(slope, (channels,)),))
    if not isinstance(op, Activation):
        return None
    a, b = const(op.alpha), const(op.beta)
    unit = ("clip", ("fma", ACC, a, b), const(0.0), const(1.0))
    soft = ("softplus", ACC)
    found: dict[str, Formula] = {
        "relu": ("relu", ACC),
        "leaky_relu": ("prelu", ACC, a),
        "clip": ("clip", ACC, const(op.low), const(op.high)),
        "sigmoid": ("sigmoid", ACC),
        "tanh": ("tanh", ACC),
        "elu": ("elu", ACC, a),
        "hard_sigmoid": unit,
        "hard_swish": ("mul", ACC, unit),
        "softplus": soft,
        "mish": ("mul", ACC, ("tanh", soft)),
        "swish": ("mul", ACC, ("sigmoid", ACC)),
    }
    return Applied(found[op.kind]) if op.kind in found else None


def formula_of(node: Node, shapes: list[Shape]) -> Applied | None:
    """Return the formula of a node over its inputs, or None where it has none.

    Parameters
    ----------
    node
        The node.
    shapes
        Logical shapes of its inputs.
    """
    op = node.op
    channels = shapes[0][1] if len(shapes[0]) > 1 else 1
    if isinstance(op, PReLU | Activation):
        return activation_formula(op, node.weights, channels)
    if isinstance(op, Scale):
        return _scale(op, node)
    if isinstance(op, BatchNorm):
        return _batchnorm(op, node)
    if isinstance(op, Scalar):
        return _scalar(op)
    if isinstance(op, Unary):
        return _unary(op)
    if isinstance(op, Elementwise):
        return _elementwise(op, len(shapes))
    return None


def _scale(op: Scale, node: Node) -> Applied:
    params = []
    formula = ACC
    if op.scale:
        params.append(np.asarray(node.weights["scale"], np.float32))
        formula = ("mul", ACC, ("param", 0))
    if op.bias:
        params.append(np.asarray(node.weights["bias"], np.float32))
        last = ("param", len(params) - 1)
        formula = ("fma", ACC, ("param", 0), last) if op.scale else ("add", ACC, last)
    return Applied(formula, tuple(params))


def _batchnorm(op: BatchNorm, node: Node) -> Applied | None:
    w = {name: np.asarray(v, np.float64) for name, v in node.weights.items()}
    factor = 1.0 / np.sqrt(np.maximum(w["variance"] + op.eps, _LEAST_POWER))
    if op.scale:
        factor = factor * w["scale"]
    shift = -w["mean"] * factor
    if op.bias:
        shift = shift + w["bias"]
    with np.errstate(over="ignore"):
        params = (factor.astype(np.float32), shift.astype(np.float32))
    if not all(np.isfinite(p).all() for p in params):
        return None  # what float32 cannot hold as one factor is left to the reference
    return Applied(("fma", ACC, ("param", 0), ("param", 1)), params)


def _scalar(op: Scalar) -> Applied | None:
    s = const(op.value)
    found: dict[str, Formula] = {
        "multiply": ("mul", ACC, s),
        "divide": ("div", ACC, s),
        "add": ("add", ACC, s),
        "subtract": ("sub", ACC, s),
        "max": ("max", ACC, s),
        "min": ("min", ACC, s),
        "reverse_divide": ("div", s, ACC),
        "reverse_subtract": ("sub", s, ACC),
    }
    powers: dict[float, Formula] = {1.0: ACC, 2.0: ("mul", ACC, ACC)}
    if op.kind == "power":
        return Applied(powers[op.value]) if op.value in powers else None
    return Applied(found[op.kind])


def _unary(op: Unary) -> Applied | None:
    found: dict[str, Formula] = {
        "abs": ("abs", ACC),
        "exp": ("exp", ACC),
        "sqrt": ("sqrt", ACC),
        "reciprocal": ("div", const(1.0), ACC),
    }
    return Applied(found[op.kind]) if op.kind in found else None


def _elementwise(op: Elementwise, count: int) -> Applied:
    name = {"sum": "add", "product": "mul", "max": "max"}[op.kind]
    terms: list[Formula] = [("in", k) for k in range(count)]
    if op.coefficients:
        terms = [
            term if factor == 1.0 else ("mul", term, const(factor))
            for term, factor in zip(terms, op.coefficients, strict=True)
        ]
    total = terms[0]
    for term in terms[1:]:
        total = (name, total, term)
    return Applied(total)


def never_negative(formula: Formula) -> bool:
    """Whether a formula's results are 0 or more, so that zeros around a map win no maximum."""
    name, *rest = formula
    return name in ("relu", "sigmoid", "abs", "exp", "softplus", "sqrt") or (
        name == "clip" and rest[1][0] == "const" and rest[1][1] >= 0
    )
