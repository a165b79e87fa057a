"""Gaussian blur of large images before small faces are looked for.

Shrinking a sharp photo by a large factor without a filter aliases: fine texture turns into blobs
that a proposal network takes for faces. The original's sample suggests these two strengths by size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import ImageError, InputError
from zqcnn_xp.vision.opencv import opencv

__all__ = ["blur_rule", "gaussian_blur"]

# (width, height, kernel size, sigma), the largest first
_RULES = ((2500, 1600, 5, 3.0), (1920, 1080, 3, 2.0))


def blur_rule(width: int, height: int) -> tuple[int, float] | None:
    """Return kernel size and sigma for an image of this size, or None where it stays sharp.

    An image counts as large when its longer side reaches the rule's width and its shorter side the
    rule's height, so that a portrait gets what the same photo in landscape gets.

    Parameters
    ----------
    width, height
        In pixels.

    Returns
    -------
    tuple[int, float] | None
        Side of the kernel in pixels (odd) and sigma in pixels: 5 and 3 from 2500 x 1600 on, 3 and 2
        from 1920 x 1080 on.

    Examples
    --------
    >>> blur_rule(4000, 3000), blur_rule(1080, 1920), blur_rule(1280, 720)
    ((5, 3.0), (3, 2.0), None)
    """
    longer, shorter = max(width, height), min(width, height)
    for rule_longer, rule_shorter, kernel, sigma in _RULES:
        if longer >= rule_longer and shorter >= rule_shorter:
            return kernel, sigma
    return None


def gaussian_blur(
    image: NDArray[Any], blur: str | tuple[int, float] | None = "auto"
) -> NDArray[Any]:
    """Blur an image; the border is mirrored without repeating the edge pixel.

    Parameters
    ----------
    image
        (H, W) or (H, W, C), uint8, uint16 or float32, any colour order.
    blur
        ``"auto"`` takes `blur_rule`; a pair gives kernel size (odd, at least 1) and sigma (above 0)
        in pixels; None does nothing.

    Returns
    -------
    NDArray
        A new array of the same shape and dtype, or ``image`` itself where nothing is to do.

    Raises
    ------
    InputError
        Another ``blur``, an even or negative kernel, a sigma that is not positive.
    ImageError
        An array that OpenCV cannot filter.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((5, 5), np.float32); image[2, 2] = 16
    >>> gaussian_blur(image, (3, 0.85)).round(1)[2].tolist()
    [0.0, 2.0, 4.0, 2.0, 0.0]
    >>> gaussian_blur(image) is image
    True
    """
    if blur is None:
        return image
    if isinstance(blur, str):
        if blur != "auto":
            raise InputError(f"blur={blur!r}: expected 'auto', (kernel, sigma) or None")
        rule = blur_rule(image.shape[1], image.shape[0]) if image.ndim >= 2 else None
        if rule is None:
            return image
    else:
        rule = _checked(blur)
    kernel, sigma = rule
    size = (kernel, kernel)
    with opencv() as cv2:
        try:
            blurred = cv2.GaussianBlur(
                image, size, sigmaX=sigma, sigmaY=sigma, borderType=cv2.BORDER_REFLECT_101
            )
        except cv2.error as error:
            raise ImageError(
                f"found an array of shape {image.shape} and dtype {image.dtype}, expected "
                "(H, W) or (H, W, C) of uint8, uint16 or float32"
            ) from error
    return np.asarray(blurred).reshape(image.shape)


def _checked(blur: tuple[int, float]) -> tuple[int, float]:
    """Check an explicit pair of kernel size and sigma."""
    try:
        kernel, sigma = blur
        valid = kernel == int(kernel) and kernel >= 1 and kernel % 2 == 1 and 0 < sigma < np.inf
    except (TypeError, ValueError) as error:
        raise InputError(f"blur={blur!r}: expected 'auto', (kernel, sigma) or None") from error
    if not valid:
        raise InputError(f"blur={blur!r}: expected an odd kernel size and a sigma above 0")
    return int(kernel), float(sigma)
