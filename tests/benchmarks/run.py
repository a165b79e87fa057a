"""Measure our backends against other runtimes, and MTCNN end to end; print Markdown.

    python tests/benchmarks/run.py [--threads 1] [--quick] [--backends numpy,jax] [--out FILE]

Peers get the same network, as an ONNX file that we write, and the same input; outputs are
compared before anything is timed. A ratio above 1 means that we are quicker.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a rough table within a minute")
    parser.add_argument("--backends", default="numpy,jax")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--out", type=Path, help="write the tables there, too")
    args = parser.parse_args()
    sys.path.insert(0, str(HERE))
    from timing import pin

    pin(args.threads)
    from endtoend import detector_table
    from machine import describe
    from nets_table import network_table

    rounds = 3 if args.quick else 12
    names = args.backends.split(",")
    parts = [describe(args.threads, sys.argv[1:])]
    parts.append(network_table(args.data / "zqcnn", names, args.threads, rounds, args.quick))
    parts.append(detector_table(args.data, names, args.threads, rounds))
    text = "\n\n".join(parts) + "\n"
    sys.stdout.write(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
