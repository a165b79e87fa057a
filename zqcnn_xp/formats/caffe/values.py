"""Blob names, which layers in place write again, as values with one writer each."""

from __future__ import annotations

from difflib import get_close_matches

from zqcnn_xp.formats.caffe.layer import Layer
from zqcnn_xp.formats.caffe.network import Network
from zqcnn_xp.ops.base import Shape

__all__ = ["Values"]


class Values:
    """Which value a blob name stands for, as layers write blobs again."""

    def __init__(self, sources: list[tuple[str, Shape]], network: Network) -> None:
        self.inputs = {name for name, _ in sources}
        self.last = {top: layer for layer in network.layers for top in layer.tops}
        self.current = {name: name for name in self.inputs}
        self.aliases: dict[str, str] = {}
        self.taken = {*self.inputs, *self.last}
        self.read: set[str] = set()

    def output(self, layer: Layer, top: str) -> str:
        """Return a name for what a layer writes into a blob."""
        if top in self.current and top not in layer.bottoms:
            found = f"a second layer ({layer.name!r}) that writes {top!r}"
            raise layer.error(found, "one writer of a blob, or layers in place")
        if self.last[top] is layer and top not in self.inputs:
            return top
        value = f"{top}@{layer.name}"
        while value in self.taken:
            value += "'"
        self.taken.add(value)
        return value

    def written(self, layer: Layer, top: str, value: str) -> None:
        """Note that a blob now holds a value."""
        self.current[top] = value
        self.aliases[f"{top}@{layer.name}"] = value

    def read_by(self, layer: Layer, bottom: str) -> str:
        """Return the value of a blob that a layer reads.

        Raises
        ------
        FormatError
            If no earlier layer writes it.
        """
        value = self.current.get(bottom)
        if value is not None:
            return value
        writer = self.last.get(bottom)
        hint = f" ({writer.name!r} writes it, which is too late)" if writer is not None else ""
        near = get_close_matches(bottom, list(self.current)[-2000:], n=1)
        expected = "a blob of an earlier layer" + (f"; did you mean {near[0]!r}?" if near else "")
        raise layer.error(f"bottom {bottom!r} of {layer.label}{hint}", expected)
