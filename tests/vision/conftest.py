"""Images of noise, transforms to anywhere, and the general warp that the others agree with."""

from __future__ import annotations

import numpy as np
import pytest

from zqcnn_xp.vision.warp import place_crops, warp


@pytest.fixture(scope="session")
def own_warp():
    """Sample crops with the general warp on NumPy."""
    from array_api_compat import numpy as xp

    def run(image, to_image, size):
        place = place_crops([image.shape[:2]], np.zeros(len(to_image), int), to_image, size)
        return warp(xp, image.reshape(-1, 3), place, size)

    return run


@pytest.fixture(scope="session")
def noise():
    """Make a random generator and an image of noise, of two values where it is sharp."""

    def make(seed, height, width, sharp):
        rng = np.random.default_rng(seed)
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        return rng, np.where(image > 127, np.uint8(255), np.uint8(0)) if sharp else image

    return make


@pytest.fixture(scope="session")
def turns():
    """Make transforms from crops to anywhere on and beside an image, a few of them mirrored."""

    def make(rng, height, width, size, count=4, least=-4.0, most=3.0):
        angle = rng.uniform(-np.pi, np.pi, count)
        scale = np.exp(rng.uniform(least, most, count))
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        linear = np.stack([cos, -sin, sin, cos], -1).reshape(count, 2, 2)
        linear[1::2] = linear[1::2] @ np.diag([-1.0, 1.0])
        middle = rng.uniform(-0.2, 1.2, (count, 2)) * (width, height)
        moved = middle - linear @ ((np.array(size[::-1]) - 1) / 2)
        return np.concatenate([linear, moved[..., None]], axis=2)

    return make
