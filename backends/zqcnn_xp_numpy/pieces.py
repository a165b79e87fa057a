"""A batch in pieces: each stays in the cache from layer to layer, and threads share them.

Images do not meet in most networks, so a batch is worth no more than its images one by one, but
for weights, which a batch reads once. Its maps do leave the cache between one layer and the next,
however, and NumPy's loops run on one thread: so some images go through all layers, then the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import prod

from zqcnn_xp.errors import ZqcnnError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Op, Shape
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.reshape import Reshape

__all__ = ["apart", "cut_batch", "images_at_once"]

# Floats that a layer reads and writes for the images of one piece, 4 MB.
CACHED = 1 << 20


def apart(graph: Graph, shapes: Mapping[str, Shape]) -> bool:
    """Tell whether every image of a batch could go through a graph by itself.

    Parameters
    ----------
    graph
        Of which no op runs on the host.
    shapes
        Logical shape of every value.

    Returns
    -------
    bool
        No op says that it mixes images, none works along the first axis, and the first axis of
        every value follows that of the inputs.
    """
    counts = {shapes[source.name][:1] for source in graph.inputs}
    if len(counts) != 1 or not all(counts):
        return False
    for node in graph.nodes:
        if not node.inputs:
            return False
        if node.op.mixes_batch or _along_batch(node.op, shapes[node.inputs[0]]):
            return False
    if any(shape[:1] not in counts for shape in shapes.values()):
        return False
    # Another number of images shows what is equal to this one by chance, or fixed.
    (count,) = counts.pop()
    wanted = count + 1
    try:
        found = graph.shapes(
            {source.name: (wanted, *shapes[source.name][1:]) for source in graph.inputs}
        )
    except ZqcnnError:
        return False
    return all(found[name] == (wanted, *shape[1:]) for name, shape in shapes.items())


def images_at_once(graph: Graph, shapes: Mapping[str, Shape]) -> int:
    """Return how many images are best taken through all layers together.

    As many as the cache holds of the widest layer; but where the weights outweigh all maps of an
    image, so many that reading them pays.

    Parameters
    ----------
    graph, shapes
        As in `apart`; the batch is not empty.
    """
    count = shapes[graph.inputs[0].name][0]
    sizes = {name: prod(shape) // count for name, shape in shapes.items()}
    widest = max(
        (sum(sizes[value] for value in (*node.inputs, *node.outputs)) for node in graph.nodes),
        default=1,
    )
    weighed = -(-graph.parameters // max(sum(sizes.values()), 1))
    return max(CACHED // max(widest, 1), weighed, 1)


def cut_batch(count: int, most: int, threads: int) -> list[slice]:
    """Cut a batch into as few pieces as keep to ``most`` images and leave no thread idle.

    Parameters
    ----------
    count
        Images, 1 or more.
    most
        Images of a piece.
    threads
        How many work on pieces; their number is a multiple of it where there are enough images.

    Examples
    --------
    >>> [(part.start, part.stop) for part in cut_batch(5, 2, 1)]
    [(0, 2), (2, 4), (4, 5)]
    >>> [(part.start, part.stop) for part in cut_batch(8, 3, 2)]
    [(0, 2), (2, 4), (4, 6), (6, 8)]
    """
    fewest = -(-count // most)
    number = min(-(-fewest // threads) * threads, count)
    small, more = divmod(count, number)
    starts = [piece * small + min(piece, more) for piece in range(number + 1)]
    return [slice(a, b) for a, b in pairwise(starts)]


def _along_batch(op: Op, shape: Shape) -> bool:
    """Tell whether an op's axis is that of the batch, as a negative one may be."""
    if isinstance(op, Flatten | Reshape):
        return False  # axis 0 may mean that the batch is copied; their shapes tell
    axis = getattr(op, "axis", None)
    return isinstance(axis, int) and axis in (0, -len(shape))
