"""An appendable store of features in memory-mapped files: one writer, many readers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zqcnn_xp.gallery.store.batch import Batch
    from zqcnn_xp.gallery.store.store import Store

__all__ = ["Batch", "Store"]

_HOME = {"Batch": "batch", "Store": "store"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
