"""One layer of either format version: names, type, blobs, parameters, and the place in its file."""

from __future__ import annotations

from dataclasses import dataclass

from zqcnn_xp.errors import FormatError
from zqcnn_xp.formats.caffe.message import Message
from zqcnn_xp.formats.caffe.schema import V1_TYPES

__all__ = ["Layer", "layer_of"]


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer, by blob names.

    Parameters
    ----------
    name, kind
        Name and type; a number of the first version as the name of the second.
    bottoms, tops
        Names of the blobs that it reads and writes.
    message
        All of its fields.
    """

    name: str
    kind: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Message

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.message.origin.file

    @property
    def line(self) -> int:
        """Line, from 1; 0 in a binary file."""
        return self.message.origin.line(self.message.position)

    @property
    def label(self) -> str:
        """Type and name, for messages."""
        return f"{self.kind} layer {self.name!r}"

    def error(self, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the place."""
        return self.message.error(found, expected)


def layer_of(message: Message, longest: int) -> Layer:
    """Return a layer of either version.

    Raises
    ------
    FormatError
        If it has no type, a type that is no name, or a name beyond ``longest`` characters.
    """
    if message.has("layer"):
        found = "a layer inside 'layers' (the format before the first)"
        raise message.error(found, "a file upgraded by Caffe's upgrade_net_proto_text or _binary")
    name, kind = message.text("name"), _kind(message)
    bottoms, tops = message.texts("bottom"), message.texts("top")
    for word in (name, kind, *bottoms, *tops):
        if len(word) > longest:
            raise message.error(f"a name of {len(word):,} characters", f"at most {longest}")
    return Layer(name or (tops[0] if tops else kind), kind, bottoms, tops, message)


def _kind(message: Message) -> str:
    if message.kind == "LayerParameter":
        kind = message.text("type")
        if not kind:
            raise message.error("a layer without a type", 'type: "..."')
        return kind
    named = {_upper(kind): number for number, kind in V1_TYPES.items()}
    named["SOFTMAX_LOSS"] = named["SOFTMAX_WITH_LOSS"]
    known = message.choice("type", named, "")
    if not known:
        raise message.error("a layer without a type", "type: CONVOLUTION, or another")
    return V1_TYPES[named[known]]


def _upper(kind: str) -> str:
    """Return a type as the first version writes it: InnerProduct is INNER_PRODUCT."""
    kept = {"ReLU": "RELU", "TanH": "TANH", "AbsVal": "ABSVAL", "HDF5Data": "HDF5_DATA"}
    kept |= {"HDF5Output": "HDF5_OUTPUT", "ArgMax": "ARGMAX", "Im2col": "IM2COL"}
    if kind in kept or kind.isupper():
        return kept.get(kind, kind)
    return "".join(f"_{c}" if c.isupper() and k else c for k, c in enumerate(kind)).upper()
