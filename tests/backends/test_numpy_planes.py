"""Convolutions of few channels, from images whose channels lie apart or together."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.ops import Conv2D, PReLU
from zqcnn_xp_numpy import NumpyBackend, planes
from zqcnn_xp_numpy.planes import takes_planes


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "pads"),
    [
        ((3, 3), (1, 1), (1, 1), (1, 1, 1, 1)),
        ((3, 3), (2, 2), (1, 1), (0, 1, 0, 1)),
        ((5, 2), (1, 3), (1, 2), (2, 0, 1, 3)),
        ((1, 1), (2, 2), (1, 1), (0, 0, 0, 0)),
    ],
)
def test_both_layouts(kernel, stride, dilation, pads, bias, monkeypatch):
    monkeypatch.setattr(planes, "BLOCK", 2000)
    op = Conv2D(5, kernel, stride, dilation, pads, bias=bias, activation=PReLU())
    shape = (2, 3, 19, 23)
    rng = np.random.default_rng(0)
    weights = {k: rng.standard_normal(s).astype(np.float32) for k, s in op.weights(shape).items()}
    x = rng.standard_normal(shape).astype(np.float32).transpose(0, 2, 3, 1)
    backend = NumpyBackend()
    run = backend.kernel(op, shape)
    (wish,) = op.forward(np, weights, x)
    for given in (x, np.ascontiguousarray(x)):
        (found,) = run(backend.prepare(op, weights), given)
        np.testing.assert_allclose(found, wish, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("op", "channels", "wish"),
    [
        (Conv2D(8, (3, 3)), 4, True),
        (Conv2D(8, (3, 3)), 5, False),
        (Conv2D(8, (1, 1)), 3, False),
        (Conv2D(3, (3, 3), groups=3), 3, False),
        (PReLU(), 3, False),
    ],
)
def test_who_takes_planes(op, channels, wish):
    assert takes_planes(op, channels) is wish
