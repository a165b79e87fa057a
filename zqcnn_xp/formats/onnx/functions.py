"""Functions of one element that are no activations: Exp, Sqrt and their like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.ops.unary import Unary

__all__ = ["LOWERINGS"]


def unary(call: Call, kind: str) -> None:
    """Lower a function of one input."""
    call.emit(call.make(Unary, kind), call.value(0), last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    op_type: partial(unary, kind=op_type.lower())
    for op_type in ("Abs", "Exp", "Log", "Reciprocal", "Sqrt")
}
