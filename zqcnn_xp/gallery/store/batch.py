"""Some rows on their way into a store or out of one, with all that is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from zqcnn_xp.gallery.rows import Features

__all__ = ["Batch"]


class Batch(NamedTuple):
    """n rows.

    Attributes
    ----------
    features
        (n, d) float32 or float16, or `zqcnn_xp.gallery.rows.Rows` of any type.
    names
        n names, ``"Ann/01.jpg"``; two may be equal.
    labels
        n labels, who each row is of, ``None`` for nobody; or ``None`` for all nobody.
    meta
        n JSON objects or ``None``; or ``None`` for all.

    Examples
    --------
    >>> import numpy as np
    >>> Batch(np.ones((1, 2), np.float32), ["01.jpg"], ["Ann"]).labels
    ['Ann']
    """

    features: Features
    names: Sequence[str]
    labels: Sequence[str | None] | None = None
    meta: Sequence[Mapping[str, Any] | None] | None = None
