"""Arguments that several gallery commands take, and what they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zqcnn_xp.cli.arguments import (
    Commands,
    accept_rate,
    exit_codes,
    finite_float,
    positive_int,
)
from zqcnn_xp.cli.embedder import add_embedder, make_embedder, said_as_options
from zqcnn_xp.cli.face_arguments import add_flip
from zqcnn_xp.errors import InputError, StoreError

if TYPE_CHECKING:
    from zqcnn_xp.gallery.origin import Origin
    from zqcnn_xp.gallery.store import Store
    from zqcnn_xp.pipelines.embedding import Embedder

__all__ = [
    "GALLERY_CODES",
    "Opened",
    "add_command",
    "add_copy_to",
    "add_decision",
    "add_limit",
    "add_model",
    "add_threshold",
    "copy_gallery",
    "embedder_for",
    "opened",
    "photo_threads",
    "scan_options",
    "threshold_for",
]


GALLERY_CODES = exit_codes("the gallery is missing, empty or damaged, or some photos failed")


class Opened(NamedTuple):
    """A gallery on disk."""

    store: Store
    origin: Origin | None


def add_command(
    commands: Commands,
    common: argparse.ArgumentParser,
    name: str,
    words: str,
    more: str,
    run: Any,
) -> argparse.ArgumentParser:
    """Describe a command that takes a gallery."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        parents=[common],
        help=words,
        description=f"{words[0].upper()}{words[1:]}. {more}",
        epilog=GALLERY_CODES,
    )
    parser.add_argument("gallery", metavar="GALLERY", type=Path, help="its folder")
    parser.set_defaults(run=run)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add what says which network makes features; without --model the gallery's own does."""
    add_embedder(parser, compat="--model-compat")
    add_flip(parser)


def add_limit(parser: argparse.ArgumentParser, default: int, what: str) -> None:
    """Add how many results are kept."""
    parser.add_argument(
        "--limit",
        type=positive_int,
        metavar="N",
        default=default,
        help=f"{what} (default: {default})",
    )


def add_threshold(
    parser: argparse.ArgumentParser, words: str, default: float | None = None
) -> None:
    """Add a similarity."""
    parser.add_argument(
        "--threshold", type=finite_float, metavar="SIMILARITY", default=default, help=words
    )


def add_decision(parser: argparse.ArgumentParser) -> None:
    """Add what decides whether two faces are one person."""
    add_threshold(parser, "from which two faces are one person (default: the network's own)")
    parser.add_argument(
        "--far",
        type=accept_rate,
        metavar="RATE",
        help="take the network's threshold at this false-accept rate, or the published one of its "
        "authors (default: 0.001, else published)",
    )


def add_copy_to(parser: argparse.ArgumentParser, what: str) -> None:
    """Add where a cleaned copy goes; galleries are only ever appended to."""
    parser.add_argument(
        "--copy-to", type=Path, metavar="NEW", help=f"write a copy of the gallery without {what}"
    )


@contextmanager
def opened(args: argparse.Namespace, mode: str = "r") -> Iterator[Opened]:
    """Open the gallery of a command."""
    from zqcnn_xp.gallery.origin import Origin
    from zqcnn_xp.gallery.store import Store

    with Store.open(args.gallery, mode) as store:
        yield Opened(store, Origin.read(args.gallery))


def embedder_for(args: argparse.Namespace, origin: Origin | None = None) -> tuple[Embedder, Origin]:
    """Make the embedder that the arguments or the gallery name, with its origin.

    Raises
    ------
    InputError
        If neither names one.
    StoreError
        If the gallery's features are of another.
    """
    from zqcnn_xp.gallery.origin import ORIGIN_FILE, Origin
    from zqcnn_xp.pipelines.embedding import Recipe

    asked = args
    if args.model is None:
        if origin is None:
            raise InputError(f"{args.gallery}: found no record of a network, expected --model")
        asked = argparse.Namespace(**vars(args))
        asked.model = [file for file in (origin.model, origin.weights) if file]
        try:
            asked.recipe = Recipe(**origin.recipe)
        except TypeError as error:
            place = str(args.gallery / ORIGIN_FILE)
            raise StoreError(place, "recipe", f"{error}"[:200], "what a network is fed") from None
        asked.model_compat = args.model_compat or origin.compat or None
    embedder = make_embedder(asked, flip=args.flip)
    made = Origin.of(embedder, *asked.model, compat=asked.model_compat or "")
    if origin is not None:
        origin.check(made, args.gallery)
    return embedder, made


def threshold_for(args: argparse.Namespace, embedder: Embedder) -> float:
    """Return the similarity from which two faces are one person.

    Raises
    ------
    InputError
        If none is given, and the network's card knows none.
    """
    from zqcnn_xp.pipelines.embedding.thresholds import find_point

    if args.threshold is not None:
        return float(args.threshold)
    with said_as_options(args):
        point = find_point(embedder, args.far)
    if point is not None:
        return float(point.threshold)
    raise InputError(f"found no threshold for {embedder.name}, expected --threshold SIMILARITY")


def scan_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of scans."""
    from zqcnn_xp.registry import get_backend

    return {"backend": get_backend(args.backend, device=args.device), "threads": args.threads}


def photo_threads() -> int:
    """Return how many photos are looked at at the same time: what was asked for, else 1."""
    from zqcnn_xp.threads import thread_setting

    setting = thread_setting()
    return int(setting.value) if setting.asked else 1


def copy_gallery(found: Opened, rows: Any, folder: Path) -> int:
    """Copy some rows into a new gallery; return how many."""
    with found.store.copy(folder, rows) as copy:
        if found.origin is not None:
            found.origin.write(folder)
        return len(copy)
