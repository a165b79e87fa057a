"""Crops in batches: the same crops whatever they come in, and those of a wrong size are named."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zqcnn_xp.errors import ImageError, InputError, ShapeError
from zqcnn_xp.pipelines.embedding.batches import crop_batches

SIZE = (6, 4)


def crops(n: int = 5) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, *SIZE, 3), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@given(n=st.integers(1, 9), count=st.integers(1, 6))
def test_order_and_numbers(n, count):
    images = crops(n)
    for given_as in (images, list(images), iter(images), [png(image) for image in images]):
        batches = list(crop_batches(given_as, SIZE, count))
        assert [len(batch) for batch in batches[:-1]] == [count] * (len(batches) - 1)
        assert 1 <= len(batches[-1]) <= count
        np.testing.assert_array_equal(np.concatenate(batches), images)


def test_no_crops_are_no_batches():
    assert list(crop_batches([], SIZE, 3)) == []
    assert list(crop_batches(np.empty((0, *SIZE, 3), np.uint8), SIZE, 3)) == []


def test_one_crop_alone(tmp_path):
    image = crops(1)[0]
    path = tmp_path / "a.png"
    path.write_bytes(png(image))
    for alone in (image, png(image), path, str(path), io.BytesIO(png(image)), Image.open(path)):
        (batch,) = crop_batches(alone, SIZE, 3)
        np.testing.assert_array_equal(batch, image[None])


def test_the_colour_order_of_arrays():
    images = crops(3)
    for given_as in (images, list(images)):
        (batch,) = crop_batches(given_as, SIZE, 3, color="bgr")
        np.testing.assert_array_equal(batch, images[..., ::-1])
    (batch,) = crop_batches([png(images[0])], SIZE, 3, color="bgr")
    np.testing.assert_array_equal(batch[0], images[0])
    with pytest.raises(InputError, match="color='gbr'"):
        list(crop_batches(images, SIZE, 3, color="gbr"))


def test_other_types_of_pixels():
    images = crops(3)
    for given_as in (images.astype(np.float64), images.astype(np.int32)):
        (batch,) = crop_batches(given_as, SIZE, 3)
        np.testing.assert_array_equal(batch, images)


def test_what_is_lazy_is_read_batch_by_batch():
    read = []

    def lazy():
        for index, image in enumerate(crops(6)):
            read.append(index)
            yield image

    batches = crop_batches(lazy(), SIZE, 2)
    next(batches)
    assert read == [0, 1]


def test_another_size_is_refused_or_resized():
    large = np.repeat(np.repeat(crops(2), 2, axis=1), 2, axis=2)
    for given_as in (large, [crops(1)[0], large[0]]):
        with pytest.raises(ShapeError, match=r"crop [01]: found 12x8 pixels .*expected 6x4; align"):
            list(crop_batches(given_as, SIZE, 3))
        (batch,) = crop_batches(given_as, SIZE, 3, resize=True)
        assert batch.shape == (2, *SIZE, 3)
    # Halved by means over areas, repeated pixels give back what they were made of.
    (batch,) = crop_batches(large, SIZE, 3, resize=True)
    np.testing.assert_array_equal(batch, crops(2))


def test_what_is_no_crop_is_named():
    with pytest.raises(InputError, match="found a int, expected crops"):
        list(crop_batches(7, SIZE, 3))
    with pytest.raises(InputError, match="found a NoneType"):
        list(crop_batches([None], SIZE, 3))
    with pytest.raises(ImageError, match="begins with"):
        list(crop_batches([b"no image"], SIZE, 3))
    with pytest.raises(ImageError, match="no pixels"):
        list(crop_batches(np.empty((2, 0, 4, 3), np.uint8), SIZE, 3))


@pytest.mark.parametrize("library", ["jax.numpy", "torch", "array_api_strict"])
def test_arrays_of_other_libraries_are_crops_and_not_their_rows(library):
    xp = pytest.importorskip(library)
    crops = np.random.default_rng(3).integers(0, 256, (3, 8, 8, 3), np.uint8)
    (one,) = crop_batches(xp.asarray(crops[0]), (8, 8), 2, resize=True)
    np.testing.assert_array_equal(one, crops[:1])
    np.testing.assert_array_equal(
        np.concatenate(list(crop_batches(xp.asarray(crops), (8, 8), 2))), crops
    )
