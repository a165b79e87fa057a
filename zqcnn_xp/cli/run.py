"""``zqcnn-xp run``: arrays in, arrays out, through any network file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands, named
from zqcnn_xp.cli.info import add_model, model_options
from zqcnn_xp.cli.output import note, print_json, print_table
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.report import Trace

__all__ = ["add", "run"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "run",
        parents=[common],
        help="run a network on an array from a .npy file",
        description="Run a network on float32 arrays, N x C x H x W, and write its outputs.",
    )
    add_model(parser)
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="[INPUT=]X.npy",
        help="array of an input; once for each input of the network",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="Y.npz", help="where the outputs go"
    )
    parser.add_argument(
        "--outputs",
        nargs="+",
        metavar="BLOB",
        help="blobs to compute, separated by spaces or commas; default: the network's outputs",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "float16", "bfloat16"),
        default="float32",
        help="type of weights and activations; the error against float32 is shown",
    )
    parser.add_argument(
        "--trace", action="store_true", help="also show the time and mul-adds of every layer"
    )
    parser.set_defaults(run=run)


def _load(path: str) -> Any:
    """Read a .npy file as float32, without trusting its header."""
    import numpy as np

    try:
        with Path(path).open("rb") as file:
            start = file.read(16)
        if not start.startswith((b"\x93NUMPY", b"PK")):
            # NumPy would call it a pickle, and name the option that makes it run one.
            raise InputError(
                f"{path}: cannot be read: found a file that begins with {start!r}, "
                "expected a .npy file"
            )
        # Mapping checks the claimed size against the file before anything is allocated.
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file, expected a .npy file") from error
    except InputError:
        raise
    except Exception as error:  # NumPy leaks ValueError, EOFError, SyntaxError, OverflowError ...
        raise InputError(
            f"{path}: cannot be read as a .npy file of numbers: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(mapped, np.ndarray):
        mapped.close()
        raise InputError(f"{path}: found a .npz archive, expected a .npy file; one --input each")
    if mapped.dtype.kind not in "fiu":
        raise InputError(f"{path}: found dtype {mapped.dtype}, expected float32")
    if mapped.dtype != np.float32:
        note(f"{path}: {mapped.dtype} is converted to float32")
    with np.errstate(over="ignore"):  # becomes infinity, which the next check names
        array = np.array(mapped, np.float32)
    if not np.isfinite(array).all():
        raise InputError(
            f"{path}: found NaN or infinity in an array of shape {array.shape}, "
            "expected finite float32 numbers"
        )
    return array


def _save(path: Path, arrays: dict[str, Any]) -> None:
    """Write a .npz archive; `numpy.savez` would take a blob called ``file`` for its argument."""
    import zipfile

    import numpy as np

    from zqcnn_xp.cli.files import writing

    with writing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def run(args: argparse.Namespace) -> int:
    """Run the network once and write what it gives."""
    from time import perf_counter

    from zqcnn_xp.session import Session, load

    if args.out.suffix.lower() != ".npz":
        raise InputError(f"--out {args.out}: expected a name that ends in .npz")
    session = load(
        args.model, args.weights, backend=args.backend, device=args.device, **model_options(args)
    )
    names = [source.name for source in session.graph.inputs]
    inputs = {name: _load(path) for name, path in named(args.input, names, "--input").items()}
    blobs = None
    if args.outputs is not None:
        blobs = [name for text in args.outputs for name in text.split(",") if name]
    report = None
    if args.precision != "float32":
        exact = session
        session = Session(
            exact.graph,
            exact.backend,
            fold=exact.fold,
            precision=args.precision,
            calibration=inputs,
        )
        report = session.precision_report(inputs)
    start = perf_counter()
    outputs = session(inputs, outputs=blobs)
    seconds = perf_counter() - start
    trace = session.trace(inputs) if args.trace else None
    _save(args.out, outputs)
    summary = [
        {"name": name, "shape": list(y.shape), "dtype": str(y.dtype)} for name, y in outputs.items()
    ]
    if args.json:
        print_json(
            {
                "backend": session.backend.name,
                "seconds": round(seconds, 6),
                "out": str(args.out),
                "outputs": summary,
                "precision": args.precision,
                "precision_report": None if report is None else report.to_dict(),
                "trace": None if trace is None else trace.to_dict(),
            }
        )
        return 0
    if trace is not None:
        _print_trace(trace)
    rows = [(name, " x ".join(map(str, y.shape)), *_range(y)) for name, y in outputs.items()]
    print_table(("blob", "shape", "min", "mean", "max"), rows, right=("min", "mean", "max"))
    count = "1 array" if len(rows) == 1 else f"{len(rows)} arrays"
    # A first call also compiles and plans: nobody should take it for the network's speed.
    took = f"{seconds * 1e3:.1f} ms for the first call"
    print(f"{args.out}: {count} by {session.backend.name}, {took}")
    if report is not None:
        print(report)
    return 0


def _print_trace(trace: Trace) -> None:
    """Print a row a layer, with its kernel where the backend names one."""
    kernels = any(row.kernel for row in trace.rows)
    head = ("layer", "type", "output", "ms", "mul-adds", *(("kernel",) if kernels else ()))
    rows = [
        (
            row.name,
            row.type,
            " x ".join(map(str, row.shape)),
            f"{row.seconds * 1e3:.3f}",
            f"{row.muladds:,}",
            *((row.kernel,) if kernels else ()),
        )
        for row in trace.rows
    ]
    total = ("total", "", "", f"{trace.seconds * 1e3:.3f}", f"{trace.muladds:,}")
    footer = (*total, "") if kernels else total
    print_table(head, rows, right=("ms", "mul-adds"), footer=footer)


def _range(y: Any) -> tuple[str, str, str]:
    if not y.size:
        return "-", "-", "-"
    return f"{y.min():.6g}", f"{y.mean():.6g}", f"{y.max():.6g}"
