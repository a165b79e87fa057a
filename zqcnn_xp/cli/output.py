"""Printing: JSON documents, tables for people, progress on long work."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "note", "print_json", "print_table", "tracked"]

PIPE_WIDTH = 240


def print_json(document: Any) -> None:
    """Print one JSON document; ASCII only, so that any encoding and any file name will do."""
    print(json.dumps(document, indent=2, allow_nan=False))


def note(message: str) -> None:
    """Print a remark to standard error."""
    print(message, file=sys.stderr)


def console(*, stderr: bool = False) -> Console:
    """Return a rich console; one that is no terminal gets width enough not to cut cells."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, emoji=False)


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str | None = None,
    right: Iterable[str] = (),
    footer: Sequence[Any] | None = None,
) -> None:
    """Print a table to standard output; ``right`` names the columns that are right-aligned."""
    if not sys.stdout.isatty():
        # Nobody's window limits it: plain lines, without what takes rich longer than a detection.
        print("\n".join(_plain_table(head, list(rows), title, set(right), footer)))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=None if title is None else Text(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_footer=footer is not None,
        pad_edge=False,
    )
    numbers = set(right)
    for index, name in enumerate(head):
        table.add_column(
            name,
            footer=Text("" if footer is None else str(footer[index])),
            justify="right" if name in numbers else "left",
            overflow="fold",
        )
    for row in rows:
        # Text, because names may hold what rich would read as markup.
        table.add_row(*(Text(str(cell)) for cell in row))
    out = console()
    # Captured, because rich would end the process itself where the reader of a pipe has left.
    with out.capture() as text:
        out.print(table)
    print(text.get(), end="")


def _plain_table(
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    title: str | None,
    right: set[str],
    footer: Sequence[Any] | None,
) -> list[str]:
    """Return the lines of a table in ASCII; cells are as wide as they need."""
    lines = [[str(cell).splitlines() or [""] for cell in row] for row in (head, *rows)]
    if footer is not None:
        lines.append([str(cell).splitlines() or [""] for cell in footer])
    widths = [max(_columns(text) for cells in lines for text in cells[k]) for k in range(len(head))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def written(cells: list[list[str]]) -> Iterator[str]:
        for k in range(max(map(len, cells))):
            texts = [cell[k] if k < len(cell) else "" for cell in cells]
            padded = [
                " " * (width - _columns(text)) + text
                if name in right
                else text + " " * (width - _columns(text))
                for name, text, width in zip(head, texts, widths, strict=True)
            ]
            yield "| " + " | ".join(padded) + " |"

    body = lines[1:] if footer is None else lines[1:-1]
    found = [] if title is None else [title]
    found += [rule, *written(lines[0]), rule]
    found += [line for cells in body for line in written(cells)]
    if footer is not None:
        found += [rule, *written(lines[-1])]
    return [*found, rule]


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: some signs take two, some none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def tracked(results: Iterator[Any], total: int, what: str) -> Iterator[Any]:
    """Yield ``results``, with a progress bar where a person looks on and there are several."""
    if total < 2 or not sys.stderr.isatty():
        yield from results
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        yield from progress.track(results, total=total)
