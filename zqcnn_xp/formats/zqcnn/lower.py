"""Records to layers: every type's op and weights, in file order, with shapes as they grow."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from math import prod

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.zqcnn import lower_arithmetic as arithmetic
from zqcnn_xp.formats.zqcnn import lower_pointwise as pointwise
from zqcnn_xp.formats.zqcnn import lower_shape, lower_ssd
from zqcnn_xp.formats.zqcnn import lower_window as window
from zqcnn_xp.formats.zqcnn.check import check_free, sizes
from zqcnn_xp.formats.zqcnn.layer import Layer, Lowering, explain
from zqcnn_xp.formats.zqcnn.lower_deconvolution import deconvolution
from zqcnn_xp.formats.zqcnn.lower_lstm import lstm
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.formats.zqcnn.weights import WeightStream
from zqcnn_xp.graph import GraphInput
from zqcnn_xp.ops.base import Shape

__all__ = ["RULES", "Rule", "lower", "lower_input"]


@dataclass(frozen=True)
class Rule:
    """How one type is lowered, and how many bottoms it takes."""

    lowering: Lowering
    fewest: int = 1
    most: int | None = 1


RULES: dict[str, Rule] = {
    "Convolution": Rule(window.convolution),
    "DepthwiseConvolution": Rule(window.depthwise),
    "DeConvolution": Rule(deconvolution),
    "InnerProduct": Rule(window.inner_product),
    "Pooling": Rule(window.pooling),
    "BatchNormScale": Rule(pointwise.batch_norm_scale),
    "BatchNorm": Rule(pointwise.batch_norm),
    "Scale": Rule(pointwise.scale),
    "AddBias": Rule(pointwise.add_bias),
    "PReLU": Rule(pointwise.prelu),
    "ReLU": Rule(pointwise.relu),
    "ReLU6": Rule(pointwise.relu6),
    "Softmax": Rule(pointwise.softmax),
    "Normalize": Rule(pointwise.normalize),
    "Eltwise": Rule(pointwise.eltwise, 2, None),
    "LRN": Rule(pointwise.lrn),
    "ScalarOperation": Rule(arithmetic.scalar_operation),
    "UnaryOperation": Rule(arithmetic.unary_operation, 2, 2),
    "Sqrt": Rule(arithmetic.sqrt),
    "Reduction": Rule(arithmetic.reduction),
    "Tile": Rule(arithmetic.tile),
    "LSTM_TF": Rule(lstm),
    "Dropout": Rule(pointwise.identity),
    "Copy": Rule(pointwise.identity),
    "Squeeze": Rule(pointwise.identity),
    "Concat": Rule(lower_shape.concat, 2, None),
    "Permute": Rule(lower_shape.permute),
    "Flatten": Rule(lower_shape.flatten),
    "Reshape": Rule(lower_shape.reshape),
    "UpSampling": Rule(lower_shape.upsampling),
    "PriorBox": Rule(lower_ssd.prior_box, 2, 2),
    "PriorBoxText": Rule(lower_ssd.prior_box_text, 2, 2),
    "PriorBox_MXNET": Rule(lower_ssd.prior_box_mxnet),
    "DetectionOutput": Rule(lower_ssd.detection_output, 3, 3),
    "DetectionOutput_MXNET": Rule(lower_ssd.detection_output_mxnet, 3, 3),
}
"""How each type but ``Input`` is lowered."""


def lower_input(records: list[Record]) -> GraphInput:
    """Return the network's input.

    Height and width are free, and the declared ones nominal, unless an ``InnerProduct``, whose
    weights cover a whole map, fixes them.

    Raises
    ------
    FormatError
        If there are no channels, or an ``InnerProduct`` and no size.
    """
    record = records[0]
    if record.bottoms or record.tops:
        raise record.error("an Input with a bottom or a top", "name, C, H and W only")
    channels = record.integer("c", low=1)
    height, width = record.integer("h", 0), record.integer("w", 0)
    declared = height > 0 and width > 0
    dense = next((r for r in records if r.kind == "InnerProduct"), None)
    if dense is not None and not declared:
        found = f"no H and W, but InnerProduct {dense.name!r} on line {dense.line}"
        raise record.error(found, "H=<int> and W=<int>, which its weights depend on")
    nominal = (1, channels, height, width) if declared else None
    free = (None, channels, None, None)
    fixed = (None, channels, height, width)
    return GraphInput(record.name, fixed if dense is not None else free, nominal)


def lower(
    records: list[Record],
    source: GraphInput,
    weights: WeightStream,
    limits: Limits,
    *,
    compat: bool,
) -> list[Layer]:
    """Turn all records but the `Input` into layers.

    Parameters
    ----------
    records
        What `parse` returned.
    source
        What `lower_input` returned.
    weights
        Where arrays come from; it is read to the end of the network, not further.
    limits
        ``max_elements`` bounds every value at the declared size.
    compat
        Take the original's rules where they differ from the mathematically right ones.

    Raises
    ------
    FormatError
        Naming the line (or the byte of the weight file).
    """
    if source.nominal is None and compat:
        _refuse_frozen(records)
    shapes = {source.name: sizes(source)}
    layers: list[Layer] = []
    for record in records[1:]:
        rule = RULES[record.kind]
        bottoms, top = _blobs(record, rule, shapes, records)
        inputs = tuple(shapes[bottom] for bottom in bottoms)
        try:
            op, arrays = rule.lowering(record, inputs, partial(weights.take, record), compat)
            (shapes[top],) = op.infer(*inputs)
        except (ShapeError, InputError) as error:
            raise explain(record, error) from error
        if prod(shapes[top]) > limits.max_elements:
            found = f"a result of shape {shapes[top]}"
            raise record.error(found, f"at most {limits.max_elements:,} (Limits.max_elements)")
        layers.append(Layer(record, op, arrays, bottoms, top))
    if source.nominal is None:
        check_free(records, layers, source)
    weights.finish()
    return layers


def _blobs(
    record: Record, rule: Rule, known: dict[str, Shape], records: list[Record]
) -> tuple[tuple[str, ...], str]:
    bottoms, tops = record.bottoms, record.tops
    if len(bottoms) < rule.fewest or (rule.most is not None and len(bottoms) > rule.most):
        wanted = str(rule.fewest) if rule.fewest == rule.most else f"at least {rule.fewest}"
        raise record.error(f"{len(bottoms)} bottoms of {record.kind} {record.name!r}", wanted)
    if len(tops) != 1:
        raise record.error(f"{len(tops)} tops of {record.kind} {record.name!r}", "1")
    for bottom in bottoms:
        if bottom not in known:
            later = next((r for r in records if r.line >= record.line and bottom in r.tops), None)
            hint = f" (line {later.line} writes it, which is too late)" if later else ""
            found = f"bottom {bottom!r} of layer {record.name!r}{hint}"
            raise record.error(found, _known(bottom, known))
    return bottoms, tops[0]


def _known(bottom: str, known: dict[str, Shape]) -> str:
    # Blob names of one network resemble each other: the nearest of the last few is enough.
    names = {name.lower(): name for name in list(known)[-2000:]}
    near = get_close_matches(bottom.lower(), names, n=1)
    return "a blob of an earlier line" + (f"; did you mean {names[near[0]]!r}?" if near else "")


def _refuse_frozen(records: list[Record]) -> None:
    for record in records:
        if record.has("pad_type") and record.text("pad_type").upper() == "SAME":
            raise record.error(
                "pad_type=SAME in a network whose Input declares no H and W",
                "a declared size, from which compat='zqcnn' computes the padding",
            )
