"""Shapes at the declared size, and checks of whole networks that follow from them."""

from __future__ import annotations

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.formats.zqcnn.layer import Layer, explain
from zqcnn_xp.formats.zqcnn.record import Record
from zqcnn_xp.graph import GraphInput
from zqcnn_xp.ops.base import Shape

__all__ = ["check_free", "check_merged", "sizes"]

# Sizes to infer channels with where the file declares none. The second one shows whether the
# weights depend on the size, in which case the file has to declare it.
_STAND_INS = (512, 600)


def sizes(source: GraphInput) -> Shape:
    """Return the declared shape of the input, or a stand-in for an undeclared one."""
    return source.nominal or (1, source.shape[1] or 0, _STAND_INS[0], _STAND_INS[0])


def check_free(records: list[Record], layers: list[Layer], source: GraphInput) -> None:
    """Refuse weights that another size of the input would change."""
    size = _STAND_INS[1]
    shapes: dict[str, Shape] = {source.name: (1, source.shape[1] or 0, size, size)}
    for layer in layers:
        inputs = tuple(shapes[bottom] for bottom in layer.bottoms)
        shapes[layer.top] = _infer(layer, inputs)
        if not _fits(layer, inputs):
            raise records[0].error(
                f"no H and W, but the weights of layer {layer.record.name!r} "
                f"(line {layer.record.line}) depend on them",
                "H=<int> and W=<int>",
            )


def check_merged(layers: list[Layer], source: GraphInput) -> None:
    """Refuse layers that merging by adjacency has left without a bottom, or with another's shape.

    Raises
    ------
    FormatError
        Naming the line.
    """
    shapes = {source.name: sizes(source)}
    for layer in layers:
        for bottom in layer.bottoms:
            if bottom not in shapes:
                found = f"bottom {bottom!r} of layer {layer.record.name!r}, which merging removed"
                raise layer.record.error(found, "a file whose adjacent layers belong together")
        inputs = tuple(shapes[bottom] for bottom in layer.bottoms)
        shapes[layer.top] = _infer(layer, inputs)
        if not _fits(layer, inputs):
            found = f"weights of layer {layer.record.name!r} that no longer fit after merging"
            raise layer.record.error(found, "a file whose adjacent layers belong together")


def _infer(layer: Layer, inputs: tuple[Shape, ...]) -> Shape:
    try:
        (shape,) = layer.op.infer(*inputs)
    except (ShapeError, InputError) as error:
        raise explain(layer.record, error) from error
    return shape


def _fits(layer: Layer, inputs: tuple[Shape, ...]) -> bool:
    found = {name: tuple(array.shape) for name, array in layer.weights.items()}
    return layer.op.weights(*inputs) == found
