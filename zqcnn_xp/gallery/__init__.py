"""Galleries: many features, kept and searched. Names are imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zqcnn_xp.gallery.rows import ArrayRows, Rows, as_rows, decoded, quantize

__all__ = ["ArrayRows", "Rows", "as_rows", "decoded", "quantize"]

_HOME = {
    "ArrayRows": "rows",
    "Rows": "rows",
    "as_rows": "rows",
    "decoded": "rows",
    "quantize": "rows",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
