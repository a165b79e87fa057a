"""Names for a .zqparams file: words without separators, and blobs that are used again in place."""

from __future__ import annotations

from collections.abc import Iterable

from zqcnn_xp.graph import Graph

__all__ = ["Words", "blob_names"]

LONGEST = 200


class Words:
    """Turns any name into a word of its own.

    ``:`` and ``=`` separate a key from its value in the file, and blanks end a word: all of them
    become ``_``. A word that is taken gets a number.

    Examples
    --------
    >>> words = Words()
    >>> words.fresh("p re:lu"), words.fresh("p re=lu"), words.fresh("")
    ('p_re_lu', 'p_re_lu_2', '_')
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def fresh(self, name: str) -> str:
        """Return a word that nothing has yet."""
        plain = [c if c.isprintable() and c not in ":= " else "_" for c in name[:LONGEST]]
        word = "".join(plain) or "_"
        found, count = word, 1
        while found in self._taken:
            count += 1
            found = f"{word}_{count}"
        self._taken.add(found)
        return found


def blob_names(graph: Graph) -> dict[str, str]:
    r"""Return the blob of each value: layers that worked in place do so again.

    A reader calls what layer ``b`` leaves in blob ``a``, which a later layer overwrites, ``a@b``.
    Such a value goes back into ``a`` where nobody reads it after the next value is there.

    Examples
    --------
    >>> from zqcnn_xp.formats import read_graph
    >>> text = b"Input name=x C=1\nReLU name=r bottom=x top=y\nSqrt name=s bottom=y top=y"
    >>> blob_names(read_graph(text, b""))
    {'x': 'x', 'y@r': 'y', 'y': 'y'}
    """
    (source,) = graph.inputs
    blobs = {source.name: source.name}
    for node in graph.nodes:
        (value,) = node.outputs
        blobs[value] = value.rstrip("'").removesuffix(f"@{node.name}") or value
    while True:
        lost = _lost(graph, blobs)
        if not lost:
            return blobs
        for value, blob in blobs.items():
            if blob in lost:
                blobs[value] = value


def _lost(graph: Graph, blobs: dict[str, str]) -> set[str]:
    """Return the blobs from which a layer, or the caller, would take another value than meant."""
    held = {blobs[s.name]: s.name for s in graph.inputs}
    lost: set[str] = set()
    for node in graph.nodes:
        lost.update(blobs[value] for value in node.inputs if held[blobs[value]] != value)
        (value,) = node.outputs
        if blobs[value] != value and value in graph.outputs:
            lost.add(blobs[value])
        held[blobs[value]] = value
    lost.update(blobs[value] for value in graph.outputs if held[blobs[value]] != value)
    # Values that already have their own names cannot be told apart any further.
    return {blob for blob in lost if any(b == blob and v != blob for v, b in blobs.items())}
