"""Activations against ONNX Runtime and at the ends of the float32 range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops import Activation
from zqcnn_xp.testing.check_op import NAMESPACES, check_op

OPS = {
    "Relu": (Activation("relu"), {}),
    "LeakyRelu": (Activation("leaky_relu", alpha=0.25), {"alpha": 0.25}),
    "Sigmoid": (Activation("sigmoid"), {}),
    "Tanh": (Activation("tanh"), {}),
    "Elu": (Activation("elu", alpha=0.5), {"alpha": 0.5}),
    "HardSigmoid": (Activation("hard_sigmoid", alpha=0.3, beta=0.4), {"alpha": 0.3, "beta": 0.4}),
    "HardSwish": (Activation("hard_swish", alpha=1 / 6), {}),
    "Mish": (Activation("mish"), {}),
    "Softplus": (Activation("softplus"), {}),
}
FLOATS = arrays(
    np.float32,
    array_shapes(min_dims=1, max_dims=5, max_side=5),
    elements=st.floats(-100, 100, width=32, allow_subnormal=False),
)


@pytest.mark.parametrize("kind", OPS)
@given(x=FLOATS)
@settings(deadline=None, max_examples=25)
def test_matches_onnx_runtime(run_onnx, kind: str, x: np.ndarray) -> None:
    op, attributes = OPS[kind]
    check_op(
        op,
        x,
        expect=lambda _, x: run_onnx(kind, x, **attributes),
        namespaces=("numpy", "array_api_strict"),
    )


@given(FLOATS, st.floats(-5, 5, width=32), st.floats(0, 5, width=32))
@settings(deadline=None, max_examples=25)
def test_clip_matches_onnx_runtime(run_onnx, x: np.ndarray, low: float, room: float) -> None:
    high = float(np.float32(low + room))
    bounds = np.float32(low), np.float32(high)
    check_op(
        Activation("clip", low=low, high=high),
        x,
        expect=lambda _, x: run_onnx("Clip", x, *map(np.asarray, bounds)),
        namespaces=("numpy", "array_api_strict"),
    )


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (0, 3, 4, 5), (7,)])
def test_every_library(run_onnx, namespace: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32) * 4
    for kind, (op, attributes) in OPS.items():
        expect = run_onnx(kind, x, **attributes)
        check_op(op, x, expect=expect, namespaces=(namespace,))
    check_op(Activation("clip"), x, expect=[np.clip(x, 0, 6)], namespaces=(namespace,))


def test_ends_of_the_range_give_no_warning_and_the_limits() -> None:
    big = np.float32(3e38)
    x = np.asarray([-np.inf, -big, -1000, 1000, big, np.inf], dtype=np.float32)
    below = np.float32([0, 0, 0, 1, 1, 1])
    check_op(Activation("sigmoid"), x, expect=[below])
    check_op(Activation("tanh"), x, expect=[2 * below - 1])
    positive = np.where(x > 0, x, 0)
    check_op(Activation("relu"), x, expect=[positive])
    check_op(Activation("elu", alpha=1.0), x, expect=[positive + below - 1])
    check_op(Activation("clip", low=-2.0, high=6.0), x, expect=[np.clip(x, -2, 6)])


def test_one_multiply_add_for_each_element() -> None:
    assert Activation("relu").muladds((1, 8, 5, 6)) == 240


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="found kind 'gelu'"):
        Activation("gelu")


@given(x=FLOATS)
@settings(deadline=None, max_examples=25)
def test_swish_matches_pytorch(x: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    want = torch.nn.functional.silu(torch.from_numpy(x)).numpy()
    check_op(Activation("swish"), x, expect=[want], namespaces=("numpy", "array_api_strict"))


@pytest.mark.parametrize("kind", ["hard_sigmoid", "hard_swish", "mish", "softplus", "swish"])
def test_smooth_functions_neither_overflow_nor_warn(kind: str) -> None:
    op = Activation(kind, alpha=1 / 6)
    x = np.float32([[-1e4, 1e4, 0.0]])
    (y,) = check_op(op, x)
    np.testing.assert_allclose(y[0, :2], [0, 1 if kind == "hard_sigmoid" else 1e4], rtol=1e-6)
