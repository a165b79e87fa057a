"""Arguments of all commands that take faces: which of an image, layouts, crops, mirrored ones."""

from __future__ import annotations

import argparse

__all__ = [
    "CHOICES",
    "FLIPS",
    "PICKS",
    "TEMPLATE_NAMES",
    "add_aligned",
    "add_face",
    "add_flip",
    "add_resize",
]

# Said here, so that --help needs no NumPy; a test holds them against the places they come from.
TEMPLATE_NAMES = ("arcface", "insightface", "sphereface", "lightcnn", "160", "dot85")
FLIPS = ("none", "sum", "concatenate")
CHOICES = ("largest", "central", "best", "all")
PICKS = (*CHOICES[:3], "only")
"""Where one face of an image is compared."""

_WORDS = {
    "largest": "the largest",
    "central": "the one nearest to the middle",
    "best": "the one of the highest score",
    "all": "each of them",
    "only": "the only one (an image of several is refused)",
}


def add_face(
    parser: argparse.ArgumentParser,
    default: str,
    choices: tuple[str, ...] = CHOICES,
    *,
    option: str = "--face",
) -> None:
    """Add which of an image's faces is taken.

    Parameters
    ----------
    parser
        Of a command.
    default
        What is taken where nothing is said.
    choices
        `CHOICES`, `PICKS`, or some of them.
    option
        What it is called.
    """
    words = (f"{name}{' (default)' * (name == default)}: {_WORDS[name]}" for name in choices)
    parser.add_argument(
        option,
        choices=choices,
        default=default,
        help=f"which face of an image is taken; {'; '.join(words)}",
    )


def add_aligned(parser: argparse.ArgumentParser) -> None:
    """Add that images are crops already, and what becomes of crops of another size."""
    parser.add_argument(
        "--aligned", action="store_true", help="the images are aligned crops: look for no faces"
    )
    add_resize(parser)


def add_resize(parser: argparse.ArgumentParser) -> None:
    """Add what becomes of crops of another size."""
    parser.add_argument(
        "--resize", action="store_true", help="bring aligned crops of another size to the network's"
    )


def add_flip(parser: argparse.ArgumentParser) -> None:
    """Add what is done with mirrored crops."""
    parser.add_argument(
        "--flip", choices=FLIPS, help="what is done with mirrored crops (default: as the card says)"
    )
