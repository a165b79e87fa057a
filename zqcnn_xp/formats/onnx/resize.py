"""Resize and the older Upsample, over H and W of a map."""

from __future__ import annotations

from typing import TypeVar

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.ops.upsample import Upsample

__all__ = ["ALIGN", "ROUNDING", "resize", "spread", "to_scales", "to_sizes", "upsample"]

T = TypeVar("T")

ALIGN = {
    "asymmetric": "corner",
    "half_pixel": "center",
    "align_corners": "ends",
    "pytorch_half_pixel": "center",
}
ROUNDING = {
    "round_prefer_floor": "half_down",
    "round_prefer_ceil": "half_up",
    "floor": "floor",
    "ceil": "ceil",
}
_KINDS = {"nearest": "nearest", "linear": "bilinear", "bilinear": "bilinear"}


def upsample(call: Call) -> None:
    """Lower Upsample (opset 7 to 9): asymmetric, the cell below."""
    x = call.value(0, rank=4)
    if call.opset < 9:
        scales = call.attribute("scales", "floats", ())
    else:
        scales = tuple(float(s) for s in call.weight(1).reshape(-1))
    kind = _kind(call)
    _sample(call, x, kind, "corner", "floor", scales=scales)


def resize(call: Call) -> None:
    """Lower Resize by scales or to sizes, with the rules that our sampling has."""
    x = call.value(0, rank=4)
    kind = _kind(call)
    if call.opset < 11:
        scales = tuple(float(s) for s in call.weight(1).reshape(-1))
        _sample(call, x, kind, "corner", "floor", scales=scales)
        return
    call.expect("antialias", "int", (0,))
    call.expect("exclude_outside", "int", (0,))
    call.expect("keep_aspect_ratio_policy", "string", ("stretch",))
    call.ignore("cubic_coeff_a", "extrapolation_value")
    mode = call.attribute("coordinate_transformation_mode", "string", "half_pixel")
    nearest = call.attribute("nearest_mode", "string", "round_prefer_floor")
    if mode not in ALIGN:
        found = f"attribute 'coordinate_transformation_mode' = {mode!r}"
        raise call.error(found, ", ".join(ALIGN))
    if nearest not in ROUNDING:
        raise call.error(f"attribute 'nearest_mode' = {nearest!r}", ", ".join(ROUNDING))
    axes = call.attribute("axes", "ints", None)
    places = tuple(range(4)) if axes is None else tuple(call.axis(a, 4) for a in axes)
    if call.given(3) and len(call.integers(3)[0]):
        targets = [
            spread(call, places, sizes, x.shapes[k]) for k, sizes in enumerate(call.integers(3))
        ]
        to_sizes(call, x, kind, mode, nearest, targets)
        return
    given = tuple(float(s) for s in call.weight(2).reshape(-1))
    to_scales(call, x, kind, mode, nearest, spread(call, places, given, (1.0,) * 4))


def to_scales(
    call: Call, x: Value, kind: str, mode: str, nearest: str, scales: tuple[float, ...]
) -> None:
    """Resample by a factor for each axis."""
    _sample(call, x, kind, ALIGN[mode], ROUNDING[nearest], scales=scales, mode=mode)


def _kind(call: Call) -> str:
    mode = call.attribute("mode", "string", "nearest")
    if mode not in _KINDS:
        raise call.error(f"attribute 'mode' = {mode!r}", "nearest or linear")
    return _KINDS[mode]


def spread(
    call: Call, places: tuple[int, ...], given: tuple[T, ...], rest: tuple[T, ...]
) -> tuple[T, ...]:
    """Put numbers given for some axes among those of the rest."""
    if len(given) != len(places):
        raise call.error(f"{len(given)} scales or sizes", f"{len(places)}")
    full = list(rest)
    for place, value in zip(places, given, strict=True):
        full[place] = value
    return tuple(full)


def to_sizes(
    call: Call, x: Value, kind: str, mode: str, nearest: str, targets: list[tuple[int, ...]]
) -> None:
    """Resample to a shape at each probe."""
    shapes = x.shapes
    if any(t[:2] != s[:2] for t, s in zip(targets, shapes, strict=True)):
        raise call.error(f"sizes {targets[0]} for {shapes[0]}", "other sizes of H and W alone")
    sizes = {target[2:] for target in targets}
    if len(sizes) == 1:
        _sample(call, x, kind, ALIGN[mode], ROUNDING[nearest], size=sizes.pop(), mode=mode)
        return
    ratios = {(t[2] / s[2], t[3] / s[3]) for t, s in zip(targets, shapes, strict=True)}
    if len(ratios) != 1 or any(ratio != round(ratio) for ratio in next(iter(ratios))):
        raise call.error("sizes that depend on a free input size", "a fixed whole ratio")
    scales = (1.0, 1.0, *ratios.pop())
    _sample(call, x, kind, ALIGN[mode], ROUNDING[nearest], scales=scales, mode=mode)


def _sample(
    call: Call,
    x: Value,
    kind: str,
    align: str,
    rounding: str,
    *,
    scales: tuple[float, ...] | None = None,
    size: tuple[int, ...] | None = None,
    mode: str = "asymmetric",
) -> None:
    if scales is not None:
        if len(scales) != 4 or scales[:2] != (1.0, 1.0):
            raise call.error(f"scales {scales}", "1 for batch and channels, and two more")
        _check_scales(call, x, scales[2:])
    options = {"scale": scales[2:]} if scales is not None else {"size": size}
    op = call.make(Upsample, kind, align, rounding=rounding, **options)
    out = call.emit(op, x, last=True)
    single = any(1 in shape[2:] for shape in out.shapes)
    if mode == "pytorch_half_pixel" and single:
        raise call.error("pytorch_half_pixel to a size of 1", "half_pixel")


def _check_scales(call: Call, x: Value, scales: tuple[float, ...]) -> None:
    """Refuse scales by which the standard's rule and ours differ: those that do not come out even.

    The standard steps by 1 / scale and rounds sizes down, our op steps by in / out.
    """
    for shape in x.shapes:
        for size, scale in zip(shape[2:], scales, strict=True):
            if not 0 < scale < 1 << 16 or size * scale != round(size * scale):
                expected = "scales that give whole sizes"
                raise call.error(f"scale {scale} of {size} cells", expected)
