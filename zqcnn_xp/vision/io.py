"""Images from wherever they are: paths, bytes, streams, Pillow images, arrays.

Pillow decodes. OpenCV's decoder trusts lengths inside the file: a 16 KB PNG makes it allocate
gigabytes although its header says 96x64, so it never sees bytes that this library did not make.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import ImageError, InputError
from zqcnn_xp.vision.pixels import check_color, is_array, to_rgb8

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

__all__ = ["IMAGE_SUFFIXES", "MAX_PIXELS", "read_image"]

MAX_PIXELS = 64_000_000
IMAGE_SUFFIXES = (
    ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
    ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip

# The decoder is chosen by the first bytes and is the only one tried: Pillow knows some forty
# formats, a few of which start other programs or parse documents.
_MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    (b"GIF8", 0, "GIF"),
    (b"BM", 0, "BMP"),
    (b"WEBP", 8, "WEBP"),
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"II+\0", 0, "TIFF"),
    (b"MM\0+", 0, "TIFF"),
    (b"ftypavif", 4, "AVIF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", 0, "JPEG2000"),
    (b"\xff\x4f\xff\x51", 0, "JPEG2000"),
    *((b"P%d" % digit, 0, "PPM") for digit in range(1, 7)),
)
_MAX_JPEG_SCANS = 256  # encoders write about ten; each further one costs a pass over all pixels
_STRIP_PIXELS = 1 << 20
_ORIENTATION_TAG = 0x0112


def _read_bytes(source: Any, name: str, limit: int) -> bytes:
    """Read a path or a stream whole; one byte over ``limit`` is an error."""
    try:
        if hasattr(source, "read"):
            data = source.read(limit + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path, a closed file
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name}: cannot be read: {reason}") from error
    if not isinstance(data, bytes):
        raise ImageError(
            f"{name}: found a stream that yields {type(data).__name__}, expected bytes; "
            "open the file with mode 'rb'"
        )
    if len(data) > limit:
        raise ImageError(
            f"{name}: found more than {limit} bytes, expected an image file; raise max_pixels "
            "if it really is one"
        )
    return data


def _sniff(data: bytes, name: str) -> str:
    """Name the format by the first bytes."""
    for magic, offset, kind in _MAGIC:
        if data.startswith(magic, offset):
            return kind
    kinds = ", ".join(dict.fromkeys(kind for _, _, kind in _MAGIC))
    found = f"a file that begins with {data[:8]!r}" if data else "an empty file"
    raise ImageError(f"{name}: found {found}, expected an image ({kinds})")


def _orientation(image: PillowImage) -> int:
    """Return the EXIF orientation, 1 to 8; unreadable EXIF counts as none: the pixels are good."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # Pillow leaks a dozen types from damaged metadata
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation (JEITA CP-3451, tag 0x0112)."""
    if orientation >= 5:  # the stored rows are columns of the scene
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _pillow_pixels(image: PillowImage, name: str) -> NDArray[np.uint8]:
    """Convert a loaded Pillow image strip by strip, so that only one full copy is ever added."""
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"{name}: found an image of {width}x{height}, which has no pixels")
    if image.mode == "F":  # what floats mean is decided over the whole image
        return to_rgb8(np.asarray(image), name=name)
    out = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        mode = strip.mode
        if mode.startswith("I"):
            values = np.asarray(strip)
            if mode == "I":  # older Pillows hold 16-bit PNGs in 32-bit integers
                if values.min() < 0 or values.max() > 0xFFFF:
                    raise ImageError(f"{name}: found 32-bit integers, expected 8 or 16 bits")
                values = values.astype(np.uint16)
            out[top : top + rows] = to_rgb8(values, name=name)
            continue
        if mode in ("RGBa", "La"):  # premultiplied
            strip = strip.convert("RGBA" if mode == "RGBa" else "LA")
        out[top : top + rows] = np.asarray(strip.convert("RGB"))
    return out


def _decode(data: bytes, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """Decode the first picture of an image file."""
    import io

    from PIL import Image

    kind = _sniff(data, name)
    # Inside compressed data FF is always escaped, so these two bytes there are a marker.
    if kind == "JPEG" and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise ImageError(f"{name}: found over {_MAX_JPEG_SCANS} JPEG scans, expected fewer")
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise ImageError(
                    f"{name}: found {width}x{height} pixels, expected at most {max_pixels}; "
                    "raise max_pixels to read it"
                )
            image.load()
            orientation = _orientation(image)
            pixels = _pillow_pixels(image, name)
    except ImageError:
        raise
    except Exception as error:  # SyntaxError, struct.error, MemoryError ... all leak
        if type(error).__name__ == "UnidentifiedImageError":
            raise ImageError(f"{name}: found a damaged {kind} header, cannot decode it") from error
        raise ImageError(
            f"{name}: found a damaged {kind} image, cannot decode it: "
            f"{type(error).__name__}: {error}"
        ) from error
    return _upright(pixels, orientation)


def read_image(
    source: str | os.PathLike[str] | bytes | BinaryIO | Any,
    *,
    color: str = "rgb",
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Return an image as RGB pixels, whatever it comes in.

    Parameters
    ----------
    source
        A path, the bytes of an image file, a binary stream (read to its end), a Pillow image, or an
        array (see `zqcnn_xp.vision.pixels.to_rgb8` for shapes and dtypes).
    color
        Channel order of an *array*, ``"rgb"`` or ``"bgr"``. Files and Pillow images say themselves
        what they hold.
    max_pixels
        Largest width * height that is decoded, checked against the header before memory is taken; a
        file may have 8 bytes for each of them and 64 MiB more. Arrays and Pillow images are in
        memory already and are not limited. Pillow's own ``PIL.Image.MAX_IMAGE_PIXELS`` holds too:
        above it Pillow warns, above twice that it refuses.

    Returns
    -------
    NDArray[uint8]
        (H, W, 3), RGB, C-contiguous. May share memory with an array that already has that form.

    Raises
    ------
    ImageError
        Not an image, damaged or truncated, over the limit; the message names the source.
    InputError
        An unknown ``color``, a ``max_pixels`` below 1, or a type that is no image.

    Notes
    -----
    Files: EXIF orientation is applied; unreadable EXIF counts as none. Of an animation or a
    multi-page file the first picture is taken. Alpha is dropped, the colours under it stay.
    Palette, grey, CMYK and YCbCr become RGB by Pillow's formulas; of 16 bits the high byte is kept.
    A Pillow image keeps the orientation it has in memory, so that boxes fit the object you hold.

    Examples
    --------
    >>> import numpy as np
    >>> read_image(np.zeros((2, 3), np.uint8)).shape
    (2, 3, 3)
    """
    check_color(color)
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, int) or max_pixels < 1:
        raise InputError(f"max_pixels={max_pixels!r}: expected an integer of at least 1")
    if isinstance(source, np.ndarray):
        return to_rgb8(source, color=color)
    limit = 8 * max_pixels + (64 << 20)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(bytes(source), "<bytes>", max_pixels)
    if isinstance(source, (str, os.PathLike)):
        name = os.fsdecode(source)
        return _decode(_read_bytes(source, name, limit), name, max_pixels)
    if type(source).__module__.partition(".")[0] == "PIL":  # without importing Pillow to ask
        try:
            image: Any = source
            image.load()
            return _pillow_pixels(image, "<Pillow image>")
        except ImageError:
            raise
        except Exception as error:  # a lazily opened file may be damaged
            raise ImageError(f"<Pillow image>: {type(error).__name__}: {error}") from error
    if is_array(source):
        return to_rgb8(source, color=color)
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "<stream>"))
        return _decode(_read_bytes(source, name, limit), name, max_pixels)
    raise InputError(
        f"found a {type(source).__name__}, expected an image: a path, the bytes of a file, "
        "a binary stream, a Pillow image or an array"
    )
