"""Model files of other programs: readers found as plugins, one graph out of all of them.

A reader is a module-level object with `Reader`'s members, named by an entry point of the group
``zqcnn_xp.formats``. The file's content decides which one reads it; its name is only a hint.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from typing import Any, Protocol, runtime_checkable

from zqcnn_xp.errors import FormatError, InputError
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.formats.named import find_named
from zqcnn_xp.formats.source import ModelSource, Source, name_of, peek, read_source
from zqcnn_xp.graph import Graph
from zqcnn_xp.plugins import entry_points

__all__ = [
    "Limits",
    "ModelSource",
    "Reader",
    "Source",
    "find_reader",
    "list_formats",
    "read_graph",
    "read_source",
]

GROUP = "zqcnn_xp.formats"


@runtime_checkable
class Reader(Protocol):
    """What a format plugin provides."""

    name: str
    """The format's name, the same as its entry point's."""

    def sniff(self, head: bytes, filename: str | None = None) -> bool:
        """Say whether a file that starts with ``head`` is of this format; cheap, never raises."""
        ...

    def read(self, model: ModelSource, weights: ModelSource | None = None, **options: Any) -> Graph:
        """Read a network; ``options`` are ``fold``, ``compat``, ``limits`` and the format's own."""
        ...


def list_formats() -> dict[str, Reader]:
    """Load every reader there is.

    Returns
    -------
    dict
        Name to reader, sorted by name.

    Warns
    -----
    RuntimeWarning
        For a plugin that cannot be loaded; the others are returned all the same.

    Examples
    --------
    >>> "zqcnn" in list_formats()
    True
    """
    return _loaded(entry_points(group=GROUP))


def _loaded(points: Iterable[EntryPoint]) -> dict[str, Reader]:
    """Load some readers; what cannot be loaded warns."""
    found: dict[str, Reader] = {}
    for point in sorted(points, key=lambda p: p.name):
        try:
            reader = point.load()
        except Exception as error:
            problem = f"cannot be loaded: {error}"
        else:
            if isinstance(reader, Reader):
                found[point.name] = reader
                continue
            problem = "is no reader: it needs name, sniff and read"
        msg = f"format plugin {point.name!r} ({point.value}) {problem}"
        warnings.warn(msg, RuntimeWarning, stacklevel=3)
    return found


def find_reader(model: ModelSource, format: str | None = None) -> tuple[Reader, ModelSource]:
    """Find the reader of a file.

    Parameters
    ----------
    model
        Path, binary file object or bytes.
    format
        Name of a format; None asks every reader to look at the first bytes.

    Returns
    -------
    reader, model
        The model comes back as it was, or as bytes in memory where looking at a stream that
        cannot be wound back used it up.

    Raises
    ------
    InputError
        If there is no format of that name.
    FormatError
        If no reader, or more than one, takes the file.
    """
    if format is not None:
        # The others are not imported: that takes longer than to read a small network.
        points = entry_points(group=GROUP)
        readers = _loaded(point for point in points if point.name == format)
        if format not in readers:
            readers = list_formats()
            near = get_close_matches(format, readers, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"found format {format!r}, expected one of {', '.join(readers)}{hint}"
            raise InputError(msg)
        return readers[format], model
    readers = list_formats()
    head, filename, model = peek(model)
    able = {
        name: reader for name, reader in readers.items() if _sniffs(name, reader, head, filename)
    }
    if len(able) == 1:
        return next(iter(able.values())), model
    file = filename or name_of(model)
    known = ", ".join(readers)
    if able:
        found = f"a file that {' and '.join(able)} can read"
        raise FormatError(file, "start of file", found, f"format= one of {', '.join(able)}")
    found = "an empty file" if not head else f"content that starts with {head[:16]!r}"
    if head and b"\0" in head[:64] and len(head) % 4 == 0:
        found += " (are the model and its weights swapped?)"
    raise FormatError(file, "start of file", found, f"a model file of a known format ({known})")


def read_graph(
    model: ModelSource,
    weights: ModelSource | None = None,
    *,
    format: str | None = None,
    **options: Any,
) -> Graph:
    r"""Read a network of any known format.

    Parameters
    ----------
    model, weights
        Path, binary file object or bytes; formats of a single file need no ``weights``. Or the
        name of a model that has a card: its files are fetched if they are not here.
    format
        Name of the format; None looks at the content.
    **options
        Passed to the reader: ``fold``, ``compat``, ``limits`` and the format's own.

    Returns
    -------
    Graph
        The network, with its weights as NumPy arrays.

    Raises
    ------
    FormatError
        If a file does not say what it should.
    InputError
        If an argument has no meaning.
    OSError
        If a path cannot be read.
    ModelUnavailable
        If a named model's file is not here and cannot be had.

    Examples
    --------
    >>> text = b"Input name=x C=3 H=4 W=4\nSoftmax name=s bottom=x top=p"
    >>> read_graph(text, b"").outputs
    ('p',)
    """
    model, weights, format, more = find_named(model, weights, format, options)
    reader, model = find_reader(model, format)
    return reader.read(model, weights, **more)


def _sniffs(name: str, reader: Reader, head: bytes, filename: str | None) -> bool:
    try:
        return bool(reader.sniff(head, filename))
    except Exception as error:
        msg = f"format plugin {name!r} failed to look at {filename or 'the model'}: {error}"
        warnings.warn(msg, RuntimeWarning, stacklevel=3)
        return False
