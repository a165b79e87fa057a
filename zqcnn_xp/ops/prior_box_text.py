"""Default boxes of TextBoxes: `PriorBox` with a second row of boxes half a cell lower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.ops.prior_box import PriorBox

__all__ = ["PriorBoxText"]


@dataclass(frozen=True)
class PriorBoxText(PriorBox):
    """Each box of `PriorBox` twice: at its centre, and half a step below (Liao et al. 2017).

    Words are wide and low, so that one row of wide boxes leaves gaps between the rows. Input
    and output are those of `PriorBox`, with twice the boxes; a box and its twin are neighbours.

    Parameters
    ----------
    min_sizes, max_sizes
        As of `PriorBox`, but positive, and each maximum above its minimum.
    offset
        Place of the first centre in its cell; the second lies half a step below.

    Raises
    ------
    InputError
        As `PriorBox`, and for sizes out of range.

    Examples
    --------
    >>> PriorBoxText((30.0,), aspect_ratios=(2.0,)).infer((1, 8, 5, 5), (1, 3, 100, 100))
    ((1, 2, 600, 1),)
    """

    copies: ClassVar[int] = 2

    offset: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs = zip(self.max_sizes, self.min_sizes, strict=False)
        if min(self.min_sizes) <= 0 or any(high <= low for high, low in pairs):
            msg = (
                f"PriorBoxText: found min_sizes {self.min_sizes}, max_sizes {self.max_sizes}, "
                "expected positive sizes, each maximum above its minimum"
            )
            raise InputError(msg)

    def centres(self, cells: tuple[int, int], step: tuple[float, float]) -> NDArray[np.float32]:
        """Return the centres (rows, columns, 2, 2): the twin's y is half a step larger."""
        first = super().centres(cells, step)
        lower = np.asarray([0, step[0] / 2], dtype=np.float32)
        return np.concatenate([first, first + lower], axis=2)
