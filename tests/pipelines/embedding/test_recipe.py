"""Recipes: what becomes of pixels, and which values mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import InputError
from zqcnn_xp.pipelines.embedding import FLIPS, Recipe
from zqcnn_xp.vision.templates import Template

SEEDS = st.integers(0, 2**32 - 1)


def crops(seed: int, n: int = 2, height: int = 6, width: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


@given(seed=SEEDS, color=st.sampled_from(["rgb", "bgr"]), transposed=st.booleans())
def test_the_input_is_pixel_minus_mean_times_scale(seed, color, transposed):
    recipe = Recipe(
        color=color, mean=(1.5, 2.0, 3.0), scale=(0.5, 0.25, 2.0), transposed=transposed
    )
    images = crops(seed)
    found = recipe.prepare(images)
    want = images[..., :: 1 if color == "rgb" else -1].astype(np.float64)
    want = ((want - [1.5, 2.0, 3.0]) * [0.5, 0.25, 2.0]).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(found, want.swapaxes(2, 3) if transposed else want)
    assert found.dtype == np.float32


def test_the_usual_scaling_is_exact():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    found = Recipe(mean=127.5, scale=0.0078125).prepare(every)
    np.testing.assert_array_equal(found[0, 0].ravel(), (np.arange(256) - 127.5) / 128)


def test_grey_is_that_of_opencv():
    cv2 = pytest.importorskip("cv2")
    images = crops(3, n=1, height=200, width=300)
    found = Recipe(color="gray").prepare(images)
    assert found.shape == (1, 1, 200, 300)
    np.testing.assert_array_equal(found[0, 0], cv2.cvtColor(images[0], cv2.COLOR_RGB2GRAY))


def test_what_is_written_to_is_returned():
    out = np.empty((2, 6, 4, 3), np.float32)
    found = Recipe().prepare(crops(1), out)
    assert np.shares_memory(found, out)
    np.testing.assert_array_equal(out, crops(1))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"color": "yuv"}, "color='yuv'"),
        ({"flip": "twice"}, "expected one of none, sum, concatenate"),
        ({"size": 112}, "size=112"),
        ({"size": (0, 5)}, r"size=\(0, 5\)"),
        ({"size": (112, 96)}, r"template 'arcface' makes crops of \(112, 112\)"),
        ({"template": ""}, "size=None"),
        ({"template": "oval"}, "found template 'oval'"),
        ({"mean": float("nan")}, "mean=nan"),
        ({"mean": (1.0, 2.0)}, "a finite number, or 3 of them"),
        ({"scale": "big"}, "scale='big'"),
        ({"color": "gray", "mean": (1.0, 2.0, 3.0)}, "or 1 of them"),
        ({"output": None}, "output=None: expected the name"),
    ],
)
def test_values_that_mean_nothing_are_named(values, words):
    with pytest.raises(InputError, match=words):
        Recipe(**values)


def test_the_template_says_the_size():
    assert Recipe("sphereface").shape == (3, 112, 96)
    assert Recipe("lightcnn", color="gray").shape == (1, 128, 128)
    assert Recipe("sphereface", transposed=True).shape == (3, 96, 112)
    assert Recipe().changed(template="160").size == (160, 160)
    own = Template("mine", (64, 48), np.zeros((5, 2)))
    assert Recipe(own).size == (64, 48)
    assert Recipe(own).to_dict()["template"] == "mine"


def test_an_unknown_option_is_named():
    with pytest.raises(InputError, match="found option 'flipped', expected one of template"):
        Recipe().changed(flipped=True)
    assert Recipe().changed(flip="sum") == Recipe(flip="sum")


def test_plain_values():
    found = Recipe(mean=(1.0, 2.0, 3.0)).to_dict()
    assert found["mean"] == [1.0, 2.0, 3.0]
    assert Recipe(**found) == Recipe(mean=(1.0, 2.0, 3.0))
    assert found["flip"] in FLIPS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"normalise": "yes"}, "normalise='yes': expected True or False"),
        ({"normalise": 1}, "normalise=1"),
        ({"transposed": "no"}, "transposed='no'"),
        ({"scale": 0}, "erases the image"),
        ({"scale": (1, 0, 1)}, "erases the image"),
        ({"template": "", "size": (112.7, 112)}, "whole and at least 1"),
        ({"color": np.array(["rgb", "bgr"])}, "expected one of rgb"),
    ],
)
def test_values_that_would_be_taken_for_others(values, words):
    with pytest.raises(InputError, match=words):
        Recipe(**values)


def test_no_template_keeps_the_size():
    """Over a card: crops of its size then come from elsewhere."""
    found = Recipe(template="sphereface").changed(template="")
    assert (found.template, found.size) == ("", (112, 96))
    assert found.changed(template="arcface").size == (112, 112)
