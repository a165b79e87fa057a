"""ConvTranspose: weights (C, O / groups, H, W) become HWIO, crops explicit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zqcnn_xp.formats.onnx.call import Call
from zqcnn_xp.formats.onnx.records import Tensor
from zqcnn_xp.formats.onnx.values import Value
from zqcnn_xp.formats.onnx.windows import as_map, padding, pair, window_attribute
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.window import extent

__all__ = ["LOWERINGS", "adjoint_kernel"]

Crop = tuple[int, int, int, int]


def conv_transpose(call: Call) -> None:
    """Lower ConvTranspose over maps, and over sequences as maps of height 1."""
    source, array = call.value(0), call.weight(1)
    axes = source.rank - 2
    if array.ndim != source.rank or array.size == 0:
        found = f"weights of shape {array.shape} for an input of shape {source.shapes[0]}"
        raise call.error(found, f"{source.rank} axes, none empty")
    declared = call.attribute("kernel_shape", "ints", array.shape[2:])
    if declared != array.shape[2:]:
        raise call.error(f"attribute 'kernel_shape' = {declared}", f"{array.shape[2:]}")
    x = as_map(call, source)
    kernel = pair(array.shape[2:])
    stride = pair(window_attribute(call, "strides", axes))
    dilation = pair(window_attribute(call, "dilations", axes))
    groups = call.attribute("group", "int", 1)
    if not 0 < groups < 1 << 31 or array.shape[0] % groups:
        raise call.error(f"attribute 'group' = {groups}", f"a divisor of {array.shape[0]}")
    extra = _extra(call, axes)
    spans = (extent(kernel[0], dilation[0]), extent(kernel[1], dilation[1]))
    pads, extra = _crop(call, x, axes, spans, stride, extra)
    weights = {"weight": call.builder.converted(
        array, f"adjoint {groups}", lambda: adjoint_kernel(array, groups, kernel)
    )}  # fmt: skip
    if call.given(2):
        weights["bias"] = call.weight(2)
    op = call.make(
        ConvTranspose2D,
        array.shape[1] * groups,
        kernel,
        stride,
        dilation,
        pads,
        extra,
        groups,
        bias="bias" in weights,
    )
    out = call.emit(op, x, weights=weights, last=source.rank == 4)
    if source.rank == 3:
        call.reshape(out, tuple((n, c, w) for n, c, _, w in out.shapes), last=True)


def adjoint_kernel(array: Tensor, groups: int, kernel: tuple[int, int]) -> Tensor:
    """Bring weights (C, O / groups, H, W) to (H, W, C / groups, O)."""
    c, o = array.shape[:2]
    split = array.reshape(groups, c // groups, o, *kernel)
    return split.transpose(3, 4, 1, 0, 2).reshape(*kernel, c // groups, groups * o)


def _extra(call: Call, axes: int) -> tuple[int, int]:
    extra = tuple(call.attribute("output_padding", "ints", (0,) * axes))
    if len(extra) != axes or any(not 0 <= size < 1 << 31 for size in extra):
        raise call.error(f"attribute 'output_padding' = {extra}", f"{axes} sizes of 0 or more")
    return (0, extra[0]) if axes == 1 else (extra[0], extra[1])


def _crop(
    call: Call,
    x: Value,
    axes: int,
    spans: tuple[int, int],
    stride: tuple[int, int],
    extra: tuple[int, int],
) -> tuple[Crop, tuple[int, int]]:
    """Return the crop and the output padding: as given, or as a wanted size asks for."""
    sizes = call.attribute("output_shape", "ints", None)
    auto = call.attribute("auto_pad", "string", "NOTSET")
    if sizes is None and auto in ("NOTSET", "VALID"):
        pads = padding(call, x, axes, (1, 1), (1, 1))
        return (pads if pads != "same_upper" else (0, 0, 0, 0)), extra
    call.ignore("pads")  # overridden by both
    if sizes is not None and len(sizes) == axes + 2:
        sizes = sizes[2:]  # older exporters give the whole shape
    if sizes is not None and len(sizes) != axes:
        raise call.error(f"attribute 'output_shape' = {sizes}", f"{axes} sizes")
    wanted = None if sizes is None else ((1, *sizes) if axes == 1 else tuple(sizes))
    sides: list[int] = []
    for place in range(2):
        totals = {
            (shape[2 + place] - 1) * stride[place] + spans[place] + extra[place]
            - (shape[2 + place] * stride[place] if wanted is None else wanted[place])
            for shape in x.shapes
        }  # fmt: skip
        total = totals.pop()
        if totals or (total < 0 and wanted is None):
            # Runtimes differ in whether SAME fills up what the windows do not reach.
            found = "a wanted output size that depends on a free one, or has to be filled"
            raise call.error(found, "pads")
        # Cells that no input reaches come at the end.
        less, more = (total // 2, total - total // 2) if total >= 0 else (0, total)
        sides += [more, less] if auto != "SAME_UPPER" and total > 0 else [less, more]
    return (sides[0], sides[1], sides[2], sides[3]), extra


LOWERINGS: Mapping[str, Callable[[Call], None]] = {"ConvTranspose": conv_transpose}
