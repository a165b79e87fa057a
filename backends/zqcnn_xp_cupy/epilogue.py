"""Bias and activation at the end of a convolution or dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Array, Op, Weights
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp_cupy.launch import Launcher, is_wide, pack_for

__all__ = ["Epilogue"]

# The numbers of the enumeration in kernels/common.cuh.
LINEAR, RELU, LEAKY, PRELU, CLIP, SIGMOID, TANH, ELU = range(8)
_KINDS = {
    "relu": RELU,
    "leaky_relu": LEAKY,
    "clip": CLIP,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "elu": ELU,
}


@dataclass(frozen=True)
class Epilogue:
    """What `finish` of the CUDA sources does after a sum.

    Parameters
    ----------
    bias
        There is a ``bias`` weight.
    kind, a, b
        Which activation, and its constants: a slope, a scale or two bounds.
    slope_step
        1 where ``slope`` holds one value per channel, 0 where it holds one for all.
    rest
        An activation that the CUDA sources do not know; its reference runs afterwards.
    """

    bias: bool
    kind: int = LINEAR
    a: float = 0.0
    b: float = 0.0
    slope_step: int = 0
    rest: Op | None = None

    @classmethod
    def of(cls, activation: Op | None, *, bias: bool) -> Epilogue:
        """Translate a fused activation.

        Examples
        --------
        >>> Epilogue.of(Activation("clip", low=0.0, high=6.0), bias=True).b
        6.0
        """
        if activation is None:
            return cls(bias)
        if type(activation) is PReLU:
            return cls(bias, PRELU, slope_step=0 if activation.shared else 1)
        if type(activation) is Activation and activation.kind in _KINDS:
            kind = _KINDS[activation.kind]
            if kind == CLIP:
                return cls(bias, CLIP, activation.low, activation.high)
            return cls(bias, kind, activation.alpha)
        return cls(bias, rest=activation)

    @property
    def needed(self) -> bool:
        """Whether a pass over the result has anything to do."""
        return self.bias or self.kind != LINEAR

    def arguments(self, w: Weights, unused: Array) -> tuple[Any, ...]:
        """Return bias, slope, has_bias, slope_step, kind, a, b; ``unused`` stands for no array."""
        return (
            w["bias"] if self.bias else unused,
            w["slope"] if self.kind == PRELU else unused,
            int(self.bias),
            self.slope_step,
            self.kind,
            float(self.a),
            float(self.b),
        )

    def in_place(self, launch: Launcher, w: Weights, y: Array, channels: int) -> None:
        """Run over the contiguous result of a matrix product whose last axis is the channels."""
        if not self.needed:
            return
        pack = pack_for(channels, y)
        kernel = launch.variant("epilogue", wide=is_wide(y.size), pack=pack)
        total = y.size // pack
        launch(kernel, total, y, *self.arguments(w, y), np.int64(total), channels)

    def remaining(self, xp: Any, w: Weights, y: Array) -> Array:
        """Apply what the CUDA sources do not know."""
        return y if self.rest is None else self.rest.forward(xp, w, y)[0]
