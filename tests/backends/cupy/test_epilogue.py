"""Which activations ride along, and what happens to the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp_cupy.epilogue import Epilogue
from zqcnn_xp_cupy.sources import source


@dataclass(frozen=True)
class Halve(Op):
    """An activation that the CUDA sources do not know."""

    def infer(self, *shapes):
        return shapes

    def forward(self, xp, w, *xs):
        return (xs[0] * 0.5,)


def test_the_numbers_are_those_of_the_source():
    from zqcnn_xp_cupy import epilogue

    text = source("epilogue")
    for kind in ("LINEAR", "RELU", "LEAKY", "PRELU", "CLIP", "SIGMOID", "TANH", "ELU"):
        assert f"{kind} = {getattr(epilogue, kind)}" in text


def test_nothing_to_do_is_seen():
    assert not Epilogue.of(None, bias=False).needed
    assert Epilogue.of(None, bias=True).needed
    assert Epilogue.of(Halve(), bias=False).rest == Halve()


@pytest.mark.parametrize(
    ("op", "shape"),
    [(Conv2D(4, (3, 3), activation=Halve()), (1, 4, 6, 6)),
     (Conv2D(4, (3, 3), groups=4, activation=Halve()), (1, 4, 6, 6)),
     (Dense(4, activation=Halve()), (2, 5))],
)  # fmt: skip
def test_an_unknown_activation_runs_its_reference(backend, compare, op, shape):
    assert compare(backend, op, shape) is not None


@pytest.mark.parametrize(
    "activation",
    [PReLU(), Activation("relu"), Activation("leaky_relu", alpha=0.3), Activation("clip"),
     Activation("sigmoid"), Activation("tanh"), Activation("elu", alpha=1.5)],
)  # fmt: skip
def test_extreme_values(backend, activation):
    """Infinities, NaN, zeros and overflow take the branches of the reference."""
    import array_api_compat.numpy as xp

    op = Conv2D(1, (1, 1), bias=False, activation=activation)
    edge = np.float32([np.inf, -np.inf, np.nan, 0, -0.0, 90, -90, 1e30, -1e30, 1e-40, -1e-40, 1])
    x = edge.reshape(1, 3, 4, 1)
    weights = {"weight": np.ones((1, 1, 1, 1), np.float32)}
    weights |= {name: np.float32([0.25]) for name in activation.weights((1, 1, 3, 4))}
    with np.errstate(all="ignore"):
        wanted = activation.forward(xp, weights, x)[0]
    (y,) = backend.kernel(op, (1, 1, 3, 4))(backend.prepare(op, weights), backend.from_numpy(x))
    np.testing.assert_allclose(backend.to_numpy(y), wanted, rtol=2e-6, atol=1e-37)
