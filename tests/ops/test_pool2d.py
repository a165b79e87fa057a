"""Pooling against explicit loops and against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Pool2D
from zqcnn_xp.testing.check_op import NAMESPACES, check_op


def windows(op: Pool2D, axis: int, size: int) -> list[tuple[int, int]]:
    """Start and end of each window of one axis, counted in cells of the map."""
    if op.kernel is None:
        return [(0, size)]
    k, s = op.kernel[axis], op.stride[axis]
    if op.pads == "same_upper":
        total = max((int(np.ceil(size / s)) - 1) * s + k - size, 0)
        before, after = total // 2, total - total // 2
    else:
        before, after = op.pads[2 * axis], op.pads[2 * axis + 1]
    room = (size + before + after - k) / s
    count = int(np.ceil(room) if op.ceil else np.floor(room)) + 1
    starts = [i * s - before for i in range(count)]
    if op.ceil and op.clip_last and starts[-1] >= size:
        starts.pop()
    return [(start, start + k) for start in starts]


def plain(op: Pool2D, x: np.ndarray) -> np.ndarray:
    """One window after the other, in float64; what lies where is asked cell by cell."""
    n, c, h, w = x.shape
    if op.kernel is None:
        return (np.max if op.kind == "max" else np.mean)(x, axis=(2, 3), keepdims=True)
    pads = [0, 0, 0, 0]
    for axis, size in enumerate((h, w)):
        first, last = windows(op, axis, size)[0], windows(op, axis, size)[-1]
        pads[2 * axis] = -first[0]
        pads[2 * axis + 1] = last[1] - size if op.pads == "same_upper" else op.pads[2 * axis + 1]
    spans = windows(op, 0, h), windows(op, 1, w)
    y = np.zeros((n, c, len(spans[0]), len(spans[1])))
    for i, (top, bottom) in enumerate(spans[0]):
        for j, (left, right) in enumerate(spans[1]):
            inside, padding = [], 0
            for r in range(top, bottom):
                for q in range(left, right):
                    if 0 <= r < h and 0 <= q < w:
                        inside.append(x[:, :, r, q].astype(np.float64))
                    elif r < h + pads[1] and q < w + pads[3]:
                        padding += 1
            if op.kind == "max":
                zero = [np.zeros((n, c))] * bool(padding and op.pad_value == "zero")
                y[:, :, i, j] = np.max([*inside, *zero], axis=0) if inside or zero else -np.inf
                continue
            whole = (bottom - top) * (right - left)
            share = {"valid": len(inside), "padded": len(inside) + padding, "kernel": whole}
            y[:, :, i, j] = sum(inside) / max(share[op.count], 1)
    return y


@st.composite
def cases(draw: st.DrawFn, zqcnn: bool = True) -> tuple[Pool2D, tuple[int, ...]]:
    """An op and the shape of an input that it takes."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel, stride = draw(pair), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    # Pads are smaller than the kernel, as every framework demands.
    sides = [st.integers(0, kernel[axis] - 1) for axis in (0, 0, 1, 1)]
    pads = draw(st.one_of(st.just("same_upper"), st.tuples(*sides)))
    rounding = draw(st.booleans()) and pads != "same_upper"
    op = Pool2D(
        draw(st.sampled_from(["max", "average"])),
        kernel,
        stride,
        pads,
        rounding,
        draw(st.booleans()) if zqcnn else True,
        draw(st.sampled_from(["ignore", "zero"])) if zqcnn else "ignore",
        draw(st.sampled_from(["valid", "padded", "kernel"] if zqcnn else ["valid", "padded"])),
    )
    shape = (draw(st.integers(1, 2)), 2, draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    try:
        op.infer(shape)
    except ShapeError:
        assume(False)
    return op, shape


@given(cases(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=120)
def test_matches_explicit_loops(case: tuple[Pool2D, tuple[int, ...]], seed: int) -> None:
    op, shape = case
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    check_op(op, x, expect=lambda _, x: plain(op, x), namespaces=("numpy", "array_api_strict"))


@given(cases(zqcnn=False), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=120)
def test_matches_onnx_runtime(run_onnx, case: tuple[Pool2D, tuple[int, ...]], seed: int) -> None:
    op, shape = case
    options = {"kernel_shape": op.kernel, "strides": op.stride, "ceil_mode": int(op.ceil)}
    # ONNX Runtime refuses the rule where a kernel below the stride leaves cells over ("padding
    # values must be non-negative"), so those cases state their pads.
    below = any(k < s for k, s in zip(op.kernel, op.stride, strict=True))
    if op.pads == "same_upper" and not below:
        options["auto_pad"] = "SAME_UPPER"
    else:
        top, bottom, left, right = op.padding(*shape[2:])
        options["pads"] = [top, left, bottom, right]
    if op.kind == "average":
        options["count_include_pad"] = int(op.count == "padded")
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    kind = "MaxPool" if op.kind == "max" else "AveragePool"
    check_op(op, x, expect=lambda _, x: run_onnx(kind, x, **options), namespaces=("numpy",))


FIXED = {
    "max": Pool2D("max", (2, 2), (2, 2)),
    "max, ceil": Pool2D("max", (3, 3), (2, 2), ceil=True),
    "max, zero pads": Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1), True, pad_value="zero"),
    "max, same": Pool2D("max", (3, 3), (2, 2), "same_upper"),
    "average, ceil": Pool2D("average", (3, 3), (2, 2), (0, 1, 1, 0), ceil=True),
    "average of valid cells": Pool2D("average", (3, 3), (1, 2), (1, 1, 1, 1), count="valid"),
    "global max": Pool2D("max", None),
    "global average": Pool2D("average", None),
}


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("batch", [0, 2])
def test_every_library(namespace: str, name: str, batch: int) -> None:
    op = FIXED[name]
    x = np.random.default_rng(0).standard_normal((batch, 3, 7, 8)).astype(np.float32)
    check_op(op, x, expect=lambda _, x: plain(op, x), namespaces=(namespace,))


def test_zero_padding_wins_over_negative_cells_only_where_asked() -> None:
    x = np.full((1, 1, 2, 2), -3, dtype=np.float32)
    (ignored,) = check_op(Pool2D("max", (2, 2), pads=(1, 0, 1, 0)), x)
    (zero,) = check_op(Pool2D("max", (2, 2), pads=(1, 0, 1, 0), pad_value="zero"), x)
    assert ignored.tolist() == [[[[-3, -3], [-3, -3]]]]
    assert zero.tolist() == [[[[0, 0], [0, -3]]]]


def test_the_clip_rule_drops_a_window_that_starts_behind_the_map() -> None:
    shape, op = (1, 1, 5, 5), Pool2D("max", (1, 1), (3, 3), (0, 1, 0, 1), ceil=True)
    assert op.infer(shape) == ((1, 1, 3, 3),)
    clipped = Pool2D("max", (1, 1), (3, 3), (0, 1, 0, 1), ceil=True, clip_last=True)
    assert clipped.infer(shape) == ((1, 1, 2, 2),)


def test_multiply_adds_are_the_cells_looked_at() -> None:
    assert Pool2D("max", (3, 3), (2, 2), ceil=True).muladds((1, 8, 10, 10)) == 8 * 5 * 5 * 9
    assert Pool2D("average", None).muladds((1, 8, 7, 6)) == 8 * 42
    assert Pool2D("average", None, counted=(3, 3)).muladds((1, 8, 7, 6)) == 8 * 9


@pytest.mark.parametrize("shape", [(1, 3, 2, 9), (3, 9, 9)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="Pool2D"):
        Pool2D("max", (3, 3)).infer(shape)


def test_an_empty_map_has_no_mean() -> None:
    with pytest.raises(ShapeError, match="found an empty map"):
        Pool2D("average", None).infer((1, 3, 0, 4))


@pytest.mark.parametrize(
    "attributes",
    [
        {"kind": "maximum"},
        {"kernel": (0, 3)},
        {"stride": (0, 1)},
        {"pads": (0, -1, 0, 0)},
        {"pad_value": "one"},
        {"count": "all"},
    ],
)
def test_bad_attributes_are_refused(attributes: dict) -> None:
    with pytest.raises(InputError, match="Pool2D: found"):
        Pool2D(**{"kind": "max", "kernel": (3, 3), **attributes})


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_a_dilated_maximum_as_onnx_runtime(run_onnx, kernel, stride, dilation, padded) -> None:
    pad = int(padded and min(kernel) > 1)
    op = Pool2D("max", kernel, stride, (pad,) * 4, dilation=dilation)
    x = np.random.default_rng(0).standard_normal((2, 3, 9, 11)).astype(np.float32)
    want = run_onnx(
        "MaxPool", x, kernel_shape=list(kernel), strides=list(stride), pads=[pad] * 4,
        dilations=list(dilation),
    )  # fmt: skip
    check_op(op, x, expect=want, namespaces=("numpy", "array_api_strict"))


@pytest.mark.parametrize("count", ["valid", "padded", "kernel"])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("dilation", [(1, 2), (3, 2)])
def test_a_dilated_mean_counts_the_cells_under_its_taps(count, ceil, dilation) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 9)).astype(np.float32)
    op = Pool2D("average", (2, 3), (2, 2), (1, 2, 0, 1), ceil, count=count, dilation=dilation)

    def expect(_: dict, x: np.ndarray) -> np.ndarray:
        _, _, ho, wo = op.infer(x.shape)[0]
        y = np.zeros((2, 3, ho, wo))
        for i in range(ho):
            for j in range(wo):
                rows = [2 * i - 1 + k * dilation[0] for k in range(2)]
                columns = [2 * j + k * dilation[1] for k in range(3)]
                inside = [(r, q) for r in rows for q in columns if 0 <= r < 8 and 0 <= q < 9]
                padded = [(r, q) for r in rows for q in columns if r < 10 and q < 10]
                cells = {"valid": len(inside), "padded": len(padded), "kernel": 6}[count]
                total = sum((x[:, :, r, q] for r, q in inside), np.zeros((2, 3)))
                y[:, :, i, j] = total / max(cells, 1)
        return y

    check_op(op, x, expect=expect)
