"""Where a layer stands in its file: what messages name, whatever the format."""

from __future__ import annotations

from typing import Protocol

from zqcnn_xp.errors import FormatError, GraphError, InputError, ShapeError

__all__ = ["Numbered", "Place", "explain"]


class Place(Protocol):
    """One layer's record in a text file."""

    @property
    def file(self) -> str:
        """Name of the file."""
        ...

    @property
    def line(self) -> int:
        """Line, from 1."""
        ...

    @property
    def kind(self) -> str:
        """The layer's type."""
        ...

    @property
    def name(self) -> str:
        """The layer's name."""
        ...

    def error(self, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the place."""
        ...


class Numbered:
    """The place of one of a layer's several results: nodes need names of their own.

    Parameters
    ----------
    place
        The layer's.
    name
        The result's.
    """

    def __init__(self, place: Place, name: str) -> None:
        self.file, self.line, self.kind, self.name = place.file, place.line, place.kind, name
        self._place = place

    def error(self, found: str, expected: str) -> FormatError:
        """Make (not raise) an error that names the layer's place."""
        return self._place.error(found, expected)


def explain(record: Place, error: ShapeError | InputError | GraphError) -> FormatError:
    """Turn an op's refusal into an error that names the line.

    Examples
    --------
    >>> from zqcnn_xp.formats.zqcnn.record import Record
    >>> record = Record("a", 3, "ReLU", (("name", "r"),))
    >>> print(explain(record, ShapeError("Op: found 1, expected 2")))
    a, line 3: found 1 in Op of layer 'r', expected 2
    """
    op, _, rest = str(error).partition(": ")
    found, _, expected = rest.partition(", expected ")
    place = f"in {op} of layer {record.name!r}"
    return record.error(
        f"{found.removeprefix('found ')} {place}", expected or "attributes that fit its inputs"
    )
