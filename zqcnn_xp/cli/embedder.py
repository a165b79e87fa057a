"""The embedder's settings on the command line, and the embedder they ask for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import finite_floats, positive_int
from zqcnn_xp.cli.face_arguments import TEMPLATE_NAMES
from zqcnn_xp.cli.networks import image_size
from zqcnn_xp.errors import InputError, ShapeError

if TYPE_CHECKING:
    from zqcnn_xp.pipelines.embedding import Embedder

__all__ = ["SETTINGS", "add_embedder", "make_embedder", "said_as_options"]

SETTINGS = ("template", "color", "mean", "scale", "size", "output", "transposed")
"""What the command line may say about how a network is fed."""

# The library's words for arguments, where a message asks for them, and the command line's.
_WORDS = (
    (r"resize=True \(--resize\)", "--resize"),
    (r"aligned=True", "--aligned"),
    (r"recipe=, a Recipe or a card's name", "--recipe CARD"),
    (r"size=\(height, width\)", "--size HEIGHTxWIDTH"),
    (r"pick= chooses", "--face chooses"),
    (r"recipe='([^']*)'", r"--recipe \1"),
    (r"(color|mean|scale|output|recipe|threshold)=(?=[,; )]|$)", r"--\1"),
)


def add_embedder(
    parser: argparse.ArgumentParser, *, default: str | None = None, compat: str = "--compat"
) -> None:
    """Add what says which network makes features, and how it is fed.

    Parameters
    ----------
    parser
        Of a command.
    default
        The model that is taken where none is named.
    compat
        Option for files of ZQCNN; commands that have a detector have a ``--compat`` for that.
    """
    group = parser.add_argument_group("network")
    group.add_argument(
        "--model",
        nargs="+",
        metavar="FILE",
        default=[default] if default else None,
        help="name of a model card, or MODEL [WEIGHTS]"
        + (f" (default: {default})" if default else ""),
    )
    group.add_argument(
        "--recipe", metavar="CARD", help="feed a network from files as this card says"
    )
    group.add_argument("--color", choices=("rgb", "bgr", "gray"), help="what the network wants")
    each = "one number, or one a channel: 104,117,123"
    group.add_argument(
        "--mean", type=finite_floats, metavar="X", help=f"subtracted from 0 to 255; {each}"
    )
    group.add_argument(
        "--scale", type=finite_floats, metavar="X", help="multiplied with, after it; likewise"
    )
    group.add_argument(
        "--transposed",
        action="store_true",
        default=None,
        help="the network wants rows and columns exchanged",
    )
    group.add_argument(
        "--template",
        choices=TEMPLATE_NAMES,
        help="layout that faces are aligned to (default: the card's, or that of the size)",
    )
    group.add_argument("--size", type=image_size, metavar="HxW", help="of the crops, in pixels")
    group.add_argument("--output", metavar="BLOB", help="the blob that is the embedding")
    group.add_argument(
        compat,
        dest="model_compat",
        choices=("zqcnn",),
        help="read files of ZQCNN as the original runs them",
    )
    group.add_argument("--batch", type=positive_int, metavar="N", help="images at once")


def make_embedder(args: argparse.Namespace, *, flip: str | None = None) -> Embedder:
    """Make the embedder that the arguments describe.

    Parameters
    ----------
    args
        The command line.
    flip
        What is done with mirrored crops; None leaves it to the card.

    Raises
    ------
    InputError
        If they name no network, or over two files.
    """
    from zqcnn_xp.pipelines.embedding import Embedder
    from zqcnn_xp.registry import get_backend

    if not args.model:
        raise InputError("expected --model, the network that makes features")
    if len(args.model) > 2:
        raise InputError(f"--model: found {len(args.model)} files, expected MODEL [WEIGHTS]")
    changes: dict[str, Any] = {
        name: getattr(args, name)
        for name in (*SETTINGS, "batch")
        if getattr(args, name) is not None
    }
    if flip is not None:
        changes["flip"] = flip
    with said_as_options(args):
        return Embedder(
            *args.model,
            backend=get_backend(args.backend, device=args.device),
            recipe=args.recipe,
            options=None if args.model_compat is None else {"compat": args.model_compat},
            **changes,
        )


@contextmanager
def said_as_options(args: argparse.Namespace) -> Iterator[None]:
    """Let errors name options where the library names arguments of Python.

    Parameters
    ----------
    args
        The command line.

    Raises
    ------
    InputError, ShapeError
        What was raised, in the words of the command line.
    """
    try:
        yield
    except (InputError, ShapeError) as error:
        words = str(error)
        for pattern, option in _WORDS:
            words = re.sub(rf"(?<=[ (]){pattern}", option, words)
        if args.model:
            words = words.replace("give weights=", f"give --model {args.model[0]} FILE")
        error.args = (words,)
        raise
