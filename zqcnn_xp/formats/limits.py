"""How much a model file may ask for before a reader refuses it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from zqcnn_xp.errors import InputError

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Bounds that every reader checks before it takes memory.

    A model file is data from elsewhere: a count in it may be a mistake or an attack. The
    defaults are far above any network this library runs.

    Parameters
    ----------
    max_file
        Bytes of one file.
    max_text
        Bytes of a text file, of which every word becomes an object.
    max_layers
        Layers (nodes) of one network.
    max_tensors
        Weight arrays of one network.
    max_elements
        Elements of one array, weight or intermediate result.
    max_name
        Characters of one name or value.

    Raises
    ------
    InputError
        If a bound is not a positive integer.

    Examples
    --------
    >>> Limits(max_layers=500).max_layers
    500
    """

    max_file: int = 2 << 30
    max_text: int = 64 << 20
    max_layers: int = 100_000
    max_tensors: int = 100_000
    max_elements: int = 1 << 31
    max_name: int = 256

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                msg = f"Limits.{bound.name}: found {value!r}, expected a positive integer"
                raise InputError(msg)
