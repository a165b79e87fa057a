"""Transposed convolution against PyTorch, ONNX Runtime and its own definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Activation, ConvTranspose2D, PReLU
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def peer_weight(weight: np.ndarray, groups: int) -> np.ndarray:
    """(kH, kW, C/g, O) as (C, O/g, kH, kW)."""
    kh, kw, c, o = weight.shape
    split = weight.reshape(kh, kw, c, groups, o // groups).transpose(3, 2, 4, 0, 1)
    return np.ascontiguousarray(split.reshape(c * groups, o // groups, kh, kw))


def scatter(op: ConvTranspose2D, w: dict, x: np.ndarray) -> np.ndarray:
    """The definition: every cell adds its multiple of the kernel."""
    n, c, h, width = x.shape
    _, o, ho, wo = op.infer(x.shape)[0]
    top, _, left, _ = op.crop(h, width)
    y = np.zeros((n, o, ho, wo))
    each, outs = c // op.groups, o // op.groups
    for group in range(op.groups):
        taken = slice(group * each, (group + 1) * each)
        given = slice(group * outs, (group + 1) * outs)
        for r in range(h):
            for q in range(width):
                for i in range(op.kernel[0]):
                    for j in range(op.kernel[1]):
                        row = r * op.stride[0] + i * op.dilation[0] - top
                        column = q * op.stride[1] + j * op.dilation[1] - left
                        if 0 <= row < ho and 0 <= column < wo:
                            product = x[:, taken, r, q] @ w["weight"][i, j, :, given]
                            y[:, given, row, column] += product
    return y + (w["bias"][:, None, None] if op.bias else 0)


OPS = st.builds(
    ConvTranspose2D,
    st.just(4),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.one_of(st.just("same_upper"), st.tuples(*[st.integers(-1, 1)] * 4)),
    output_padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    groups=st.sampled_from([1, 2, 4]),
    bias=st.booleans(),
)


@given(OPS, st.integers(2, 5), st.integers(2, 4))
@example(ConvTranspose2D(4, (1, 1), pads=(0, 0, 1, 1)), 2, 2)
@settings(deadline=None, max_examples=40)
def test_the_definition(op: ConvTranspose2D, h: int, w: int) -> None:
    x = draw(2, 4, h, w)
    if op.size is None and op.pads != "same_upper":
        sides = zip((h, w), op.pads[::2], op.pads[1::2], op.kernel, op.stride, op.dilation,
                    op.output_padding, strict=True)  # fmt: skip
        cells = [(n - 1) * s + (k - 1) * d + 1 + more - a - b for n, a, b, k, s, d, more in sides]
        if min(cells) < 1:
            with pytest.raises(ShapeError, match="expected a smaller crop"):
                op.infer(x.shape)
            return
    check_op(op, x, expect=lambda w, x: scatter(op, w, x), namespaces=("numpy",))


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.tuples(st.integers(0, 1), st.integers(0, 1)),
    st.sampled_from([1, 2, 4]),
)
@settings(deadline=None, max_examples=40)
def test_pytorch_and_onnx_runtime(run_onnx, kernel, stride, dilation, pads, groups) -> None:
    torch = pytest.importorskip("torch")
    more = (stride[0] - 1, stride[1] - 1)
    sides = (pads[0], pads[0], pads[1], pads[1])
    op = ConvTranspose2D(4, kernel, stride, dilation, sides, more, groups)
    x = draw(2, 8, 3, 4)

    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        weight = peer_weight(w["weight"], groups)
        made = torch.nn.functional.conv_transpose2d(
            *map(torch.from_numpy, (x, weight, w["bias"])), stride, pads, more, groups, dilation
        ).numpy()
        (same,) = run_onnx(
            "ConvTranspose", x, weight, w["bias"], strides=list(stride), group=groups,
            dilations=list(dilation), pads=[pads[0], pads[1]] * 2, output_padding=list(more),
        )  # fmt: skip
        np.testing.assert_allclose(same, made, rtol=1e-4, atol=1e-4)
        return made

    check_op(op, x, expect=expect, namespaces=("numpy", "array_api_strict"))


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (ConvTranspose2D(6, (4, 4), (2, 2), pads=(1, 1, 1, 1), activation=PReLU()), (2, 3, 5, 4)),
        (ConvTranspose2D(6, (3, 2), (1, 3), groups=3, bias=False), (2, 3, 5, 4)),
        (ConvTranspose2D(6, (4, 4), (2, 2), size=(9, 0)), (0, 3, 5, 4)),
    ],
)
def test_every_library(namespace: str, op: ConvTranspose2D, shape) -> None:
    def expect(w: dict, x: np.ndarray) -> np.ndarray:
        y = scatter(op, w, x)
        slope = w["slope"][:, None, None] if op.activation else 1
        return np.where(y > 0, y, y * slope)

    check_op(op, draw(*shape), expect=expect, namespaces=(namespace,))


def test_sizes() -> None:
    op = ConvTranspose2D(4, (3, 3), (2, 2), pads="same_upper")
    assert op.infer((1, 3, 5, 7)) == ((1, 4, 10, 14),)
    assert op.crop(5, 7) == (0, 1, 0, 1)
    sized = ConvTranspose2D(4, (3, 3), (2, 2), size=(11, 0))
    assert sized.infer((1, 3, 5, 7)) == ((1, 4, 11, 14),)
    assert sized.infer((1, 3, 4, 7)) == ((1, 4, 11, 14),)


def test_muladds_count_the_cells_of_the_input() -> None:
    op = ConvTranspose2D(4, (3, 3), (2, 2), activation=Activation("relu"))
    out = 4 * 11 * 15
    assert op.muladds((1, 3, 5, 7)) == 5 * 7 * 4 * 9 * 3 + out + out


def test_what_is_refused() -> None:
    for broken in (
        {"kernel": (0, 3)},
        {"stride": (0, 1)},
        {"pads": (1, 1)},
        {"output_padding": (-1, 0)},
        {"groups": 0},
        {"size": (-1, 3)},
    ):
        with pytest.raises(InputError, match=r"ConvTranspose2D: found .*, expected"):
            ConvTranspose2D(**{"out_channels": 4, "kernel": (3, 3), **broken})
    with pytest.raises(ShapeError, match="multiples of the 2 groups"):
        ConvTranspose2D(4, (3, 3), groups=2).infer((1, 3, 5, 5))
    with pytest.raises(ShapeError, match="empty map"):
        ConvTranspose2D(4, (3, 3)).infer((1, 3, 0, 5))
    with pytest.raises(ShapeError, match="expected a smaller crop"):
        ConvTranspose2D(4, (1, 1), pads=(1, 1, 0, 0)).infer((1, 3, 1, 5))
