"""Messages to the layers that run: phases, training layers, inputs.

The network is taken as Caffe takes it in its test phase. Layers that feed data are inputs,
those that score or train are left out, and so is what only labels reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from zqcnn_xp.formats.caffe.layer import Layer, layer_of
from zqcnn_xp.formats.caffe.message import Message
from zqcnn_xp.formats.limits import Limits

__all__ = ["Input", "Network", "read_network"]

_PHASES = {"TRAIN": 0, "TEST": 1}
_DATA = frozenset(
    ("AnnotatedData", "Data", "DummyData", "HDF5Data", "ImageData", "MemoryData", "VideoData",
     "WindowData")
)  # fmt: skip
_TRAINING = frozenset(
    ("Accuracy", "DetectionEvaluate", "HDF5Output", "LabelSpecificAdd", "MarginInnerProduct",
     "Silence")
)  # fmt: skip
_CARRIERS = frozenset(("Flatten", "Reshape", "Slice", "Split"))
_MOST_AXES = 8


@dataclass(frozen=True, eq=False)
class Input:
    """A blob that comes from outside.

    Parameters
    ----------
    name
        Of the blob.
    shape
        Its sizes; 0 where the file does not say.
    place
        The message that declares it.
    """

    name: str
    shape: tuple[int, ...]
    place: Message


@dataclass(frozen=True, eq=False)
class Network:
    """What runs.

    Parameters
    ----------
    name
        Of the network.
    inputs, layers
        In the order of the file.
    dropped
        Names of layers that are left out.
    """

    name: str
    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    dropped: frozenset[str]


def read_network(root: Message, limits: Limits) -> Network:
    """Return the network's layers in its test phase.

    Raises
    ------
    FormatError
        If it has no layers, or mixes both versions, or its rules or inputs have no meaning.
    """
    new, old = root.messages("layer"), root.messages("layers")
    if bool(new) == bool(old):
        found = "both 'layer' and 'layers'" if new else "no layers"
        raise root.error(found, "layers of one format version")
    state = root.message("state")
    every = [(layer_of(m, limits.max_name), _is_on(m, state)) for m in new or old]
    made = {top for layer, on in every if on for top in layer.tops}
    # A snapshot of training holds the training's data layer alone.
    kept = [
        layer
        for layer, on in every
        if on or (layer.kind in _DATA and not made.intersection(layer.tops))
    ]
    inputs = _declared(root)
    layers: list[Layer] = []
    for layer in kept:
        if layer.kind == "Input":
            inputs += _input_layer(layer)
        else:
            layers.append(layer)
    inputs, layers = _without_training(inputs, layers)
    names = {layer.name for layer in layers}
    dropped = frozenset(m.text("name") for m in new or old) - names
    return Network(root.text("name"), tuple(inputs), tuple(layers), dropped)


def _is_on(layer: Message, state: Message) -> bool:
    """Apply the rules of ``include`` and ``exclude``."""
    include, exclude = layer.messages("include"), layer.messages("exclude")
    if include and exclude:
        raise layer.error("include and exclude in one layer", "one of the two")
    if include:
        return any(_meets(rule, state) for rule in include)
    return not any(_meets(rule, state) for rule in exclude)


def _meets(rule: Message, state: Message) -> bool:
    if rule.choice("phase", _PHASES, "TEST") != "TEST":
        return False
    level, stages = state.integer("level", 0), state.texts("stage")
    if not rule.integer("min_level", level) <= level <= rule.integer("max_level", level):
        return False
    wanted, unwanted = rule.texts("stage"), rule.texts("not_stage")
    return all(s in stages for s in wanted) and not any(s in stages for s in unwanted)


def _declared(root: Message) -> list[Input]:
    """Return the inputs that stand before the layers."""
    names = root.texts("input")
    shapes = [_sizes(shape) for shape in root.messages("input_shape")]
    dims = root.integers("input_dim", 0)
    if dims:
        if shapes or len(dims) != 4 * len(names):
            found = f"{len(dims)} input_dim and {len(shapes)} input_shape for {len(names)} input"
            raise root.error(found, "four input_dim, or one input_shape, for each input")
        shapes = [dims[k : k + 4] for k in range(0, len(dims), 4)]
    if len(shapes) != len(names):
        raise root.error(f"{len(shapes)} input_shape for {len(names)} input", "as many")
    return [
        Input(field.value, shape, Message("?", root.origin, field.position))
        for field, shape in zip(root.all("input"), shapes, strict=True)
    ]


def _input_layer(layer: Layer) -> list[Input]:
    shapes = [_sizes(s) for s in layer.message.message("input_param").messages("shape")]
    if len(shapes) == 1:
        shapes *= len(layer.tops)
    if layer.bottoms or not layer.tops or len(shapes) != len(layer.tops):
        found = f"{len(layer.bottoms)} bottoms, {len(layer.tops)} tops, {len(shapes)} shapes"
        raise layer.error(f"{found} of {layer.label}", "no bottom, and a shape for each top")
    pairs = zip(layer.tops, shapes, strict=True)
    return [Input(top, shape, layer.message) for top, shape in pairs]


def _sizes(shape: Message) -> tuple[int, ...]:
    sizes = shape.integers("dim", 1)
    if len(sizes) > _MOST_AXES or prod(sizes) > 1 << 62:
        raise shape.error(f"a shape of {len(sizes)} axes", f"at most {_MOST_AXES} of usual sizes")
    return sizes


def _without_training(inputs: list[Input], layers: list[Layer]) -> tuple[list[Input], list[Layer]]:
    """Leave out data, training and scoring layers, and all that labels lead to."""
    readers: dict[str, list[Layer]] = {}
    for layer in layers:
        for bottom in layer.bottoms:
            readers.setdefault(bottom, []).append(layer)
    labels: set[str] = set()
    found = list(inputs)
    kept: list[Layer] = []
    for layer in layers:
        if layer.kind in _DATA:
            for top in layer.tops:
                if _is_label(top, readers):
                    labels.add(top)
                else:
                    found.append(Input(top, _data_shape(layer), layer.message))
        elif _trains(layer) or labels.intersection(layer.bottoms):
            labels.update(set(layer.tops) - set(layer.bottoms))
        else:
            kept.append(layer)
    read = {bottom for layer in kept for bottom in layer.bottoms}
    used = [source for source in found if source.name in read]
    return used or found, kept


def _trains(layer: Layer) -> bool:
    return layer.kind in _TRAINING or layer.kind.endswith("Loss")


def _is_label(blob: str, readers: dict[str, list[Layer]]) -> bool:
    """Say whether nothing but training reads a blob of a data layer."""
    seen, rest = {blob}, [blob]
    while rest:
        for layer in readers.get(rest.pop(), []):
            if layer.kind in _CARRIERS:
                rest += [top for top in layer.tops if top not in seen]
                seen.update(layer.tops)
            elif not _trains(layer) and layer.bottoms[0] in seen:
                # What works on labels too, of the forks, takes them after its features.
                return False
    return True


def _data_shape(layer: Layer) -> tuple[int, ...]:
    """Return what a data layer says of the shape of its images; 0 where it does not."""
    message = layer.message
    dummy = message.message("dummy_data_param")
    if dummy.messages("shape"):
        return _sizes(dummy.messages("shape")[0])
    memory, image = message.message("memory_data_param"), message.message("image_data_param")
    transform = message.message("transform_param")
    resize = transform.message("resize_param")
    crop = transform.integer("crop_size", 0, 0)
    for parameter in ("data_param", "image_data_param"):
        crop = crop or message.message(parameter).integer("crop_size", 0, 0)
    channels = _first(dummy, memory, "channels")
    if not channels and (transform.switch("force_color", False) or layer.kind == "ImageData"):
        channels = 3 if image.switch("is_color", True) else 1
    if transform.switch("force_gray", False):
        channels = 1
    height = crop or _first(dummy, memory, "height") or resize.integer("height", 0, 0)
    width = crop or _first(dummy, memory, "width") or resize.integer("width", 0, 0)
    height = height or image.integer("new_height", 0, 0)
    width = width or image.integer("new_width", 0, 0)
    return (1, channels, height, width)


def _first(dummy: Message, memory: Message, name: str) -> int:
    sizes = dummy.integers(name, 0)
    return sizes[0] if sizes else memory.integer(name, 0, 0)
