"""Element-wise activations without weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, TypeAlias, get_args

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops.base import Array, Op, Shape, Weights

__all__ = ["Activation", "ActivationKind", "sigmoid"]

ActivationKind: TypeAlias = Literal[
    "relu",
    "leaky_relu",
    "clip",
    "sigmoid",
    "tanh",
    "elu",
    "hard_sigmoid",
    "hard_swish",
    "mish",
    "softplus",
    "swish",
]


@dataclass(frozen=True)
class Activation(Op):
    """Apply one function to every element.

    Parameters
    ----------
    kind
        ``"relu"`` max(x, 0); ``"leaky_relu"`` x or alpha*x below zero; ``"clip"`` to
        [low, high] (ReLU6 is 0 to 6); ``"sigmoid"``; ``"tanh"``; ``"elu"``
        x or alpha*(exp(x) - 1) below zero; ``"hard_sigmoid"`` alpha*x + beta clipped to
        [0, 1]; ``"hard_swish"`` x times that; ``"softplus"`` log(1 + exp(x)); ``"mish"``
        x*tanh(softplus(x)) (Misra 2019); ``"swish"`` x*sigmoid(x), also called SiLU. Darknet's
        logistic is ``"sigmoid"``.
    alpha
        Slope or scale below zero; slope of the hard functions, which have no default of
        their own (ONNX: 0.2 for ``"hard_sigmoid"``, 1/6 for ``"hard_swish"``).
    low, high
        Bounds of ``"clip"``.
    beta
        Offset of the hard functions.

    Raises
    ------
    InputError
        If the kind is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> Activation("clip", low=0.0, high=6.0).forward(np, {}, np.float32([-1, 2, 9]))[0]
    array([0., 2., 6.], dtype=float32)
    """

    kind: ActivationKind
    alpha: float = 0.0
    low: float = 0.0
    high: float = 6.0
    beta: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in get_args(ActivationKind):
            known = ", ".join(get_args(ActivationKind))
            msg = f"Activation: found kind {self.kind!r}, expected one of {known}"
            raise InputError(msg)

    def infer(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the input's shape."""
        return shapes

    def forward(self, xp: Any, w: Weights, *xs: Array) -> tuple[Array, ...]:
        """Apply the function."""
        (x,) = xs
        if self.kind == "relu":
            # Written so that a NaN stays a NaN.
            return (xp.where(x < 0, xp.zeros_like(x), x),)
        if self.kind == "leaky_relu":
            return (xp.where(x > 0, x, x * self.alpha),)
        if self.kind == "clip":
            return (xp.clip(x, self.low, self.high),)
        if self.kind == "sigmoid":
            return (sigmoid(xp, x),)
        if self.kind == "tanh":
            return (xp.tanh(x),)
        if self.kind != "elu":
            return (self._smooth(xp, x),)
        below = self.alpha * xp.expm1(xp.where(x > 0, xp.zeros_like(x), x))
        return (xp.where(x > 0, x, below),)

    def _smooth(self, xp: Any, x: Array) -> Array:
        if self.kind == "swish":
            return x * sigmoid(xp, x)
        if self.kind in ("hard_sigmoid", "hard_swish"):
            gate = xp.clip(x * self.alpha + self.beta, 0.0, 1.0)
            return gate if self.kind == "hard_sigmoid" else x * gate
        # log(1 + e^x) without overflow, exact on both sides.
        soft = xp.where(x > 0, x, xp.zeros_like(x)) + xp.log1p(xp.exp(-xp.abs(x)))
        return soft if self.kind == "softplus" else x * xp.tanh(soft)

    def muladds(self, *shapes: Shape) -> int:
        """One per element."""
        return prod(shapes[0])


def sigmoid(xp: Any, x: Array) -> Array:
    """Return ``1 / (1 + exp(-x))`` of every element."""
    # The exponential of a value that is never positive cannot overflow.
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1.0 / (1.0 + e), e / (1.0 + e))
