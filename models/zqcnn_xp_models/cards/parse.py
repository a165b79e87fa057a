"""A card's text, checked key by key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from zqcnn_xp.errors import FormatError
from zqcnn_xp_models.card import Card, CardFile, OperatingPoint

__all__ = ["parse_card"]

LARGEST = 1 << 32
"""Bytes that a file of a card may have."""

_KEYS = {
    "": "name task summary format home licence package files preprocessing outputs figures note "
    "compat default builder operating_points",
    "licence": "name source commercial terms",
    "package": "pip module",
    "files": "role path bytes sha256 parameters url",
    "operating_points": "threshold dataset protocol source far tar flip",
}


def parse_card(file: str, text: str) -> Card:
    """Turn a card's text into a record.

    Parameters
    ----------
    file
        The card's file name, for messages; without its end it has to be the model's name.
    text
        TOML.

    Raises
    ------
    FormatError
        Naming the key that is missing, unknown, of the wrong type or of a wrong value.
    """
    try:
        return _card(file, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise FormatError(file, "", f"no TOML ({error})", "a model card") from error
    except KeyError as error:
        raise FormatError(file, "", f"no key {error}", "a model card with it") from error
    except (TypeError, ValueError) as error:
        raise FormatError(file, "", str(error), "a model card") from error


def _card(file: str, table: Mapping[str, Any]) -> Card:
    _known(table, "")
    licence = _table(table, "licence")
    package = _table(table, "package", {})
    name = _typed(table["name"], str)
    if file != f"{name}.toml":
        raise ValueError(f"name {name!r} in the file {file!r}")
    card = Card(
        name=name,
        task=_typed(table["task"], str),
        summary=_typed(table["summary"], str),
        format=_typed(table["format"], str),
        licence=_typed(licence["name"], str),
        licence_source=_typed(licence["source"], str),
        commercial=_typed(licence["commercial"], bool),
        terms=_typed(licence.get("terms", ""), str),
        home=_typed(table["home"], str),
        pip=_typed(package.get("pip", ""), str),
        module=_typed(package.get("module", ""), str),
        files=tuple(_file(entry) for entry in _typed(table["files"], list)),
        preprocessing=_typed(table["preprocessing"], dict),
        outputs=_typed(table["outputs"], dict),
        figures=_typed(table.get("figures", {}), dict),
        note=_typed(table.get("note", ""), str),
        compat=_typed(table.get("compat", ""), str),
        default=_typed(table.get("default", False), bool),
        builder=_typed(table.get("builder", ""), str),
        operating_points=tuple(
            _point(entry) for entry in _typed(table.get("operating_points", []), list)
        ),
    )
    if not re.fullmatch(r"([a-z]\w*:[\w.-]+)?", card.builder):
        raise ValueError(f"builder {card.builder!r}, which is no module:variant")
    if bool(card.pip) != bool(card.module):
        raise ValueError("package.pip or package.module alone, where both belong")
    _consistent(card)
    return card


def _file(entry: Any) -> CardFile:
    table = _typed(entry, dict)
    _known(table, "files")
    file = CardFile(
        role=_typed(table["role"], str),
        path=_typed(table["path"], str),
        size=_typed(table["bytes"], int),
        sha256=_typed(table["sha256"], str),
        parameters=_typed(table.get("parameters", 0), int),
        url=_typed(table.get("url", ""), str),
    )
    # A path leads into a folder of a package, and its last part becomes a name in the cache.
    parts = PurePosixPath(file.path).parts
    if not parts or ".." in parts or not re.fullmatch(r"[\w.+-]+(/[\w.+-]+)*", file.path):
        raise ValueError(f"path {file.path!r}, which leads elsewhere")
    if not re.fullmatch("[0-9a-f]{64}", file.sha256):
        raise ValueError(f"sha256 {file.sha256!r}, which has not 64 hexadecimal digits")
    if not 0 < file.size <= LARGEST:
        raise ValueError(f"bytes = {file.size}, which is not 1 to {LARGEST}")
    if not re.fullmatch(r"(https?://[^\s?#]+)?", file.url):
        raise ValueError(f"url {file.url!r}, which is not http(s)")
    return file


def _point(entry: Any) -> OperatingPoint:
    table = _typed(entry, dict)
    _known(table, "operating_points")
    shares = {name: _typed(table[name], float) for name in ("far", "tar") if name in table}
    point = OperatingPoint(
        threshold=_typed(table["threshold"], float),
        dataset=_typed(table["dataset"], str),
        protocol=_typed(table["protocol"], str),
        source=_typed(table["source"], str),
        flip=_typed(table.get("flip", "none"), str),
        **shares,
    )
    if not -1 <= point.threshold <= 1:
        raise ValueError(f"threshold = {point.threshold}, which is no cosine")
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} = {share}, which is no share")
    if point.flip not in ("none", "sum", "concatenate"):
        raise ValueError(f"flip {point.flip!r}, which is no flip rule")
    return point


def _consistent(card: Card) -> None:
    roles = [file.role for file in card.files]
    names = [file.name.lower() for file in card.files]
    for what, items in (("role", roles), ("file name", names)):
        twice = {item for item in items if items.count(item) > 1}
        if twice:
            raise ValueError(f"{what} {min(twice)!r} more than once")
    lost = [role for role in roles if role.partition(".")[0] not in roles]
    if lost:
        raise ValueError(f"{lost[0]!r} without its network")


def _table(table: Mapping[str, Any], key: str, default: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = _typed(table[key] if default is None else table.get(key, default), dict)
    _known(found, key)
    return found


def _known(table: Mapping[str, Any], key: str) -> None:
    unknown = sorted(table.keys() - _KEYS[key].split())
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}")


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} where a {kind.__name__} belongs")
    return value
