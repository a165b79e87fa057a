"""``zqcnn-xp gallery create``."""

from __future__ import annotations

import argparse

from zqcnn_xp.cli.arguments import Commands, positive_int
from zqcnn_xp.cli.galleries.arguments import add_command, add_model, embedder_for
from zqcnn_xp.cli.output import print_json
from zqcnn_xp.errors import InputError

__all__ = ["add", "create"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = add_command(
        commands,
        common,
        "create",
        "make an empty gallery",
        "It remembers the network, so that no other's features are ever compared with its own.",
        create,
    )
    add_model(parser)
    parser.add_argument(
        "--dim",
        type=positive_int,
        metavar="N",
        help="values of a feature, for a gallery that is filled without a network",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "int8"),
        default="float32",
        help="how features are stored; int8 takes a quarter of the room (default: float32)",
    )


def create(args: argparse.Namespace) -> int:
    """Make a store, and write beside it which network it is for."""
    from zqcnn_xp.gallery.store import Store

    if (args.model is None) == (args.dim is None):
        raise InputError("expected either --model or --dim")
    origin, dim = None, args.dim
    if args.model is not None:
        embedder, origin = embedder_for(args)
        dim = embedder.dim
    with Store.create(args.gallery, dim, args.dtype):
        if origin is not None:
            origin.write(args.gallery)
    model = None if origin is None else origin.model
    if args.json:
        document = {"gallery": str(args.gallery), "model": model, "dim": dim, "dtype": args.dtype}
        print_json(document)
    else:
        of = "" if model is None else f" of {model}"
        print(f"{args.gallery}: an empty gallery for {dim} {args.dtype} values{of}")
    return 0
