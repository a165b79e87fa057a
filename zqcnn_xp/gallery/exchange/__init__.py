"""Features from and to files of others: ZQCNN's, NumPy's, Parquet."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zqcnn_xp.gallery.exchange.formats import (
        FORMATS,
        export_features,
        import_features,
        new_store,
        open_features,
    )

__all__ = ["FORMATS", "export_features", "import_features", "new_store", "open_features"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.formats"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
