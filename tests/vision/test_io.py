"""Decoding: every source and pixel format, and nothing but `ImageError` from damaged files."""

from __future__ import annotations

import contextlib
import io
import resource
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from zqcnn_xp.errors import ImageError, InputError
from zqcnn_xp.vision.io import IMAGE_SUFFIXES, read_image

FORMATS = ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"]
LOSSLESS = ["PNG", "BMP", "TIFF", "PPM"]


def scene(height=48, width=64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 4 % 256, y * 5 % 256, (x + y) * 2 % 256], axis=2).astype(np.uint8)


def encode(image, kind, **options) -> bytes:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int, body: bytes = b"\0") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(body))
        + png_chunk(b"IEND", b"")
    )


# --- sources -------------------------------------------------------------------------------------


def test_every_source_gives_the_same_pixels(tmp_path):
    data = encode(scene(), "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with path.open("rb") as file, Image.open(path) as lazy:
        sources = [
            str(path), path, data, bytearray(data), memoryview(data), io.BytesIO(data), file, lazy,
            Image.fromarray(scene()), scene(),
        ]  # fmt: skip
        for source in sources:
            out = read_image(source)
            assert out.dtype == np.uint8
            assert out.flags.c_contiguous
            np.testing.assert_array_equal(out, scene())


def test_a_stream_without_seek_is_read():
    class Pipe:
        def __init__(self, data):
            self.stream = io.BytesIO(data)

        def read(self, count=-1):
            return self.stream.read(count)

    np.testing.assert_array_equal(read_image(Pipe(encode(scene(), "PNG"))), scene())


def test_color_concerns_arrays_only():
    np.testing.assert_array_equal(read_image(encode(scene(), "PNG"), color="bgr"), scene())
    np.testing.assert_array_equal(read_image(Image.fromarray(scene()), color="bgr"), scene())
    np.testing.assert_array_equal(read_image(scene(), color="bgr"), scene()[:, :, ::-1])


@pytest.mark.parametrize("source", [None, 3, 1.5, [scene()], (scene(),), {"a": 1}, object()])
def test_what_is_no_image_is_named(source):
    with pytest.raises(InputError, match=f"found a {type(source).__name__}, expected an image"):
        read_image(source)


def test_wrong_options_are_named():
    with pytest.raises(InputError, match="'rgb' or 'bgr'"):
        read_image(encode(scene(), "PNG"), color="grey")
    for bad in (0, -1, 2.5, True, "9"):
        with pytest.raises(InputError, match="max_pixels"):
            read_image(scene(), max_pixels=bad)


def test_unreadable_paths_are_named(tmp_path):
    missing = tmp_path / "missing.jpg"
    with pytest.raises(ImageError, match=r"missing\.jpg: cannot be read: No such file"):
        read_image(missing)
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="cannot be read"):
        read_image("a\0b.png")


def test_a_text_stream_and_a_closed_one_are_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("words")
    with path.open() as file, pytest.raises(ImageError, match="mode 'rb'"):
        read_image(file)
    with path.open("rb") as file:
        pass
    with pytest.raises(ImageError, match=r"a\.txt: cannot be read"):
        read_image(file)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.4", b"\0" * 100, b"RIFF0000WAVE", b"P9"])
def test_no_image_is_named(data):
    with pytest.raises(ImageError, match=r"<bytes>: found .*expected an image \(JPEG, PNG"):
        read_image(data)


def test_formats_that_run_other_programs_are_not_tried():
    with pytest.raises(ImageError, match="expected an image"):
        read_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")


# --- pixel formats -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_formats_decode(kind):
    out = read_image(encode(scene(), kind, **({"lossless": True} if kind == "WEBP" else {})))
    if kind in LOSSLESS or kind == "WEBP":
        np.testing.assert_array_equal(out, scene())
    else:
        assert out.shape == scene().shape
        assert np.abs(out.astype(int) - scene()).mean() < 20


def test_every_suffix_of_a_format_is_one_that_is_read():
    Image.init()
    for suffix in IMAGE_SUFFIXES:
        assert suffix == suffix.lower()
    assert {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"} <= set(
        IMAGE_SUFFIXES
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
@pytest.mark.parametrize("how", ["file", "object"])
def test_modes(mode, how):
    grey = (scene()[:, :, 0] // 2 + 60).astype(np.uint8)
    rgb = scene()
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 256 + 255)
    elif mode == "I":
        image = Image.fromarray(grey.astype(np.int32) * 256 + 3)
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32))
    else:
        image = Image.fromarray(rgb).convert(mode)
    want = np.asarray(image.convert("RGB")) if mode[0] not in "IF" else np.stack([grey] * 3, 2)
    out = read_image(encode(image, "TIFF") if how == "file" else image)
    np.testing.assert_array_equal(out, want)


def test_16_bit_png_keeps_the_high_byte():
    grey = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16) + 200
    out = read_image(encode(Image.fromarray(grey), "PNG"))
    np.testing.assert_array_equal(out[:, :, 0].ravel(), np.arange(256))


def test_transparent_pixels_keep_their_colour():
    rgba = np.dstack([scene(), np.zeros(scene().shape[:2], np.uint8)])
    np.testing.assert_array_equal(read_image(encode(rgba, "PNG")), scene())


def test_premultiplied_pillow_images_are_undone():
    rgba = np.full((2, 2, 4), (100, 50, 200, 128), np.uint8)
    out = read_image(Image.fromarray(rgba).convert("RGBa"))
    assert np.abs(out.astype(int) - (100, 50, 200)).max() <= 2


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    assert (read_image(stream.getvalue()) == 10).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(kind, orientation):
    # Blocks of 8 survive JPEG; each value of the tag, as the standard's table pictures it.
    upright = np.kron(
        np.array([[250, 10], [90, 170], [40, 210]], np.uint8), np.ones((8, 8))
    ).astype(np.uint8)
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    image = Image.fromarray(np.ascontiguousarray(stored))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(kind, {})
    out = read_image(encode(image, kind, exif=exif, **options))
    assert out.shape == (24, 16, 3)
    assert np.abs(out[:, :, 0].astype(int) - upright).max() < 12


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_out_of_range_counts_as_none(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(read_image(encode(scene(), "PNG", exif=exif)), scene())


def test_large_images_are_converted_in_strips_without_seams():
    wide = np.random.default_rng(1).integers(0, 256, (1100, 1931, 4), dtype=np.uint8)
    np.testing.assert_array_equal(read_image(Image.fromarray(wide)), wide[:, :, :3])


# --- limits and damage ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height"),
    [(20000, 20000), (65535, 16000), (1, 2**31 - 1), (2**31 - 1, 2**31 - 1), (8001, 8000)],
)
def test_pixel_bombs_are_refused_by_their_header(width, height, counted):
    bomb = png_claiming(width, height)
    assert len(bomb) < 100
    with counted(5000, memory=True) as work, pytest.raises(ImageError, match="<bytes>"):
        read_image(bomb)
    assert work.memory < 1 << 20


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "PPM"])
def test_bombs_of_other_formats_take_no_memory(kind):
    if kind == "WEBP":
        side = (16382).to_bytes(3, "little")
        body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + side + side
        body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
        still = encode(scene(), "WEBP")[12:]
        frame = (
            bytes(6) + (63).to_bytes(3, "little") + (47).to_bytes(3, "little") + bytes(4) + still
        )
        body += b"ANMF" + struct.pack("<I", len(frame)) + frame
        bomb = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    elif kind == "GIF":
        bomb = b"GIF89a" + b"\xff\xff\xff\xff" + encode(scene(), "GIF")[10:]
    elif kind == "BMP":
        bomb = bytearray(encode(scene(), "BMP"))
        bomb[18:26] = struct.pack("<ii", 30000, 30000)
    else:
        bomb = b"P6 30000 30000 255\n" + bytes(100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match=r"pixels, expected at most|damaged"):
        read_image(bytes(bomb))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_max_pixels_is_inclusive_and_can_be_raised():
    data = encode(scene(10, 10), "PNG")
    assert read_image(data, max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(
        ImageError, match=r"found 10x10 pixels, expected at most 99; raise max_pixels"
    ):
        read_image(data, max_pixels=99)


def test_arrays_are_not_limited():
    assert read_image(np.zeros((4, 4), np.uint8), max_pixels=1).shape == (4, 4, 3)


def test_an_endless_stream_ends():
    class Zeros:
        name = "zeros"
        total = 0

        def read(self, count):
            self.total += count
            return bytes(count)

    stream = Zeros()
    with pytest.raises(ImageError, match="zeros: found more than"):
        read_image(stream, max_pixels=100)
    assert stream.total < 70_000_000


def test_jpegs_of_very_many_scans_are_refused():
    data = encode(scene(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="JPEG scans"):
        read_image(data[:-2] + scan * 500 + data[-2:])


def test_compressed_metadata_bombs_take_no_memory():
    bomb = zlib.compress(bytes(200 << 20), 9)
    good = encode(scene(), "PNG")
    for kind, body in ((b"iCCP", b"x\0\0" + bomb), (b"zTXt", b"x\0\0" + bomb)):
        data = good[:33] + png_chunk(kind, body) + good[33:]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with contextlib.suppress(ImageError):  # Pillow refuses one of the two
            np.testing.assert_array_equal(read_image(data), scene())
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_is_an_error_or_complete(kind):
    noise = np.random.default_rng(5).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    data = encode(noise, kind)
    whole = read_image(data)
    refused = 0
    for length in range(0, len(data), max(1, len(data) // 150)):
        try:
            out = read_image(data[:length])
        except ImageError:
            refused += 1
        else:  # only a trailer was cut off
            assert length > 0.9 * len(data)
            np.testing.assert_array_equal(out, whole)
    assert refused > 100  # out of 150 lengths
    with pytest.raises(ImageError):
        read_image(data[: int(len(data) * 0.9)])


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    head = rng.random() < 0.4  # headers hold the lengths
    span = min(len(out), 64) if head else len(out)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(span))
        choice = int(rng.integers(6))
        if choice == 0:
            out[at % len(out)] ^= 1 << int(rng.integers(8))
        elif choice == 1:
            out[at % len(out)] = int(rng.integers(256))
        elif choice == 2:
            del out[max(at, 1) :]
        elif choice == 3:
            out[at:at] = rng.bytes(int(rng.integers(1, 9)))
        elif choice == 4:
            out[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"])
        else:
            del out[at : at + int(rng.integers(1, 9))]
        if not out:
            break
    return bytes(out)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of damaged metadata
@pytest.mark.parametrize("kind", FORMATS)
def test_300_mutations_give_an_image_or_an_image_error(kind, counted):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "TIFF") else {}
    if kind == "TIFF":
        options["compression"] = "tiff_lzw"
    data = encode(scene(), kind, **options)
    rng = np.random.default_rng(FORMATS.index(kind))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for _ in range(300):
        try:
            with counted(200_000):  # Pillow reads text of .ppm files in Python
                out = read_image(mutate(data, rng), max_pixels=1_000_000)
        except ImageError:
            refused += 1
        else:
            assert out.dtype == np.uint8
            assert out.ndim == 3
            assert out.shape[2] == 3
            assert 0 < out.shape[0] * out.shape[1] <= 1_000_000
    assert refused > 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 << 10


def test_pillow_is_imported_only_when_a_file_is_decoded():
    code = (
        "import sys, numpy as np; from zqcnn_xp.vision.io import read_image; "
        "read_image(np.zeros((2, 2), np.uint8)); sys.exit('PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
