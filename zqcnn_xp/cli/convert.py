"""``zqcnn-xp convert``: a network from one format to another."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.networks import files_of, image_size, input_shapes, read_network
from zqcnn_xp.cli.output import note, print_json, print_table
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.compare import OutputRow
    from zqcnn_xp.graph import Graph

__all__ = ["add", "convert", "load_module", "read_back"]

TOLERANCE = 1e-4
CARRIES_META = ("code", "safetensors")
"""Formats that keep what a file says beyond the computation, such as Darknet's heads."""


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "convert",
        parents=[common],
        usage="%(prog)s [options] SRC [WEIGHTS] DST",
        help="write a network in another format",
        description="Read a network and write it in the format that DST's suffix names: "
        ".zqparams, .onnx, .param (ncnn), .safetensors or .py. Weights of a file of their own go "
        "beside it. What the format cannot say is an error that names the layer.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="SRC... DST",
        help="the model, its weight file where there is one, and the file to write",
    )
    parser.add_argument("--from", dest="source", metavar="FORMAT", help="default: by content")
    parser.add_argument("--to", dest="target", metavar="FORMAT", help="default: by DST's suffix")
    parser.add_argument(
        "--input-size",
        type=image_size,
        metavar="HxW",
        help="write a network of this input size; default: free where it is free",
    )
    parser.add_argument(
        "--fold",
        action="store_true",
        help="merge batch normalisation and activations into the layers before them",
    )
    parser.add_argument("--fp16", action="store_true", help="store kernels in float16")
    parser.add_argument(
        "--check",
        action="store_true",
        help="run both networks on seeded input and print the largest difference",
    )
    parser.add_argument(
        "--compat", choices=["zqcnn"], help="take the original's rules where they differ"
    )
    parser.set_defaults(run=convert)


def convert(args: argparse.Namespace) -> int:
    """Convert a network; the exit code is 1 if a check finds more than rounding."""
    from zqcnn_xp.formats.writers import find_writer, write_graph

    *sources, target = args.paths
    if not 1 <= len(sources) <= 2:
        msg = f"found {len(sources)} files before DST, expected a model, and its weights if apart"
        raise InputError(msg)
    model, weights = sources[0], sources[1] if len(sources) == 2 else None
    writer = find_writer(target, args.target)
    options = {"format": args.source, "compat": args.compat, "fold": args.fold}
    graph = read_network(model, weights, args.input_size, **options)
    paths = write_graph(
        graph,
        target,
        writer.name,
        shapes=input_shapes(graph, args.input_size),
        fold=args.fold,
        fp16=args.fp16,
        sources=files_of(model, weights),
    )
    checks = _check(args, graph, writer.name, paths) if args.check else {}
    worst = max((_worst(rows) for rows in checks.values()), default=0.0)
    good = worst <= TOLERANCE or (args.fp16 and worst < float("inf"))
    if graph.meta and writer.name not in CARRIES_META:
        note(f"{', '.join(graph.meta)} of {model}: {writer.name} has no place for it")
    files = [{"path": str(path), "bytes": path.stat().st_size} for path in paths]
    if args.json:
        print_json(
            {
                "format": writer.name,
                "files": files,
                "checks": {by: [row.to_dict() for row in rows] for by, rows in checks.items()},
                "ok": good,
            }
        )
        return 0 if good else 1
    for file in files:
        print(f"{file['path']}: {file['bytes']:,} bytes")
    for by, rows in checks.items():
        _print(by, rows)
    if checks:
        verdict = "" if good else f", which is more than rounding ({TOLERANCE:g})"
        print(f"largest difference: {worst:.3g} of the largest value{verdict}")
    return 0 if good else 1


def _worst(rows: Sequence[OutputRow]) -> float:
    found = (row.relative for row in rows)
    return max((float("inf") if value is None else value for value in found), default=0.0)


def _print(by: str, rows: Sequence[OutputRow]) -> None:
    head = ("output", "written as", "shape", "largest value", "difference")
    print_table(
        head,
        [
            (
                row.a or "-",
                row.b or "-",
                "-" if row.shape_a is None else " x ".join(map(str, row.shape_a)),
                "-" if row.largest is None else f"{row.largest:.6g}",
                "?" if row.difference is None else f"{row.difference:.3g}",
            )
            for row in rows
        ],
        title=f"against the written network, run by {by}",
        right=head[3:],
    )


def _check(
    args: argparse.Namespace, graph: Graph, format: str, paths: tuple[Path, ...]
) -> dict[str, tuple[OutputRow, ...]]:
    """Compare the outputs of the source with those of the files: by whom they were run."""
    from zqcnn_xp.compare import common_input, compare_outputs
    from zqcnn_xp.registry import get_backend
    from zqcnn_xp.session import Session

    backend = get_backend(args.backend, device=args.device)
    again = read_back(format, paths)
    x, y = common_input(graph, again, args.input_size)
    wanted = Session(graph, backend)(x)
    found = {backend.name: compare_outputs(wanted, Session(again, backend)(y))}
    if format == "onnx":
        peer = _onnxruntime(paths[0], y)
        if peer is not None:
            found["onnxruntime"] = compare_outputs(wanted, peer)
    return found


def read_back(format: str, paths: tuple[Path, ...]) -> Graph:
    """Read what `write_graph` has written."""
    if format == "code":
        graph: Graph = load_module(paths[0]).graph()
        return graph
    from zqcnn_xp.formats import read_graph

    return read_graph(*paths, format=format)


def load_module(path: Path) -> Any:
    """Import a module that this program has just written itself."""
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    class Loader(SourceFileLoader):
        def path_stats(self, path: str) -> Any:
            # Without them nothing compiled is looked for or left beside the file.
            raise OSError

    loader = Loader("zqcnn_xp_converted", str(path))
    spec = spec_from_loader(loader.name, loader)
    if spec is None:
        msg = f"{path}: cannot be imported"
        raise InputError(msg)
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def _onnxruntime(path: Path, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what ONNX Runtime computes, or None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    inputs = {source.name: given[source.name] for source in session.get_inputs()}
    return dict(zip(names, session.run(names, inputs), strict=True))
