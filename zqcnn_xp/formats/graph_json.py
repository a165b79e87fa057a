"""A graph without its weights as JSON text, and back: every value is checked on the way in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import prod
from typing import Any, NoReturn

from numpy.typing import NDArray

from zqcnn_xp.errors import FormatError, GraphError, InputError
from zqcnn_xp.formats.attributes import decode_op, encode_op, encode_plain, short
from zqcnn_xp.formats.limits import Limits
from zqcnn_xp.graph import Graph, GraphInput, Node
from zqcnn_xp.ops import Conv2D, ConvTranspose2D
from zqcnn_xp.ops.base import Op, Shape

__all__ = ["VERSION", "graph_from_json", "graph_to_json", "parse_json", "tensor_name"]

VERSION = 1
MAX_RANK = 32
# Objects and lists of one JSON text: each takes time and some hundred bytes, however short.
MAX_OBJECTS = 500_000
_PARTS = {"version", "name", "inputs", "nodes", "outputs", "blobs", "meta"}
_NODE = {"name", "op", "attributes", "inputs", "outputs", "weights", "where"}
_SIZE = 1 << 31
# Sizes to try for axes that are free: what a network of any depth may admit.
_PROBES = (224, 112, 320, 64, 512, 33, 1)


def tensor_name(node: str, weight: str) -> str:
    """Return the name under which a node's weight is kept; names of weights have no dot.

    Examples
    --------
    >>> tensor_name("layer1.0.conv1", "weight")
    'layer1.0.conv1.weight'
    """
    return f"{node}.{weight}"


def graph_to_json(graph: Graph) -> str:
    """Return a graph as JSON text; weights are named, not contained.

    Raises
    ------
    GraphError
        If the graph is not well formed, or an op or the graph's ``meta`` has no JSON form.
    """
    graph.validate()
    nodes = []
    for node in graph.nodes:
        try:
            op = encode_op(node.op)
        except GraphError as error:
            msg = f"{node.label}: {error}"
            raise GraphError(msg) from error
        nodes.append(
            {
                "name": node.name,
                **op,
                "inputs": list(node.inputs),
                "outputs": list(node.outputs),
                "weights": list(node.weights),
                "where": node.where,
            }
        )
    inputs = [
        {"name": s.name, "shape": encode_plain(s.shape), "nominal": encode_plain(s.nominal)}
        for s in graph.inputs
    ]
    found = {
        "version": VERSION,
        "name": graph.name,
        "inputs": inputs,
        "nodes": nodes,
        "outputs": list(graph.outputs),
        "blobs": dict(graph.blobs),
        "meta": encode_plain(graph.meta),
    }
    return json.dumps(found, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def parse_json(text: str | bytes, file: str, where: str) -> Any:
    """Parse JSON strictly: UTF-8, no key twice, no NaN, no nesting beyond reason.

    Raises
    ------
    FormatError
        If the text is no such JSON.
    """

    def refuse(word: str) -> NoReturn:
        msg = f"the constant {word}"
        raise ValueError(msg)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in found if keys.count(key) > 1)
            msg = f"the key {twice[:80]!r} twice"
            raise ValueError(msg)
        return found

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if text.count("{") + text.count("[") > MAX_OBJECTS:
            msg = f"more than {MAX_OBJECTS:,} objects and lists"
            raise ValueError(msg)
        return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError too
        problem = str(error) or type(error).__name__
        raise FormatError(
            file, where, problem[:200], "JSON of a reasonable size, every key once"
        ) from error


def graph_from_json(
    text: str, weights: Mapping[str, NDArray[Any]], file: str, limits: Limits
) -> Graph:
    """Return the graph that JSON text describes.

    Parameters
    ----------
    text
        As `graph_to_json` writes it.
    weights
        Arrays by `tensor_name`; each is used exactly once.
    file
        For messages.
    limits
        ``max_layers``, ``max_elements`` and ``max_name`` are checked here.

    Raises
    ------
    FormatError
        If a value is not what it should be; names the node.
    """
    found = _object(parse_json(text, file, "graph"), _PARTS, file, "graph")
    if type(found["version"]) is not int or found["version"] != VERSION:
        expected = f"version {VERSION}"
        raise FormatError(file, "graph", f"version {short(found['version'])}", expected)
    records = _list(found["nodes"], file, "nodes", limits.max_layers)
    left = dict(weights)
    nodes = [_node(record, i, left, file, limits) for i, record in enumerate(records)]
    if left:
        expected = "weights of the graph's nodes only"
        raise FormatError(file, f"tensor {next(iter(left))[:80]!r}", "no node for it", expected)
    inputs = _list(found["inputs"], file, "inputs", limits.max_layers)
    blobs = found["blobs"]
    if not isinstance(blobs, dict):
        raise FormatError(file, "blobs", type(blobs).__name__, "an object")
    graph = Graph(
        inputs=tuple(_input(record, i, file, limits) for i, record in enumerate(inputs)),
        nodes=tuple(nodes),
        outputs=_names(found["outputs"], file, "outputs", limits),
        blobs={
            _name(blob, file, "blobs", limits): _name(value, file, "blobs", limits)
            for blob, value in blobs.items()
        },
        name=_name(found["name"], file, "name", limits),
        meta=_plain(_object(found["meta"], None, file, "meta")),
    )
    try:
        graph.validate()
    except GraphError as error:
        raise _reworded(file, "graph", error, "a well-formed graph") from error
    _check_sizes(graph, file, limits)
    return graph


def _node(
    record: Any, index: int, left: dict[str, NDArray[Any]], file: str, limits: Limits
) -> Node:
    where = f"node {index}"
    found = _object(record, _NODE, file, where)
    name = _name(found["name"], file, where, limits)
    where = f"node {index} {name[:80]!r}"
    op = _op(found, file, where)
    arrays: dict[str, NDArray[Any]] = {}
    for weight in _names(found["weights"], file, where, limits):
        key = tensor_name(name, weight)
        if key not in left:
            raise FormatError(file, where, "no tensor for it", f"a tensor {key[:160]!r}")
        arrays[weight] = left.pop(key)
    inputs = _names(found["inputs"], file, where, limits)
    outputs = _names(found["outputs"], file, where, limits)
    place = _name(found["where"], file, where, limits)
    return Node(name, op, inputs, outputs, arrays, place)


def _op(found: Mapping[str, Any], file: str, where: str) -> Op:
    try:
        return decode_op({"op": found["op"], "attributes": found["attributes"]})
    except InputError as error:
        raise _reworded(file, where, error, "an op with its attributes") from error
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # An op's own checks may stumble over values that no layer has.
        found_there = f"attributes that {type(error).__name__} stopped"
        raise FormatError(file, where, found_there, "attributes in their range") from error


def _reworded(file: str, where: str, error: Exception, expected: str) -> FormatError:
    """Return what an op or the graph complains about, with the file and the place."""
    parts = re.fullmatch(r"(?:(.*?): )?found (.*), expected (.*)", str(error), re.DOTALL)
    if parts is None:
        return FormatError(file, where, str(error).removeprefix("found ")[:400], expected)
    place = f"{where}, {parts[1]}" if parts[1] else where
    return FormatError(file, place[:300], parts[2][:400], parts[3][:400])


def _input(record: Any, index: int, file: str, limits: Limits) -> GraphInput:
    where = f"input {index}"
    found = _object(record, {"name", "shape", "nominal"}, file, where)
    shape = _shape(found["shape"], True, file, where)
    nominal = found["nominal"]
    if nominal is not None:
        nominal = _shape(nominal, False, file, where)
        if len(nominal) != len(shape):
            raise FormatError(file, where, f"nominal shape {nominal}", f"{len(shape)} sizes")
    return GraphInput(_name(found["name"], file, where, limits), shape, nominal)


def _shape(found: Any, free: bool, file: str, where: str) -> tuple[Any, ...]:
    sizes = _list(found, file, where, MAX_RANK)
    for size in sizes:
        if not (free and size is None) and not (type(size) is int and 0 <= size < _SIZE):
            raise FormatError(file, where, f"size {short(size)}", "a count below 2^31")
    return tuple(sizes)


def _check_sizes(graph: Graph, file: str, limits: Limits) -> None:
    """Hold weights and intermediate results against the shapes that the ops infer."""
    problem = "no size"
    for shapes in _probes(graph):
        try:
            found = graph.shapes(shapes)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            problem = str(error) or type(error).__name__
            continue
        for value, shape in found.items():
            if any(size < 0 for size in shape) or prod(shape) > limits.max_elements:
                expected = f"at most {limits.max_elements:,} elements (Limits.max_elements)"
                raise FormatError(file, f"value {value[:80]!r}", f"shape {shape}"[:200], expected)
        try:
            if graph.nominal_shapes is not None or _fixed(graph):
                graph.check_weights(shapes)
            else:
                _check_products(graph, found)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise _reworded(file, "weights", error, "the weights that each op has") from error
        return
    # Sizes that are free may need values that no probe has: the session checks those it meets.
    if graph.nominal_shapes is not None or _fixed(graph):
        raise FormatError(file, "graph", problem[:400], "shapes that fit together")


def _check_products(graph: Graph, shapes: Mapping[str, Shape]) -> None:
    """Check weights that depend on channels alone: others wait for the size of the input."""
    for node in graph.nodes:
        want = node.op.weights(*(shapes[value] for value in node.inputs))
        have = {name: tuple(weight.shape) for name, weight in node.weights.items()}
        local = isinstance(node.op, (Conv2D, ConvTranspose2D))
        if want.keys() != have.keys() or (local and want != have):
            msg = f"{node.label}: found weights {have}, expected {want}"
            raise GraphError(msg)


def _fixed(graph: Graph) -> bool:
    return all(None not in source.shape for source in graph.inputs)


def _probes(graph: Graph) -> list[dict[str, Shape]]:
    nominal = graph.nominal_shapes
    if nominal is not None:
        return [nominal]
    found: list[dict[str, Shape]] = []
    for probe in _PROBES:
        shapes = {}
        for source in graph.inputs:
            known = source.nominal or (0,) * len(source.shape)
            sizes = zip(source.shape, known, strict=True)
            shapes[source.name] = tuple(
                fixed if fixed is not None else named or (probe if axis else 1)
                for axis, (fixed, named) in enumerate(sizes)
            )
        found.append(shapes)
        if _fixed(graph):
            break
    return found


def _object(found: Any, keys: set[str] | None, file: str, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise FormatError(file, where, short(found), "an object")
    if keys is not None and found.keys() != keys:
        given = ", ".join(map(repr, sorted(found)[:20]))
        expected = f"exactly {', '.join(sorted(keys))}"
        raise FormatError(file, where, f"the keys {given[:200]}", expected)
    return found


def _list(found: Any, file: str, where: str, bound: int) -> list[Any]:
    if not isinstance(found, list):
        raise FormatError(file, where, short(found), "a list")
    if len(found) > bound:
        raise FormatError(file, where, f"{len(found):,} entries", f"at most {bound:,}")
    return found


def _names(found: Any, file: str, where: str, limits: Limits) -> tuple[str, ...]:
    names = _list(found, file, where, limits.max_layers)
    return tuple(_name(name, file, where, limits) for name in names)


def _name(found: Any, file: str, where: str, limits: Limits) -> str:
    if not isinstance(found, str) or len(found) > limits.max_name:
        expected = f"a name of at most {limits.max_name} characters"
        raise FormatError(file, where, short(found), expected)
    return found


def _plain(found: Any) -> Any:
    """Return what a file says beyond the computation: lists as tuples, as readers have them."""
    if isinstance(found, list):
        return tuple(_plain(item) for item in found)
    if isinstance(found, dict):
        return {key: _plain(item) for key, item in found.items()}
    return found
