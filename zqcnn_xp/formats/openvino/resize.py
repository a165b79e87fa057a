"""Interpolate, in its three forms: operation sets 1, 4 and 11."""

from __future__ import annotations

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.resize import ALIGN, ROUNDING, spread, to_scales, to_sizes
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.formats.openvino.attributes import boolean, choice, integers

__all__ = ["interpolate"]

_MODES = {"nearest": "nearest", "linear": "bilinear", "linear_onnx": "bilinear"}


def interpolate(call: Call) -> None:
    """Lower Interpolate over H and W of a map."""
    x = call.value(0, rank=4)
    version = getattr(call.node, "version", "opset4")
    if boolean(call, "antialias", False):
        raise call.error("attribute 'antialias'", "false")
    for name in ("pads_begin", "pads_end"):
        if any(integers(call, name, ())):
            raise call.error(f"attribute {name!r}", "0")
    kind = _MODES[choice(call, "mode", "nearest", tuple(_MODES))]
    if version in ("opset1", "opset2", "opset3"):
        # Cells of the old form lie at i * in / out, or end on end.
        mode = "align_corners" if boolean(call, "align_corners", True) else "asymmetric"
        axes = tuple(call.axis(axis, x.rank) for axis in integers(call, "axes"))
        _to(call, x, kind, mode, "floor", axes, sizes=1)
        return
    call.ignore("cube_coeff")
    rule = choice(call, "shape_calculation_mode", "sizes", ("sizes", "scales"))
    mode = choice(call, "coordinate_transformation_mode", "half_pixel", tuple(ALIGN))
    rounding = choice(call, "nearest_mode", "round_prefer_floor", (*ROUNDING, "simple"))
    if rounding == "simple":
        rounding = "floor"
        if kind == "nearest" and _shrinks(call, x, rule, version):
            raise call.error("nearest_mode 'simple' on the way down", ", ".join(ROUNDING))
    place = 2 if version == "opset11" else 3
    axes = tuple(range(4))
    if call.given(place):
        axes = tuple(call.axis(axis, 4) for axis in call.integers(place)[0])
    if rule == "sizes":
        _to(call, x, kind, mode, rounding, axes, sizes=1)
        return
    given = tuple(float(s) for s in call.weight(place - 1).reshape(-1))
    to_scales(call, x, kind, mode, rounding, spread(call, axes, given, (1.0,) * 4))


def _to(
    call: Call, x: Value, kind: str, mode: str, rounding: str, axes: tuple[int, ...], sizes: int
) -> None:
    targets = [
        spread(call, axes, wanted, x.shapes[k]) for k, wanted in enumerate(call.integers(sizes))
    ]
    to_sizes(call, x, kind, mode, rounding, targets)


def _shrinks(call: Call, x: Value, rule: str, version: str) -> bool:
    if rule == "scales":
        scales = call.weight(1 if version == "opset11" else 2)
        return bool((scales < 1).any())
    # Sizes may name some of the axes; the larger of them tell enough.
    return any(min(wanted) < max(x.shapes[k][2:]) for k, wanted in enumerate(call.integers(1)))
