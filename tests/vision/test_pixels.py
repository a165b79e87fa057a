"""Arrays as images: every shape, dtype and memory layout has one defined meaning or one error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zqcnn_xp.errors import ImageError, InputError
from zqcnn_xp.vision.pixels import is_array, to_rgb8


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)


def test_rgb_passes_unchanged_and_without_copy(rgb):
    out = to_rgb8(rgb)
    assert out.dtype == np.uint8
    assert np.shares_memory(out, rgb)
    np.testing.assert_array_equal(out, rgb)


def test_bgr_swaps_and_a_swap_matters(rgb):
    out = to_rgb8(rgb, color="bgr")
    np.testing.assert_array_equal(out, rgb[:, :, ::-1])
    assert out.flags.c_contiguous
    assert (out != rgb).any()


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 1)])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_grey_is_repeated(shape, color):
    x = np.arange(35, dtype=np.uint8).reshape(shape)
    out = to_rgb8(x, color=color)
    assert out.shape == (7, 5, 3)
    for channel in range(3):
        np.testing.assert_array_equal(out[:, :, channel], x.reshape(7, 5))


@pytest.mark.parametrize(("color", "order"), [("rgb", [0, 1, 2]), ("bgr", [2, 1, 0])])
def test_alpha_is_dropped(rgb, color, order):
    rgba = np.concatenate([rgb, np.zeros((7, 5, 1), np.uint8)], axis=2)
    np.testing.assert_array_equal(to_rgb8(rgba, color=color), rgb[:, :, order])


def test_uint16_keeps_the_high_byte():
    x = np.array([[0, 255, 256, 0x80FF, 0xFFFF]], np.uint16)
    assert to_rgb8(x)[0, :, 0].tolist() == [0, 0, 1, 0x80, 255]


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64])
def test_other_integers_are_0_to_255(dtype):
    assert to_rgb8(np.array([[0, 7, 127]], dtype))[0, :, 1].tolist() == [0, 7, 127]


@pytest.mark.parametrize("value", [-1, 256, 2**40])
def test_other_integers_out_of_range_are_refused(value):
    with pytest.raises(ImageError, match=r"values from .*\(1, 2\)"):
        to_rgb8(np.array([[0, value]], np.int64))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_rounded_and_clipped(dtype):
    x = np.array([[-3.0, 0.5, 1.5, 99.4, 254.6, 300.0]], dtype)
    assert to_rgb8(x)[0, :, 0].tolist() == [0, 0, 2, 99, 255, 255]


def test_huge_floats_are_clipped():
    assert to_rgb8(np.array([[1e38, -1e38]], np.float32))[0, :, 0].tolist() == [255, 0]


def test_a_black_float_image_is_black():
    assert not to_rgb8(np.zeros((2, 2), np.float32)).any()


@pytest.mark.parametrize("value", [1.0, 0.25, 1e-40, -0.5])
def test_floats_scaled_to_one_are_refused(value):
    with pytest.raises(ImageError, match=r"multiply .* by 255"):
        to_rgb8(np.full((2, 2, 3), value, np.float64))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_non_finite_is_refused_with_the_shape(value, dtype):
    x = np.full((4, 6, 3), 100, dtype)
    x[2, 3, 1] = value
    with pytest.raises(ImageError, match=r"NaN or infinity .*\(4, 6, 3\)"):
        to_rgb8(x)


@pytest.mark.parametrize(
    "shape",
    [(), (5,), (0, 5), (5, 0), (0, 0, 3), (5, 0, 3), (0, 5, 4), (4, 4, 0), (4, 4, 2), (4, 4, 5),
     (3, 8, 8), (1, 8, 8, 3), (1, 1, 1, 1, 1)],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_wrong_shapes_are_named(shape, dtype):
    with pytest.raises(ImageError) as caught:
        to_rgb8(np.zeros(shape, dtype))
    assert str(shape) in str(caught.value)


def test_hints_say_how_to_mend_a_shape():
    with pytest.raises(ImageError, match="moveaxis"):
        to_rgb8(np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(ImageError, match="as a list"):
        to_rgb8(np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(ImageError, match="as bytes"):
        to_rgb8(np.zeros(100, np.uint8))


@pytest.mark.parametrize("dtype", [object, np.complex64, bool, "U3", "datetime64[s]", "i4,i4"])
def test_wrong_dtypes_are_named(dtype):
    x = np.zeros((2, 2), dtype)
    with pytest.raises(ImageError, match=r"dtype .* shape \(2, 2\)"):
        to_rgb8(x)


@pytest.mark.parametrize("color", ["RGB", "gray", "", "brg"])
def test_colour_names_are_listed(rgb, color):
    with pytest.raises(InputError, match="'rgb' or 'bgr'"):
        to_rgb8(rgb, color=color)


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i4", ">i4", "<f4", ">f4", ">f8"])
@pytest.mark.parametrize("layout", ["C", "F", "negative", "strided", "read-only"])
def test_any_memory_layout_gives_the_same_and_stays_untouched(rgb, color, dtype, layout):
    scale = 256 if dtype.endswith("u2") else 1
    x = (rgb.astype(np.int64) * scale).astype(dtype)
    if layout == "F":
        x = np.asfortranarray(x)
    elif layout == "negative":
        x = x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]
    elif layout == "strided":
        wide = np.zeros((14, 15, 3), x.dtype)
        wide[::2, ::3] = x
        x = wide[::2, ::3]
    elif layout == "read-only":
        x.flags.writeable = False
    before = x.copy()
    out = to_rgb8(x, color=color)
    np.testing.assert_array_equal(out, rgb[:, :, ::-1] if color == "bgr" else rgb)
    assert out.flags.c_contiguous
    np.testing.assert_array_equal(x, before)


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 2**31))
def test_bgr_of_bgr_is_rgb(height, width, seed):
    x = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_rgb8(to_rgb8(x, color="bgr"), color="bgr"), x)


@pytest.mark.parametrize("library", ["torch", "jax.numpy", "array_api_strict"])
def test_arrays_of_other_libraries(rgb, library):
    xp = pytest.importorskip(library)
    x = xp.asarray(rgb.copy())
    assert is_array(x)
    np.testing.assert_array_equal(to_rgb8(x, color="bgr"), rgb[:, :, ::-1])


def test_an_array_of_dlpack_alone(rgb):
    class Exporter:
        def __dlpack__(self, **options):
            return rgb.__dlpack__(**options)

        def __dlpack_device__(self):
            return rgb.__dlpack_device__()

    np.testing.assert_array_equal(to_rgb8(Exporter()), rgb)


def test_an_array_that_will_not_come_is_an_error_of_ours():
    class Stuck:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("on the device")

        def __dlpack__(self, **options):
            raise BufferError("not exportable")

        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises(ImageError, match=r"Stuck .*on the device"):
        to_rgb8(Stuck())
