"""A network while it is built: steps with their shapes, and weights in the order of the file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from zqcnn_xp.errors import InputError, ShapeError
from zqcnn_xp.formats.darknet.section import Section
from zqcnn_xp.formats.darknet.vocabulary import HEADS
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.place import explain
from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.identity import Identity

__all__ = ["Network", "Step", "Weight"]

_ACTIVATIONS = {
    "logistic": Activation("sigmoid"),
    "relu": Activation("relu"),
    "relu6": Activation("clip", low=0.0, high=6.0),
    "leaky": Activation("leaky_relu", alpha=0.1),
    "revleaky": Activation("leaky_relu", alpha=0.1),
    "relie": Activation("leaky_relu", alpha=0.01),
    "elu": Activation("elu", alpha=1.0),
    "hardtan": Activation("clip", low=-1.0, high=1.0),
    "tanh": Activation("tanh"),
    "swish": Activation("swish"),
    "mish": Activation("mish"),
}


@dataclass(frozen=True, eq=False)
class Step:
    """One op of a layer; ``name`` is both the node's and its value's."""

    section: Section
    name: str
    op: Op
    inputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Weight:
    """One array of the weight file.

    Parameters
    ----------
    step
        Place of the step that it belongs to.
    name
        As the op calls it.
    shape
        As it lies in the file.
    order
        Axes of the file's array in the op's order, or None where they are the same.
    turned
        Whether files of a version above 1000 hold it with the first axis last.
    """

    step: int
    name: str
    shape: Shape
    order: tuple[int, ...] | None = None
    turned: bool = False


class Network:
    """The layers so far.

    Parameters
    ----------
    source
        Name and nominal shape of the input.
    bn_eps
        Of every batch normalisation.
    limits
        ``max_elements`` bounds every value at the nominal size.
    """

    def __init__(self, source: tuple[str, Shape], bn_eps: float, limits: Limits) -> None:
        name, shape = source
        self.source = name
        self.bn_eps = bn_eps
        self.limits = limits
        self.shapes: dict[str, Shape] = {name: shape}
        self.layers: list[str | None] = []
        self.steps: list[Step] = []
        self.weights: list[Weight] = []
        self._first = 0

    def previous(self, section: Section) -> str:
        """Return the value that the layer before writes."""
        if section.index == 0:
            return self.source
        return self.value(section, section.index - 1)

    def value(self, section: Section, index: int, key: str | None = None) -> str:
        """Return the value that a layer writes: relative to this one where negative.

        Raises
        ------
        FormatError
            If there is no such layer before this one, or it is a detection head, whose result
            is not computed.
        """
        place = section.index + index if index < 0 else index
        if not 0 <= place < section.index:
            raise section.error(
                f"layer {index} for {section.name!r}",
                f"one of the {section.index} layers before it: {-section.index} to -1, "
                f"or 0 to {section.index - 1}",
                key,
            )
        found = self.layers[place]
        if found is None:
            head = f"layer {place}, which is a {'/'.join(f'[{kind}]' for kind in HEADS)} head"
            raise section.error(head, "a layer whose result is a feature map", key)
        return found

    def step(self, section: Section, part: str, op: Op, *inputs: str) -> str:
        """Add an op to the layer and return its value."""
        name = f"{section.name}.{part}"
        try:
            (shape,) = op.infer(*(self.shapes[value] for value in inputs))
        except (ShapeError, InputError) as error:
            raise explain(section, error) from error
        if not all(shape):
            raise section.error(f"an empty result of shape {shape}", "at least one element")
        if prod(shape) > self.limits.max_elements:
            bound = f"at most {self.limits.max_elements:,} (Limits.max_elements)"
            raise section.error(f"a result of shape {shape}", bound)
        self.shapes[name] = shape
        self.steps.append(Step(section, name, op, inputs))
        return name

    def weight(
        self,
        name: str,
        shape: Shape,
        *,
        back: int = 0,
        order: tuple[int, ...] | None = None,
        turned: bool = False,
    ) -> None:
        """Say that the file's next array is one of the last step's (``back`` steps before it)."""
        self.weights.append(Weight(len(self.steps) - 1 - back, name, shape, order, turned))

    def activate(self, section: Section, default: str, value: str) -> None:
        """Add the layer's activation, if it has one.

        Raises
        ------
        FormatError
            If it is unknown; Darknet takes ReLU then, which is hardly meant.
        """
        kind = section.text("activation", default)
        if kind == "linear":
            return
        if kind not in _ACTIVATIONS:
            known = ", ".join(["linear", *_ACTIVATIONS])
            raise section.error(f"activation={kind[:64]}", f"one of {known}", "activation")
        self.step(section, kind, _ACTIVATIONS[kind], value)

    def close(self, section: Section, value: str | None) -> None:
        """End the layer: its last step gets the layer's own name.

        Parameters
        ----------
        section
            The layer.
        value
            What it passes on unchanged if it has no step; None for a head.
        """
        if value is not None and len(self.steps) == self._first:
            self.step(section, "identity", Identity(), value)
        if len(self.steps) > self._first:
            last = self.steps[-1]
            self.shapes[section.name] = self.shapes.pop(last.name)
            self.steps[-1] = replace(last, name=section.name)
        self.layers.append(None if value is None else section.name)
        self._first = len(self.steps)

    @staticmethod
    def refuse(section: Section, **neutral: object) -> None:
        """Refuse options with another value than the neutral one.

        Raises
        ------
        FormatError
            Naming the option.
        """
        for key, value in neutral.items():
            if section.has(key) and section.text(key, "") != str(value):
                found = f"{key}={section.text(key, '')[:64]}"
                raise section.error(found, f"{key}={value}, or none: no other is supported", key)
