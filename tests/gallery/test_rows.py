"""Rows of features: what is refused, decoded, and taken by rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.rows import ArrayRows, Rows, as_rows, decoded, error_norms, quantize

FINITE = st.floats(-(2.0**100), 2.0**100, width=32)


def test_an_array_is_not_copied() -> None:
    x = np.zeros((3, 4), np.float32)
    rows = as_rows(x)
    assert rows[1:2].base is x
    assert decoded(rows, 0, 3).base is x
    assert as_rows(rows) is rows
    assert isinstance(rows, Rows)
    assert len(rows) == 3
    assert repr(quantize(x)) == "<ArrayRows 3 x 4 int8>"


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint8])
def test_types_that_are_refused(dtype: type) -> None:
    with pytest.raises(InputError, match=f"type {np.dtype(dtype)}"):
        as_rows(np.zeros((3, 4), dtype))


def test_shapes_that_are_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        as_rows(np.zeros(3, np.float32))
    whole, scales = np.zeros((3, 4), np.int8), np.ones(3, np.float32)
    with pytest.raises(InputError, match="no scales"):
        ArrayRows(whole)
    with pytest.raises(InputError, match="floats do not"):
        ArrayRows(np.zeros((3, 4), np.float32), scales)
    with pytest.raises(InputError, match=r"scales of shape \(2,\)"):
        ArrayRows(whole, scales[:2])
    with pytest.raises(InputError, match="errors of shape"):
        ArrayRows(whole, scales, np.ones(3))
    with pytest.raises(InputError, match="found list"):
        as_rows([[1.0]])  # type: ignore[arg-type]


@given(arrays(np.float32, st.tuples(st.integers(0, 8), st.integers(1, 9)), elements=FINITE))
# Subnormal scales have few bits, and below half the least of them rounding would leave 0.
@example(np.float32([[2.0**-126], [1e-44], [2.0**-149], [2.0**-140], [1e-38]]))
def test_errors_are_bounds(x: np.ndarray) -> None:
    for dtype in ("int8", "int16"):
        rows = quantize(x, dtype)
        assert rows.scales is not None
        assert rows.errors is not None
        stored = rows[0 : len(x)].astype(float) * rows.scales.astype(float)[:, None]
        lost = np.sqrt(((x.astype(float) - stored) ** 2).sum(axis=1))
        assert (rows.errors >= lost * (1 - 1e-12)).all()
        # Half a step in every value. The last term is what this sum in float64 itself rounds.
        steps = rows.scales.astype(float) * x.shape[1] ** 0.5
        assert (lost <= 0.5 * steps * (1 + 1e-9)).all()


def test_zeros_and_extremes() -> None:
    rows = quantize(np.array([[0, 0], [-5, 2.5], [1e-44, 0]], np.float32))
    assert rows[0:2].tolist() == [[0, 0], [-127, 64]]
    assert rows.errors is not None
    assert rows.errors[0] == 0


def test_blocks_are_rounded_alike() -> None:
    x = np.random.default_rng(0).standard_normal((40_000, 3)).astype(np.float32)
    whole, part = quantize(x), quantize(x[20_000:30_000])
    np.testing.assert_array_equal(whole[20_000:30_000], part[0:10_000])


def test_what_cannot_be_rounded() -> None:
    x = np.ones((3, 2), np.float32)
    x[1, 1] = np.inf
    with pytest.raises(InputError, match="row 1"):
        quantize(x)
    with pytest.raises(InputError, match="row 0"):
        quantize(np.array([[1e300, 1.0]]))  # finite, and beyond float32, which features are
    with pytest.raises(InputError, match="'int4'"):
        quantize(x, "int4")
    with pytest.raises(InputError, match="float type"):
        quantize(np.ones((3, 2), int))


def test_norms_are_rounded_up() -> None:
    x = np.random.default_rng(0).standard_normal((500, 7))
    exact = np.sqrt((x**2).sum(axis=1))
    found = error_norms(x, np.zeros_like(x))
    assert (found.astype(float) >= exact * (1 - 1e-15)).all()
    assert (found <= exact * (1 + 1.2e-7)).all()
