"""BatchNormalization with fixed statistics, and the nodes that do nothing at inference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN

__all__ = ["LOWERINGS"]


def batch_normalization(call: Call) -> None:
    """Lower BatchNormalization at inference."""
    x = call.value(0)
    call.ignore("momentum")
    call.expect("training_mode", "int", (0,))
    call.expect("spatial", "int", (1,))
    eps = call.attribute("epsilon", "float", 1e-5)
    names = ("scale", "bias", "mean", "variance")
    weights = {name: call.weight(index) for index, name in enumerate(names, start=1)}
    call.emit(call.make(BatchNorm, eps), x, weights=weights, last=True)


def identity(call: Call) -> None:
    """Lower Identity."""
    call.emit(Identity(), call.value(0), last=True)


def dropout(call: Call) -> None:
    """Lower Dropout, which does nothing unless its training input is true."""
    call.ignore("ratio", "seed")
    if call.given(2) and bool(np.any(call.constant(2))):
        raise call.error("training_mode", "inference")
    call.emit(Identity(), call.value(0), last=True)


def cast(call: Call) -> None:
    """Lower Cast of a value: everything computed is float32, so only that is a target."""
    call.ignore("saturate", "round_mode")
    call.expect("to", "int", (1,))
    call.emit(Identity(), call.value(0), last=True)


def lp_normalization(call: Call) -> None:
    """Lower LpNormalization of order 2 along axis 1."""
    x = call.value(0)
    call.expect("p", "int", (2,))
    axis = call.axis(call.attribute("axis", "int", -1), x.rank)
    channels = x.size(1) if x.rank > 1 else None
    if axis != 1 or channels is None:
        raise call.error(f"attribute 'axis' = {axis}", "1, of fixed size")
    ones = np.ones(1, np.float32)
    # Float32's smallest normal number: only a vector of zeros notices, and stays one.
    op = L2Normalize(eps=float(np.finfo(np.float32).tiny), shared=True)
    call.emit(op, x, weights={"scale": ones}, last=True)


def lrn(call: Call) -> None:
    """Lower LRN across channels."""
    x = call.value(0)
    size = call.attribute("size", "int", 0)
    if not 0 < size < 1 << 16:
        raise call.error(f"attribute 'size' = {size}", "1 or more")
    numbers = {"alpha": 1e-4, "beta": 0.75, "bias": 1.0}
    alpha, beta, k = (call.attribute(name, "float", value) for name, value in numbers.items())
    call.emit(call.make(LRN, size, alpha, beta, k), x, last=True)


LOWERINGS: Mapping[str, Callable[[Call], None]] = {
    "BatchNormalization": batch_normalization,
    "Cast": cast,
    "Dropout": dropout,
    "Identity": identity,
    "LRN": lrn,
    "LpNormalization": lp_normalization,
}
