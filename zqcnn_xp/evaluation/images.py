"""The images of a set one after the other, decoded; what cannot be is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import DatasetError, ImageError
from zqcnn_xp.evaluation.image_places import Images, open_images
from zqcnn_xp.vision.io import MAX_PIXELS, read_image

__all__ = ["Crops", "Images", "open_images"]


class Crops:
    """Images of a set to iterate over, decoded one at a time; what cannot be decoded is reported.

    Parameters
    ----------
    images
        Where they are.
    names
        Which, in order.
    allow_missing
        Leave damaged images out, and say so in ``damaged``, instead of raising.
    max_pixels
        Largest width * height of one.

    Attributes
    ----------
    found : list of str
        Names of the images that were yielded so far.
    damaged : dict of str to str
        Names of those that were not, and why.
    """

    def __init__(
        self,
        images: Images,
        names: Sequence[str],
        *,
        allow_missing: bool = False,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.images, self.names = images, names
        self.allow_missing, self.max_pixels = allow_missing, max_pixels
        self.found: list[str] = []
        self.damaged: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield (h, w, 3) uint8 RGB.

        Raises
        ------
        DatasetError
            An image that is missing or damaged, unless those are allowed.
        """
        for name in self.names:
            place = self.images.find(name)
            try:
                if place is None:
                    raise DatasetError(self.images.name, name, "no such image", "one")
                pixels = read_image(self.images.read(place), max_pixels=self.max_pixels)
            except (ImageError, DatasetError) as error:
                problem = self._problem(name, place, error)
                if not self.allow_missing:
                    raise problem from None
                self.damaged[name] = str(problem)
                continue
            self.found.append(name)
            yield pixels

    def _problem(self, name: str, place: str | None, error: Exception) -> DatasetError:
        if isinstance(error, DatasetError):
            return error
        reason = str(error).removeprefix("<bytes>: ").removeprefix(f"{place}: ")
        return DatasetError(self.images.name, name, f"a bad image ({reason})", "a good one")
