"""Packages that only some functions need: imported when used, named when missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from zqcnn_xp.errors import PackageMissing

__all__ = ["needed"]


def needed(module: str, *, extra: str, purpose: str) -> Any:
    """Import a module of an optional package.

    Parameters
    ----------
    module
        Its import name, ``"scipy.io"``.
    extra
        The extra of this distribution that brings it.
    purpose
        What needs it, as the beginning of a sentence.

    Raises
    ------
    PackageMissing
        If it is not installed; the message names the pip command.

    Examples
    --------
    >>> needed("json", extra="eval", purpose="a table").dumps([])
    '[]'
    >>> needed("no_such_package", extra="eval", purpose="reading .mat files")
    Traceback (most recent call last):
    zqcnn_xp.errors.PackageMissing: reading .mat files needs no_such_package; ...
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise  # the package is here, and something that it needs itself is not
        pip = f"pip install 'zqcnn-xp[{extra}]'"
        raise PackageMissing(f"{purpose} needs {package}", pip) from error
