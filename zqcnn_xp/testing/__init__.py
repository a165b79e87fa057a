"""Checks for those who extend the library: `check_op` for an op, `check_backend` for a backend.

Neither needs a test framework: both raise an ``AssertionError`` that prints the whole case.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zqcnn_xp.testing.cases import OpCase, op_cases
    from zqcnn_xp.testing.check_backend import check_backend
    from zqcnn_xp.testing.check_op import CheckError, check_op
    from zqcnn_xp.testing.conformance import ConformanceError, ConformanceReport

__all__ = [
    "CheckError",
    "ConformanceError",
    "ConformanceReport",
    "OpCase",
    "check_backend",
    "check_op",
    "op_cases",
]

_HOME = {
    "CheckError": "check_op",
    "ConformanceError": "conformance",
    "ConformanceReport": "conformance",
    "OpCase": "cases",
    "check_backend": "check_backend",
    "check_op": "check_op",
    "op_cases": "cases",
}


def __getattr__(name: str) -> Any:
    # A function shares its name with its module, so an import of the module alone must not win.
    if name not in _HOME:
        msg = f"module 'zqcnn_xp.testing' has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(f"zqcnn_xp.testing.{_HOME[name]}"), name)
    globals()[name] = found
    return found
