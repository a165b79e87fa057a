"""Where this library keeps files of its own: below one folder of the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(name: str) -> Path:
    """Return the cache folder for one purpose; nothing is made or looked at.

    Parameters
    ----------
    name
        Of the purpose: ``"models"``, ``"llvm"``. It lies in the folder that the environment
        variable ``ZQCNN_XP_CACHE_DIR`` names. Where that is unset or empty, it lies in the
        platform's cache folder of the user.

    Examples
    --------
    >>> cache_folder("models").name
    'models'
    """
    base = os.environ.get("ZQCNN_XP_CACHE_DIR")
    if not base:
        from platformdirs import user_cache_dir

        base = user_cache_dir("zqcnn-xp", appauthor=False)
    return Path(base) / name
