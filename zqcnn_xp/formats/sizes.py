"""The input size of a network whose file does not name it.

A product over a whole map has weights for one size of the map, so the input must be one of the
few that lead to it. Of these the one divisible by the largest power of two is taken: strides
halve maps, and networks are trained on sizes that halve evenly (112 of 97 ... 112, 48 of 48 ...
55). Other networks take any size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

from zqcnn_xp.errors import FormatError, GraphError, ShapeError
from zqcnn_xp.graph import Graph
from zqcnn_xp.ops.base import Shape
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.reshape import Reshape

__all__ = ["choose_size", "fit_size", "fits", "roundest"]

LARGEST = 4096
# Sizes to build at where none is known: one that strides divide, then those of usual networks.
_STAND_INS = ((512, 512), (320, 320), (224, 224), (112, 112), (64, 64), (48, 48), (24, 24))


def fits(graph: Graph, size: tuple[int, int]) -> int | None:
    """Compare the matrices of a network with its maps at an input size.

    Returns
    -------
    int or None
        0 if all weights fit, -1 if the map before a matrix is too small (or vanishes), 1 if it
        is too large, None if no size will do.
    """
    found = _compare(graph, size)
    if found:
        return found
    shapes = graph.shapes(_at(graph, size))
    for node in graph.nodes:
        want = node.op.weights(*(shapes[value] for value in node.inputs))
        if want != {name: tuple(w.shape) for name, w in node.weights.items()}:
            return None
    return 0


def fit_size(graph: Graph) -> tuple[int, int] | None:
    """Return the square input size that a network's matrices ask for.

    Parameters
    ----------
    graph
        With free height and width.

    Returns
    -------
    (height, width) or None
        None if no square size up to 4096 fits.
    """
    first = _search(graph, 0)
    after = _search(graph, 1)
    size = roundest(first, after - 1)
    return (size, size) if size and fits(graph, (size, size)) == 0 else None


def roundest(low: int, high: int) -> int:
    """Return the number from ``low`` to ``high`` that the largest power of two divides, or 0.

    Examples
    --------
    >>> roundest(97, 112), roundest(48, 55), roundest(25, 27), roundest(5, 4)
    (112, 48, 26, 0)
    """
    if low > high or high < 1:
        return 0
    step = 1
    while high // (2 * step) * (2 * step) >= low:
        step *= 2
    return high // step * step


def choose_size(
    at: Callable[[tuple[int, int]], tuple[Graph, bool]],
    file: str,
    size: tuple[int, int] | None,
    declared: tuple[int, int] | None,
    whole: bool = False,
) -> Graph:
    """Read a network at the size it needs, and free its height and width where it needs none.

    Parameters
    ----------
    at
        Builds the graph at an input size, which its inputs then name; the second result says
        that it holds for this size alone.
    file
        Name for messages.
    size
        What the caller asks for.
    declared
        What the file names.
    whole
        The inputs' sizes are all known, so that ``at`` does not depend on the size.

    Returns
    -------
    Graph
        With weights that fit its inputs.

    Raises
    ------
    FormatError
        If no size fits.
    """
    wanted = size or declared
    tries = (wanted,) if wanted is not None else _STAND_INS[:1] if whole else _STAND_INS
    graph, sized, used = _first(at, tries)
    if wanted is None and not whole and fits(graph, used) != 0:
        fitted = fit_size(_freed(graph, None))
        if fitted is None and any(isinstance(node.op, Dense) for node in graph.nodes):
            raise FormatError(
                file, "", "weights over a whole map that fit no square input", "input_size=(H, W)"
            )
        if fitted is not None:
            wanted = used = fitted
            graph, sized = at(used)
    shapes = graph.nominal_shapes
    if shapes is None:
        raise FormatError(file, "", "an input without cells", "sizes of at least 1")
    try:
        graph.check_weights(shapes)
    except (GraphError, ShapeError) as error:
        expected = "weights that fit the network at its input size, or another input_size"
        raise FormatError(file, "", str(error), expected) from error
    if whole:
        return graph
    free = _freed(graph, wanted)
    if not sized and fits(free, (used[0] + 32, used[1] + 64)) == 0:
        return free
    if wanted is None:
        raise FormatError(file, "", "layers that depend on the input size", "input_size=(H, W)")
    return graph


def _first(
    at: Callable[[tuple[int, int]], tuple[Graph, bool]], tries: tuple[tuple[int, int], ...]
) -> tuple[Graph, bool, tuple[int, int]]:
    """Build at the first size that no op refuses."""
    problem: FormatError | None = None
    for cells in tries:
        try:
            return *at(cells), cells
        except FormatError as error:
            # The first refusal says most: at smaller sizes windows may not even fit.
            problem = problem or error
            if not isinstance(error.__cause__, ShapeError):
                break
    if problem is None:
        msg = "found no size to try, expected at least one"
        raise GraphError(msg)
    raise problem


def _freed(graph: Graph, nominal: tuple[int, int] | None) -> Graph:
    sources = tuple(
        replace(
            s,
            shape=(*s.shape[:2], None, None),
            nominal=None if nominal is None else (1, s.shape[1] or 0, *nominal),
        )
        if len(s.shape) == 4
        else s
        for s in graph.inputs
    )
    return replace(graph, inputs=sources)


def _at(graph: Graph, size: tuple[int, int]) -> dict[str, Shape]:
    return {
        s.name: (1, *(n or 1 for n in s.shape[1:2]), *size)
        if len(s.shape) == 4
        else tuple(n or 1 for n in s.shape)
        for s in graph.inputs
    }


def _search(graph: Graph, bound: int) -> int:
    """Return the smallest size at which the maps are at least (0) or more than (1) they should."""
    low, high = 0, LARGEST + 1
    while high - low > 1:
        middle = (low + high) // 2
        found = _compare(graph, (middle, middle))
        if found >= bound:
            high = middle
        else:
            low = middle
    return high


def _compare(graph: Graph, size: tuple[int, int]) -> int:
    try:
        shapes = graph.shapes(_at(graph, size))
    except ShapeError:
        return -1
    for node in graph.nodes:
        if isinstance(node.op, Dense):
            have, want = shapes[node.inputs[0]][-1], node.weights["weight"].shape[0]
        elif isinstance(node.op, Reshape) and _is_batch_first(node.op):
            have, want = prod(shapes[node.inputs[0]][1:]), prod(node.op.dims[1:])
        else:
            continue
        if have != want:
            return -1 if have < want else 1
    return 0


def _is_batch_first(op: Reshape) -> bool:
    """Say whether an op makes rows of a given length, which should be one for each sample."""
    return op.axis == 0 and op.dims[:1] == (-1,) and 0 not in op.dims
