"""What Conv and the pooling ops share: kernels, strides and the three ways to say padding."""

from __future__ import annotations

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.ops.window import Pads, resolve_pads

__all__ = ["as_map", "padding", "pair", "window_attribute"]

Pair = tuple[int, int]


def as_map(call: Call, x: Value) -> Value:
    """Return a map (N, C, H, W); a sequence (N, C, L) becomes one of height 1."""
    if x.rank == 4:
        return x
    if x.rank != 3:
        raise call.error(f"an input of shape {x.shapes[0]}", "3 or 4 axes")
    return call.reshape(x, tuple((n, c, 1, length) for n, c, length in x.shapes))


def window_attribute(call: Call, name: str, axes: int, default: int | None = 1) -> tuple[int, ...]:
    """Return ``kernel_shape``, ``strides`` or ``dilations``: positive, one for each axis."""
    fallback = None if default is None else (default,) * axes
    given = call.attribute(name, "ints", fallback)
    if given is None:
        raise call.error(f"no attribute {name!r}", "one")
    if len(given) != axes or any(not 0 < size < 1 << 31 for size in given):
        raise call.error(f"attribute {name!r} = {given}", f"{axes} positive sizes")
    return tuple(given)


def pair(sizes: tuple[int, ...]) -> Pair:
    """Return (height, width); a sequence has height 1."""
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def padding(
    call: Call, x: Value, axes: int, kernel: Pair, stride: Pair, dilation: Pair = (1, 1)
) -> Pads:
    """Return the padding of a window over the map ``x``.

    ``SAME_UPPER`` stays a rule where sizes are free. ``SAME_LOWER`` (the odd cell before the
    map) has no such rule in the ops; it is taken where its numbers do not depend on free sizes.
    """
    pads: tuple[int, ...] | None = call.attribute("pads", "ints", None)
    auto = call.attribute("auto_pad", "string", "NOTSET")
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise call.error(f"attribute 'auto_pad' = {auto!r}", "NOTSET, VALID or SAME_*")
    if pads is not None and auto != "NOTSET" and any(pads):
        raise call.error(f"attribute 'pads' = {pads} beside auto_pad {auto}", "one of the two")
    if auto == "VALID" or (auto == "NOTSET" and pads is None):
        return (0, 0, 0, 0)
    if auto == "NOTSET" and pads is not None:
        if len(pads) != 2 * axes or any(not 0 <= size < 1 << 31 for size in pads):
            raise call.error(f"attribute 'pads' = {pads}", f"{2 * axes} sizes of 0 or more")
        if axes == 1:
            return (0, 0, pads[0], pads[1])
        return (pads[0], pads[2], pads[1], pads[3])
    if auto == "SAME_UPPER":
        return "same_upper"
    sides: list[int] = []
    for place, (k, s, d) in enumerate(zip(kernel, stride, dilation, strict=True)):
        cells = x.size(2 + place)
        if cells is None and s > 1:
            raise call.error("auto_pad SAME_LOWER with strides at a free size", "explicit pads")
        # With a stride of 1 the padding is the same at any size.
        _, _, before, after = resolve_pads("same_upper", (1, cells or 1), (1, k), (1, s), (1, d))
        sides += [after, before]
    return (sides[0], sides[1], sides[2], sides[3])
