"""Sketches bound the products of features, and bytes those of sketches."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.gallery.sketches import Sketch, rounded_bytes


def axes_of(dim, count, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0][:, :count].astype(
        np.float32
    )


@pytest.mark.parametrize("dim", [32, 128, 700])
@pytest.mark.parametrize("count", [1, 14, 28])
def test_products_of_sketches_are_bounds(dim, count):
    """Of features along the axes too, whose rest is nothing but rounding."""
    axes = axes_of(dim, count)
    rng = np.random.default_rng(1)
    some = rng.normal(size=(200, dim))
    some[:60] = rng.normal(size=(60, count)) @ axes.T
    features = (some * rng.uniform(0.01, 100, (200, 1))).astype(np.float32)
    sketch = Sketch(dim, axes)
    short, lengths = sketch.of(features)
    assert short.shape == (200, sketch.width)
    exact = features.astype(float)
    slack = sketch.slack * np.outer(lengths, lengths) + 1e-9
    assert (short.astype(float) @ short.T.astype(float) + slack >= exact @ exact.T).all()
    assert (lengths >= np.linalg.norm(exact, axis=1)).all()
    # No longer than the features, so that a bound is not needlessly high.
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), lengths, rtol=5e-3)


def test_all_values_are_no_sketch():
    features = np.random.default_rng(2).normal(size=(9, 5)).astype(np.float32)
    short, lengths = Sketch(5).of(features)
    np.testing.assert_array_equal(short, features)
    np.testing.assert_allclose(lengths, np.linalg.norm(features, axis=1), rtol=1e-5)
    assert Sketch(5).slack == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_length_says_so_where_a_value_is_no_number_or_overflows(bad):
    features = np.ones((3, 32), np.float32)
    features[1, 4] = bad
    for sketch in (Sketch(32), Sketch(32, axes_of(32, 7))):
        assert np.isfinite(sketch.of(features)[1]).tolist() == [True, False, True]


@pytest.mark.parametrize("width", [1, 32, 129])
def test_bytes_are_off_by_no_more_than_they_say(width):
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(300, width)) * 10.0 ** rng.uniform(-35, 15, (300, 1))
    vectors = vectors.astype(np.float32)
    vectors[0] = 0
    found = rounded_bytes(vectors)
    held = found.values.astype(float) * found.scales[:, None].astype(float)
    lost = np.linalg.norm(vectors.astype(float) - held, axis=1)
    assert (lost <= found.errors).all()
    large = np.abs(vectors).max(axis=1) > 1e-20
    step = found.scales[large].astype(float)
    assert (found.errors[large] <= 1e-17 + step * (0.51 * width**0.5 + 1e-3 * width)).all()
    assert np.abs(found.values.astype(int)).max() <= 127
