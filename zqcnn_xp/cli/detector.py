"""The detector's settings on the command line, and the detector they ask for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import positive_int, probability
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from zqcnn_xp.pipelines import MTCNN

__all__ = ["add_detector", "make_detector"]

_NETS = {
    "pnet": "proposal",
    "rnet": "refinement",
    "onet": "output",
    "lnet": "landmark",
}


def add_detector(parser: argparse.ArgumentParser) -> None:
    """Add the detector's options; what is not given is left to its own defaults."""
    group = parser.add_argument_group("detector")
    group.add_argument(
        "--min-face",
        type=positive_int,
        metavar="PIXELS",
        help="side of the smallest face looked for; larger is much quicker (default: 20)",
    )
    group.add_argument(
        "--thresholds",
        nargs=3,
        type=probability,
        metavar=("P", "R", "O"),
        help="scores that pass each network (default: 0.6 0.7 0.7)",
    )
    group.add_argument(
        "--nms-thresholds",
        nargs=3,
        type=probability,
        metavar=("P", "R", "O"),
        help="overlap at which the weaker of two boxes goes (default: 0.7 0.7 0.7; "
        "with --compat: 0.4 0.5 0.5)",
    )
    group.add_argument("--compat", choices=["zqcnn"], help="reproduce the original's rules")
    for name, words in _NETS.items():
        group.add_argument(
            f"--{name}",
            nargs="+",
            metavar="FILE",
            help=f"{words} network: MODEL [WEIGHTS]"
            + (" (default: none)" if name == "lnet" else ""),
        )
    group.add_argument("--pnet-size", type=positive_int, metavar="N", help="its window (12 or 20)")
    group.add_argument("--pnet-stride", type=positive_int, metavar="N", help="its step (2 or 4)")
    group.add_argument(
        "--big-faces", action="store_true", help="look more finely for faces that fill the image"
    )
    group.add_argument(
        "--blur",
        action="store_const",
        const="auto",
        help="blur large images before small faces are looked for",
    )


def make_detector(args: argparse.Namespace, threads: int = 1, **changes: Any) -> MTCNN:
    """Make the detector that the arguments describe; ``threads`` work on one image.

    Parameters
    ----------
    args
        With the arguments of `add_detector`.
    threads
        As in `MTCNN`.
    **changes
        Options of `MTCNN` that count instead of the arguments.

    Raises
    ------
    InputError
        Some of the three networks are given and others are not, or one has over two files.
    """
    options: dict[str, Any] = {"big_faces": args.big_faces, "threads": threads}
    for name in ("min_face", "compat", "pnet_size", "pnet_stride", "blur"):
        value = getattr(args, name)
        if value is not None:
            options[name] = value
    for name in ("thresholds", "nms_thresholds"):
        values = getattr(args, name)
        if values is not None:
            options[name] = tuple(values)
    given = [name for name in _NETS if getattr(args, name) is not None]
    missing = [f"--{name}" for name in ("pnet", "rnet", "onet") if name not in given]
    if given and missing:
        raise InputError(f"found --{given[0]}, expected {' and '.join(missing)} with it")
    for name in given:
        paths = getattr(args, name)
        if len(paths) > 2:
            raise InputError(f"--{name}: found {len(paths)} files, expected MODEL [WEIGHTS]")
        options[name] = tuple(paths) if len(paths) == 2 else paths[0]

    from zqcnn_xp.pipelines import MTCNN
    from zqcnn_xp.registry import get_backend

    return MTCNN(backend=get_backend(args.backend, device=args.device), **options | changes)
