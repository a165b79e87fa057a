"""``zqcnn-xp diff``: where two networks differ, in structure, weights and results."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.networks import image_size, read_network, split_networks
from zqcnn_xp.cli.output import note, print_json, print_table
from zqcnn_xp.errors import InputError, ShapeError

if TYPE_CHECKING:
    from zqcnn_xp.compare import NodeRow, OutputRow
    from zqcnn_xp.graph import Graph

__all__ = ["add", "diff"]

TOLERANCE = 1e-4


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "diff",
        parents=[common],
        usage="%(prog)s [options] A [WEIGHTS] B [WEIGHTS]",
        help="compare two networks: layers, weights, outputs",
        description="Compare two networks of any formats: their layers, weights bit by bit, and "
        "outputs on the same seeded input. The exit code is 0 if they are the same, outputs to "
        "within the tolerance, and 1 if they differ.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="A [WEIGHTS] B [WEIGHTS]",
        help="two models; a weight file (.nchwbin, .bin, .params, ..., or 'random') follows its "
        "model",
    )
    parser.add_argument(
        "--input-size", type=image_size, metavar="HxW", help="size of the seeded input"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="X",
        help="of outputs, as a share of the largest value; default: 1e-4",
    )
    parser.add_argument("--all", action="store_true", help="list layers that agree, too")
    parser.add_argument(
        "--fold", action="store_true", help="compare what sessions run, with layers merged"
    )
    parser.add_argument(
        "--compat", choices=["zqcnn"], help="read ZQCNN's files by the original's rules"
    )
    parser.set_defaults(run=diff)


def diff(args: argparse.Namespace) -> int:
    """Compare two networks; the exit code is 1 if they differ."""
    from zqcnn_xp.compare import common_input, compare_nodes, compare_outputs

    a, b = _read(args)
    try:
        x, y = common_input(a, b, args.input_size, args.seed)
    except (InputError, ShapeError) as error:
        # Networks of different inputs still have layers to compare.
        note(f"outputs are not compared: {error}")
        x, y = common_input(a, a, args.input_size)[0], common_input(b, b, args.input_size)[0]
        outputs: tuple[OutputRow, ...] | None = None
    else:
        outputs = compare_outputs(_run(args, a, x), _run(args, b, y))
    shapes = [
        graph.shapes({name: array.shape for name, array in given.items()})
        for graph, given in ((a, x), (b, y))
    ]
    nodes = compare_nodes(a, b, *shapes)
    same = all(row.same_structure and row.same_weights for row in nodes)
    close = outputs is not None and all(
        row.relative is not None and row.relative <= args.tolerance for row in outputs
    )
    if args.json:
        print_json(_document(a, b, nodes, outputs, same=same, close=close))
    else:
        _print_nodes(nodes, everything=args.all)
        if outputs is not None:
            _print_outputs(outputs)
        print(_summary(nodes, outputs, close=close))
    return 0 if same and close else 1


def _read(args: argparse.Namespace) -> list[Graph]:
    from zqcnn_xp.formats import find_reader
    from zqcnn_xp.passes import optimize

    networks = split_networks(args.paths)
    if len(networks) != 2:
        msg = f"found {len(networks)} models in {len(args.paths)} files, expected 2"
        raise InputError(msg)
    graphs = []
    for model, weights in networks:
        compat = args.compat if args.compat and find_reader(model)[0].name == "zqcnn" else None
        graph = read_network(model, weights, args.input_size, compat=compat, fold=args.fold)
        graphs.append(optimize(graph) if args.fold else graph)
    return graphs


def _run(args: argparse.Namespace, graph: Graph, x: dict[str, Any]) -> dict[str, Any]:
    from zqcnn_xp.registry import get_backend
    from zqcnn_xp.session import Session

    found: dict[str, Any] = Session(graph, get_backend(args.backend, device=args.device))(x)
    return found


def _document(
    a: Graph,
    b: Graph,
    nodes: Sequence[NodeRow],
    outputs: Sequence[OutputRow] | None,
    *,
    same: bool,
    close: bool,
) -> dict[str, Any]:
    rows = []
    for row in nodes:
        found = asdict(row)
        for weight in found["weights"]:
            if weight["difference"] == float("inf"):
                weight["difference"] = "inf"
        rows.append(found | {"same": row.same_structure and row.same_weights})
    graphs = [
        {"name": graph.name, "layers": len(graph.nodes), "parameters": graph.parameters}
        for graph in (a, b)
    ]
    return {
        "a": graphs[0],
        "b": graphs[1],
        "same_structure": all(row.same_structure for row in nodes),
        "same_weights": all(row.same_weights for row in nodes),
        "same_outputs": close,
        "same": same and close,
        "layers": rows,
        "outputs": None if outputs is None else [row.to_dict() for row in outputs],
    }


def _print_nodes(nodes: Sequence[NodeRow], *, everything: bool) -> None:
    shown = [row for row in nodes if everything or not (row.same_structure and row.same_weights)]
    if not shown:
        return
    head = ("layer of A", "layer of B", "type", "output", "differs in")
    print_table(head, [_cells(row) for row in shown], title="layers")


def _cells(row: NodeRow) -> tuple[str, ...]:
    kinds = dict.fromkeys(kind for kind in (row.type_a, row.type_b) if kind)
    shapes = dict.fromkeys(_shape(s) for s in (row.shape_a, row.shape_b) if s is not None)
    words = ["type"] if len(kinds) > 1 else []
    words += [f"{name}: {x} | {y}" for name, (x, y) in row.attributes.items()]
    for weight in row.weights if row.a is not None and row.b is not None else ():
        if weight.shape_a != weight.shape_b:
            words.append(f"{weight.name}: {_shape(weight.shape_a)} | {_shape(weight.shape_b)}")
        elif not weight.equal:
            words.append(f"{weight.name} by {weight.difference:.3g}")
    if row.a is None or row.b is None:
        words.append("only in B" if row.a is None else "only in A")
    return row.a or "-", row.b or "-", " | ".join(kinds), " | ".join(shapes), "; ".join(words)


def _shape(shape: tuple[int, ...] | None) -> str:
    return "-" if shape is None else " x ".join(map(str, shape))


def _print_outputs(outputs: Sequence[OutputRow]) -> None:
    head = ("output of A", "output of B", "shape", "largest value", "difference", "relative")
    rows = []
    for row in outputs:
        shapes = dict.fromkeys(_shape(s) for s in (row.shape_a, row.shape_b) if s is not None)
        numbers = [
            "-" if value is None else f"{value:.6g}"
            for value in (row.largest, row.difference, row.relative)
        ]
        rows.append((row.a or "-", row.b or "-", " | ".join(shapes), *numbers))
    print_table(head, rows, title="outputs", right=head[3:])


def _summary(nodes: Sequence[NodeRow], outputs: Sequence[OutputRow] | None, *, close: bool) -> str:
    alike = sum(row.same_structure for row in nodes)
    weights = [weight for row in nodes for weight in row.weights]
    equal = sum(weight.equal for weight in weights)
    results = "not compared" if outputs is None else "the same" if close else "different"
    return (
        f"{alike} of {len(nodes)} layers alike, {equal} of {len(weights)} weights equal bit by "
        f"bit, outputs {results}"
    )
