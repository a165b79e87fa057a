"""A comparison as plain types for JSON, and as the cells of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from zqcnn_xp.bench.pairs import Comparison, Side

__all__ = ["cells", "document", "head", "markdown", "verdicts"]


def document(found: Comparison) -> dict[str, Any]:
    """Return sides and ratios as plain types.

    Ratios are our time divided by the peer's: below 1 we are quicker.
    """
    best = found.best_peer()
    sides = [asdict(side) for side in found.sides]
    for side in sides:
        if side["difference"] == float("inf"):
            side["difference"] = None  # JSON has no infinity; the state says it
    return {
        "sides": sides,
        "ratios": [
            {"backend": one, "peer": other, **asdict(ratio)}
            for (one, other), ratio in found.ratios().items()
        ],
        "best_peer": None if best is None else best.name,
    }


def head(found: Comparison) -> list[str]:
    """Return the columns' names."""
    ours = [f"{side.name} / it" for side in found.sides if side.ours]
    return ["runtime", "ms, median (p10-p90)", *ours, "difference", "first result s"]


def cells(found: Comparison, side: Side) -> list[str]:
    """Return the row of one side."""
    ratios = found.ratios()
    pairs = [(one.name, side.name) for one in found.sides if one.ours]
    return [
        f"{side.name} {side.version}".rstrip(),
        side.state if side.times is None else str(side.times),
        *(str(ratios[pair]) if pair in ratios else "-" for pair in pairs),
        "-" if side.difference is None else f"{side.difference:.1e}",
        "-" if side.ready_s is None else f"{side.ready_s:.2f}",
    ]


def verdicts(found: Comparison) -> list[str]:
    """Return a sentence for each of our backends, and one for each side that was not timed."""
    lines = []
    best = found.best_peer()
    ratios = found.ratios()
    for side in found.sides:
        if side.times is None:
            lines.append(f"{side.name}: {side.state}: {side.message}")
        elif side.ours and best is not None:
            ratio = ratios[side.name, best.name]
            lines.append(f"{side.name} takes {ratio} of the time of {best.name}, the best peer")
    return lines


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return a table in Markdown.

    Examples
    --------
    >>> print(markdown(["net", "ms"], [["a|b", "1.5"]]))
    | net | ms |
    |---|---|
    | a\|b | 1.5 |
    """
    lines = [columns, ["---"] * len(columns), *rows]
    text = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    text[1] = text[1].replace(" ", "")
    return "\n".join(text)
