"""Types of arguments that several sub-commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from zqcnn_xp.errors import InputError

__all__ = [
    "PUBLISHED",
    "Commands",
    "accept_rate",
    "exit_codes",
    "finite_float",
    "finite_floats",
    "named",
    "parse_shapes",
    "positive_int",
    "probability",
]

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = object


# Said here, so that --help needs no NumPy; a test holds it against where it comes from.
PUBLISHED = "published"


def _number(kind: Callable[[str], Any], accept: Callable[[Any], bool], words: str) -> Any:
    """Return a parser for argparse that says what it expected."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not accept(value):
            raise argparse.ArgumentTypeError(f"found {text!r}, expected {words}")
        return value

    return parse


positive_int = _number(int, lambda value: value >= 1, "an integer of at least 1")
finite_float = _number(float, lambda value: abs(value) < float("inf"), "a finite number")
probability = _number(float, lambda value: 0 <= value <= 1, "a number of 0 to 1")


def finite_floats(text: str) -> float | tuple[float, ...]:
    """Parse one number for all channels, or ``1,2,3`` for each its own, for argparse.

    Examples
    --------
    >>> finite_floats("127.5"), finite_floats("104,117,123")
    (127.5, (104.0, 117.0, 123.0))
    """
    values = tuple(float(finite_float(part)) for part in text.split(","))
    return values if len(values) > 1 else values[0]


def accept_rate(text: str) -> float | str:
    """Parse a false-accept rate, or the word for the threshold of a network's authors.

    Examples
    --------
    >>> accept_rate("0.001"), accept_rate("published")
    (0.001, 'published')
    """
    return text if text == PUBLISHED else float(probability(text))


def exit_codes(failed: str = "some inputs failed") -> str:
    """Say what exit codes mean, for the end of a command's help.

    Examples
    --------
    >>> exit_codes("no crop")
    'exit codes: 0 ok, 1 no crop, 2 wrong usage, 130 interrupted, 141 the output has no reader'
    """
    return (
        f"exit codes: 0 ok, 1 {failed}, 2 wrong usage, 130 interrupted, "
        "141 the output has no reader"
    )


def named(texts: Sequence[str], names: Sequence[str], what: str) -> Mapping[str, str]:
    """Split ``[NAME=]VALUE`` texts for a network with the inputs ``names``.

    A text whose part before ``=`` is no input is taken whole where there is one input, since paths
    may hold ``=`` too.

    Raises
    ------
    InputError
        A missing, unknown or repeated name.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in names:
            if len(names) != 1:
                raise InputError(f"{what} {text!r}: expected NAME=..., one of {', '.join(names)}")
            name, value = names[0], text
        if name in found:
            raise InputError(f"{what} {text!r}: input {name!r} is given twice")
        found[name] = value
    return found


def parse_shapes(texts: Sequence[str], names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Parse ``[NAME=]1,3,112,112`` (or ``1x3x112x112``).

    Raises
    ------
    InputError
        Sizes that are no integers of at least 0, a missing or an unknown name.

    Examples
    --------
    >>> parse_shapes(["1,3,48,48"], ["data"])
    {'data': (1, 3, 48, 48)}
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, sizes in named(texts, names, "shape").items():
        parts = sizes.replace("x", ",").split(",")
        # A size of more digits overflows what any array library counts in.
        if not all(part.strip().isdecimal() and len(part) <= 9 for part in parts):
            raise InputError(f"shape {sizes!r} of {name!r}: expected sizes such as 1,3,112,112")
        shapes[name] = tuple(int(part) for part in parts)
    return shapes
