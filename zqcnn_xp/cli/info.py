"""``zqcnn-xp info``: the layer table of a network file."""

from __future__ import annotations

import argparse
from math import prod
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, parse_shapes
from zqcnn_xp.cli.networks import image_size, read_network
from zqcnn_xp.cli.output import note, print_json, print_table
from zqcnn_xp.errors import FormatError, InputError, ZqcnnError

if TYPE_CHECKING:
    from zqcnn_xp.graph import Graph

__all__ = ["add", "add_model", "add_shapes", "info", "model_options"]

M = 1024 * 1024  # as GetNumOfMulAdd's callers divide
PHASES = {"samples": "each sample", "batch": "whole batch", "host": "in Python"}


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a network and how it is read."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a model file of any format that is read, or the name of a model card",
    )
    parser.add_argument(
        "weights",
        metavar="WEIGHTS",
        nargs="?",
        help="its weight file (.nchwbin, .bin, .params, ...), if it has one, or 'random'",
    )
    parser.add_argument("--format", metavar="NAME", help="the model's format; default: by content")
    parser.add_argument(
        "--compat", choices=["zqcnn"], help="take the original's rules where they differ"
    )
    parser.add_argument(
        "--no-fold",
        dest="fold",
        action="store_false",
        help="keep batch normalisation and activations as layers of their own",
    )


def add_shapes(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that give the shapes of a network's inputs."""
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="[INPUT=]N,C,H,W",
        help="shape of an input; default: the sizes that the file names",
    )
    parser.add_argument(
        "--input-size",
        type=image_size,
        metavar="HxW",
        help="for formats whose files may leave the input's size open",
    )


def model_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options that reading a network takes."""
    return {"format": args.format, "compat": args.compat, "fold": args.fold}


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "info",
        parents=[common],
        help="show a network's layers, parameters, mul-adds and memory",
        description="Show a network's layers. Mul-adds are counted as ZQCNN's GetNumOfMulAdd does; "
        "M is 1024 x 1024.",
    )
    add_model(parser)
    add_shapes(parser)
    parser.add_argument(
        "--plan",
        action="store_true",
        help="show how the backend runs it instead: steps, kernels, layouts, memory",
    )
    parser.set_defaults(run=info)


def _size(count: int | None) -> str:
    """Write a number of bytes for people."""
    if count is None:
        return "?"
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _millions(count: int | None) -> str:
    return "?" if count is None else f"{count / M:.3f}"


def _shape(shape: tuple[int | None, ...] | None) -> str:
    return "?" if shape is None else " x ".join("?" if n is None else str(n) for n in shape)


def _read(args: argparse.Namespace) -> Graph:
    """Read the network, with random weights where there are none: the table needs shapes alone."""
    options = model_options(args)
    try:
        return read_network(args.model, args.weights, args.input_size, **options)
    except (FormatError, InputError) as error:
        if args.weights is not None or "found no weights" not in str(error):
            raise
        try:
            graph = read_network(args.model, "random", args.input_size, **options)
        except (ZqcnnError, OSError):
            raise error from None  # a format that cannot do without
    note(f"{args.model}: found no weights; parameters are counted from the layers")
    return graph


def _plan(args: argparse.Namespace, graph: Graph, shapes: dict[str, tuple[int, ...]]) -> int:
    """Print how a backend runs the network."""
    from zqcnn_xp.planned import plan_table
    from zqcnn_xp.registry import get_backend
    from zqcnn_xp.session import Session

    known = {**(graph.nominal_shapes or {}), **shapes}
    missing = [repr(source.name) for source in graph.inputs if source.name not in known]
    if missing:
        raise InputError(
            f"{args.model}: found no shape of {', '.join(missing)}, expected --shape N,C,H,W: "
            "a plan is made for a size"
        )
    backend = get_backend(args.backend, device=args.device)
    table = plan_table(Session(graph, backend, fold=args.fold), shapes)
    if args.json:
        print_json(table.to_dict())
        return 0
    rows = [
        (
            row.name,
            row.kernel,
            f"{', '.join(row.reads)} -> {', '.join(row.writes)}",
            f"{row.phase}: {PHASES.get(row.kind, row.kind)}",
            row.conversions or "",
            f"{row.instructions:,}",
            _size(row.weight_bytes),
        )
        for row in table.rows
    ]
    print_table(
        ("step", "kernel", "layout", "phase", "conversions", "calls", "weights"),
        rows,
        title=f"{graph.name or args.model} on {table.backend}",
        right=("conversions", "calls", "weights"),
        footer=(
            f"{len(rows)} steps",
            "",
            "",
            f"{table.phases} phase{'' if table.phases == 1 else 's'}",
            table.conversions,
            f"{table.instructions:,}",
            _size(table.weight_bytes),
        ),
    )
    print(
        f"{table.target}; activations of a sample: {_size(table.arena_bytes)}; "
        f"for each thread: {_size(table.scratch_bytes)}"
    )
    for remark in table.remarks:
        print(remark)
    return 0


def info(args: argparse.Namespace) -> int:
    """Print the layer table."""
    from zqcnn_xp.report import info as describe

    graph = _read(args)
    shapes = parse_shapes(args.shape, [source.name for source in graph.inputs])
    if args.plan:
        return _plan(args, graph, shapes)
    if shapes:
        nominal = graph.nominal_shapes or {}
        table = describe(graph, {**nominal, **shapes})
    else:
        table = describe(graph)
    if args.json:
        print_json(table.to_dict())
        return 0
    rows = [
        (
            row.name,
            row.type,
            _shape(row.shape),
            f"{row.parameters:,}",
            _millions(row.muladds),
            _size(None if row.shape is None else 4 * prod(row.shape)),
            _size(4 * row.parameters),
        )
        for row in table.rows
    ]
    print_table(
        ("layer", "type", "output", "parameters", "mul-adds (M)", "activations", "weights"),
        rows,
        title=table.name or str(args.model),
        right=("parameters", "mul-adds (M)", "activations", "weights"),
        footer=(
            f"{len(rows)} layers",
            "",
            "",
            f"{table.parameters:,}",
            _millions(table.muladds),
            _size(table.activation_bytes),
            _size(table.weight_bytes),
        ),
    )
    inputs = ", ".join(f"{name} {_shape(shape)}" for name, shape in table.inputs.items())
    print(f"inputs: {inputs}; outputs: {', '.join(table.outputs)}")
    if table.muladds is None:
        note("the file names no sizes; --shape N,C,H,W fills in the question marks")
    else:
        print("total activations: the most that are alive at once")
    return 0
