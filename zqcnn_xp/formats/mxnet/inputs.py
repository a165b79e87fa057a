"""Which variables are data, which are labels, and how many channels the data has."""

from __future__ import annotations

from collections.abc import Mapping

from zqcnn_xp.formats.mxnet.lower_pointwise import LOSSES
from zqcnn_xp.formats.mxnet.params import Params
from zqcnn_xp.formats.mxnet.record import Record, Symbol

__all__ = ["data_shapes", "training_nodes"]

# Operators that keep the number of channels and the rank.
_KEEPING = frozenset(
    (
        *(
            "identity",
            "_copy",
            "BlockGrad",
            "Cast",
            "cast",
            "Dropout",
            "Activation",
            "relu",
            "clip",
        ),
        *("Pooling", "Pooling_v1", "UpSampling", "Pad", "pad", "LRN", "sigmoid", "tanh", "clip"),
        *("_plus_scalar", "_minus_scalar", "_rminus_scalar", "_mul_scalar", "_div_scalar"),
        *("_PlusScalar", "_MinusScalar", "_RMinusScalar", "_MulScalar", "_DivScalar"),
        *("broadcast_mul", "broadcast_add", "broadcast_sub", "broadcast_minus", "broadcast_div"),
        *("elemwise_add", "_plus", "_Plus", "elemwise_sub", "elemwise_mul", "_mul", "square"),
    )
)
_NORMS = ("BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm")


def training_nodes(symbol: Symbol, params: Params) -> frozenset[int]:
    """Return the nodes that inference leaves out: labels, and what is computed from them.

    A label is a variable without an array whose name ends in ``label``, or that a training head
    reads beside its prediction. The head itself stays: its first input is what it predicts.
    """
    beside_heads = {
        line for record in symbol.records if record.kind in LOSSES for line, _ in record.inputs[1:]
    }
    tainted: set[int] = set()
    for record in symbol.records:
        if record.kind == "null":
            free = record.name not in params.arrays
            if free and (record.name.endswith("label") or record.line in beside_heads):
                tainted.add(record.line)
            continue
        reads = record.inputs[:1] if record.kind in LOSSES else record.inputs
        if any(line in tainted for line, _ in reads):
            tainted.add(record.line)
    return frozenset(tainted)


def data_shapes(
    symbol: Symbol, params: Params, trained: frozenset[int]
) -> dict[str, tuple[int | None, ...]]:
    """Return the shape of each data variable as far as the files tell, None for a free size.

    The variable's own ``__shape__`` counts first; else the first weights behind it tell the
    channels.

    Raises
    ------
    FormatError
        Naming the variable.
    """
    readers: dict[int, list[Record]] = {}
    for record in symbol.records:
        if record.line not in trained:
            for line, _ in record.inputs:
                readers.setdefault(line, []).append(record)
    weights = {
        line for record in symbol.records for line, _ in _weight_inputs(record) if record.inputs
    }
    found: dict[str, tuple[int | None, ...]] = {}
    for record in symbol.records:
        unset = record.kind == "null" and record.name not in params.arrays
        if unset and record.line not in trained and record.line not in weights:
            found[record.name] = _shape(record, readers, symbol, params)
    return found


def _weight_inputs(record: Record) -> tuple[tuple[int, int], ...]:
    """Return the inputs that hold weights: a missing one is an error, not data."""
    kinds = ("Convolution", "Convolution_v1", "Deconvolution", "FullyConnected", "LeakyReLU")
    return record.inputs[1:] if record.kind in (*kinds, *_NORMS) else ()


def _shape(
    variable: Record, readers: Mapping[int, list[Record]], symbol: Symbol, params: Params
) -> tuple[int | None, ...]:
    declared = variable.integers("__shape__") if variable.has("__shape__") else ()
    if declared and 0 not in declared[1:]:
        return (None, *declared[1:])
    seen = {variable.line}
    queue = [variable.line]
    while queue:
        line = queue.pop(0)
        for record in readers.get(line, ()):
            shape = _from_weights(record, line, symbol, params)
            if shape is not None:
                return shape
            if record.kind in _KEEPING and record.line not in seen:
                seen.add(record.line)
                queue.append(record.line)
    raise variable.error(
        f"data {variable.name!r} whose channels no weights tell",
        "weights for it in the .params file, or a variable with a __shape__",
    )


def _from_weights(
    record: Record, line: int, symbol: Symbol, params: Params
) -> tuple[int | None, ...] | None:
    """Return the shape that a layer with weights asks of its input."""
    if len(record.inputs) < 2 or record.inputs[0][0] != line:
        return None
    array = params.arrays.get(symbol.records[record.inputs[1][0]].name)
    if array is None:
        return None
    if record.kind in ("Convolution", "Convolution_v1") and array.ndim == 4:
        return (None, array.shape[1] * record.integer("num_group", 1, low=1), None, None)
    if record.kind == "Deconvolution" and array.ndim == 4:
        return (None, array.shape[0], None, None)
    if record.kind in _NORMS and array.ndim == 1:
        return (None, array.shape[0], None, None)
    if record.kind == "FullyConnected" and array.ndim == 2:
        return (None, array.shape[1])
    return None
