"""``zqcnn-xp backends``: which can run here, what the others miss, which one is chosen and why."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.output import print_json, print_table

__all__ = ["add", "backends"]


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command."""
    parser = commands.add_parser(
        "backends",
        parents=[common],
        help="list backends: version, devices, what is missing, which is chosen",
        description="List the installed backends, whether each can run here, and the one in force.",
    )
    parser.set_defaults(run=backends)


def backends(args: argparse.Namespace) -> int:
    """List the backends and the choice among them; 1 where none is available."""
    from zqcnn_xp.errors import BackendUnavailable
    from zqcnn_xp.registry import device_report, get_backend, list_backends

    listed = list_backends()
    chosen: dict[str, Any] | None = None
    error = ""
    try:
        chosen = asdict(device_report(get_backend(args.backend, device=args.device)))
    except BackendUnavailable as unavailable:  # the list tells the rest
        error = str(unavailable)
    if args.json:
        document: dict[str, Any] = {
            "backends": [{"name": item.name, **asdict(item.availability)} for item in listed],
            "chosen": chosen,
        }
        print_json(document | ({"error": error} if error else {}))
    else:
        rows = []
        for item in listed:
            state = item.availability
            told = not state.pip or state.pip in state.reason
            missing = state.reason if told else f"{state.reason}; {state.pip}"
            rows.append(
                (
                    "*" if chosen and chosen["backend"] == item.name else "",
                    item.name,
                    state.version or "-",
                    ", ".join(state.devices) or "-",
                    "ready" if state.ready else "not ready",
                    missing if not state.ready else state.reason,
                )
            )
        print_table(("", "backend", "version", "devices", "state", "remark"), rows)
        if chosen:
            print(f"chosen: {chosen['backend']} on {chosen['device']}")
            print(f"by: {chosen['source']}; {chosen['reason']}")
            if chosen["threads"] or chosen["threads_source"]:
                number = chosen["threads"] or "not known"
                print(f"threads: {number} ({chosen['threads_source']})")
    if error:
        import sys

        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
