"""Nearest and bilinear sampling against a loop over cells, ONNX Runtime and ZQCNN itself."""

from __future__ import annotations

from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.ops import Upsample
from zqcnn_xp.testing.check_op import NAMESPACES, check_op

SIZES = st.tuples(st.integers(1, 7), st.integers(1, 7))
MODES = {"corner": "asymmetric", "center": "half_pixel", "ends": "align_corners"}
ROUNDING = {"half_up": "round_prefer_ceil", "half_down": "round_prefer_floor"}


def plain(op: Upsample, x: np.ndarray, out: tuple[int, int]) -> np.ndarray:
    """Cell by cell, in float64."""
    whole = {
        "half_up": lambda p: floor(p + 0.5),
        "half_down": lambda p: ceil(p - 0.5),
        "floor": floor,
        "ceil": ceil,
    }[op.rounding]
    h, w = x.shape[2:]
    y = np.zeros((*x.shape[:2], *out))

    def place(i: int, size: int, count: int) -> float:
        if op.align == "ends":
            return i * (size - 1) / (count - 1) if count > 1 else 0.0
        step = size / count
        return (i + 0.5) * step - 0.5 if op.align == "center" else i * step

    def cell(r: int, c: int) -> np.ndarray:
        return x[:, :, min(max(r, 0), h - 1), min(max(c, 0), w - 1)].astype(np.float64)

    for i in range(out[0]):
        for j in range(out[1]):
            v, u = place(i, h, out[0]), place(j, w, out[1])
            if op.kind == "nearest":
                y[:, :, i, j] = cell(whole(v), whole(u))
                continue
            r, c = floor(v), floor(u)
            t, s = v - r, u - c
            y[:, :, i, j] = (1 - t) * ((1 - s) * cell(r, c) + s * cell(r, c + 1))
            y[:, :, i, j] += t * ((1 - s) * cell(r + 1, c) + s * cell(r + 1, c + 1))
    return y


ATTRIBUTES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["nearest", "bilinear"]),
        "align": st.sampled_from(sorted(MODES)),
        "rounding": st.sampled_from(["half_up", "half_down", "floor", "ceil"]),
    }
)


@given(ATTRIBUTES, SIZES, SIZES)
@settings(deadline=None, max_examples=80)
def test_a_size_matches_a_loop_over_cells(attributes: dict, size, out) -> None:
    op = Upsample(size=out, **attributes)
    x = np.random.default_rng(0).standard_normal((2, 3, *size)).astype(np.float32)
    check_op(op, x, expect=[plain(op, x, out)], namespaces=("numpy", "array_api_strict"))


@given(ATTRIBUTES, SIZES, st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)))
@settings(deadline=None, max_examples=60)
def test_a_scale_rounds_the_size_half_up(attributes: dict, size, scale) -> None:
    op = Upsample(scale=scale, **attributes)
    out = tuple(int(n * s + 0.5) for n, s in zip(size, scale, strict=True))
    x = np.random.default_rng(0).standard_normal((1, 2, *size)).astype(np.float32)
    check_op(op, x, expect=[plain(op, x, out)], namespaces=("numpy", "array_api_strict"))


@given(ATTRIBUTES, SIZES, st.tuples(st.integers(1, 4), st.integers(1, 4)))
@settings(deadline=None, max_examples=60)
def test_whole_scales_match_onnx_runtime(run_onnx, attributes: dict, size, scale) -> None:
    op = Upsample(scale=scale, **attributes)
    nearest = op.kind == "nearest"
    # ONNX Runtime takes these positions in float32, where ties fall to either side.
    assume(not (nearest and op.align == "ends"))
    x = np.random.default_rng(0).standard_normal((1, 2, *size)).astype(np.float32)
    theirs = run_onnx(
        "Resize",
        x,
        None,
        np.asarray([1, 1, *scale], np.float32),
        mode="nearest" if nearest else "linear",
        coordinate_transformation_mode=MODES[op.align],
        nearest_mode=ROUNDING.get(op.rounding, op.rounding),
    )[0]
    check_op(op, x, expect=[theirs], namespaces=("numpy",))


@pytest.mark.parametrize("namespace", NAMESPACES[1:])
@pytest.mark.parametrize("kind", ["nearest", "bilinear"])
@pytest.mark.parametrize("align", sorted(MODES))
@pytest.mark.parametrize("batch", [0, 2])
def test_every_library(namespace: str, kind: str, align: str, batch: int) -> None:
    x = np.random.default_rng(0).standard_normal((batch, 3, 4, 5)).astype(np.float32)
    op = Upsample(kind, align, scale=(2.0, 1.5))
    check_op(op, x, expect=[plain(op, x, (8, 8))], namespaces=(namespace,))


def test_matches_the_original(shared_data: Path) -> None:
    golden = np.load(shared_data / "golden" / "zqcnn" / "resize.npz")
    x = golden["resize_input"]
    for name, kind, align in (
        ("resize_full_137x103", "bilinear", "center"),
        ("resize_corner_200x150", "bilinear", "corner"),
    ):
        wish = golden[name]
        (y,) = check_op(Upsample(kind, align, size=wish.shape[2:]), x, namespaces=("numpy",))
        # The original adds positions up in float32; drift moves a sample by about 1e-4 cells.
        assert np.abs(y - wish).max() < 4e-3
    wish = golden["resize_nearest_200x150"]
    op = Upsample("nearest", "center", size=(150, 200))
    (y,) = check_op(op, x, namespaces=("numpy",))
    # Positions that end in .5 fall to either side under that drift; all others are exact.
    rows, columns = (
        np.abs(np.asarray(op.positions(cells, out)) % 1 - 0.5) > 1e-3
        for cells, out in ((480, 150), (640, 200))
    )
    clear = np.outer(rows, columns)
    assert clear.mean() > 0.6
    np.testing.assert_array_equal(y[:, :, clear], wish[:, :, clear])


def test_the_same_size_is_no_work() -> None:
    x = np.ones((1, 4, 5, 2), np.float32)
    for align in MODES:
        assert Upsample("bilinear", align, size=(4, 5)).forward(np, {}, x)[0] is x


def test_multiply_adds_as_the_original_counts() -> None:
    shape, cells = (1, 8, 5, 5), 8 * 100
    assert Upsample("nearest", scale=(2.0, 2.0)).muladds(shape) == cells
    assert Upsample("bilinear", scale=(2.0, 2.0)).muladds(shape) == 6 * cells
    assert Upsample("bilinear", size=(10, 10)).muladds(shape) == 10 * cells


@pytest.mark.parametrize(
    "attributes",
    [
        {"kind": "nearest"},
        {"kind": "nearest", "scale": (2.0, 2.0), "size": (4, 4)},
        {"kind": "nearest", "scale": (0.0, 2.0)},
        {"kind": "nearest", "scale": (float("nan"), 2.0)},
        {"kind": "nearest", "size": (4, -1)},
        {"kind": "cubic", "size": (4, 4)},
        {"kind": "nearest", "size": (4, 4), "align": "left"},
        {"kind": "nearest", "size": (4, 4), "rounding": "up"},
    ],
)
def test_bad_attributes_are_refused(attributes: dict) -> None:
    with pytest.raises(InputError, match="Upsample: found"):
        Upsample(**attributes)


def test_an_empty_map_is_refused() -> None:
    with pytest.raises(ShapeError, match="expected cells to sample"):
        Upsample("nearest", size=(2, 2)).infer((1, 3, 0, 4))
