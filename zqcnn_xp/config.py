"""Settings: argument > `using` > environment > configuration file > default.

The environment variables are ``ZQCNN_XP_BACKEND``, ``ZQCNN_XP_DEVICE`` and ``ZQCNN_XP_STRICT``.
The file is ``zqcnn-xp.toml``, or the table ``[tool.zqcnn_xp]`` of ``pyproject.toml``, in the
working directory or the nearest folder above it; nothing is ever written.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from zqcnn_xp.errors import ConfigError

__all__ = ["Setting", "Settings", "resolve", "using"]


@dataclass(frozen=True)
class Settings:
    """What can be configured; None leaves the decision to the next source.

    Parameters
    ----------
    backend
        Name of a backend, or ``"auto"``.
    device
        A device of that backend: ``"cpu"``, ``"gpu:1"``, ...
    strict
        Refuse to fall back to another backend or device.
    """

    backend: Any = None
    device: Any = None
    strict: bool | None = None


@dataclass(frozen=True)
class Setting:
    """One resolved value and the source that gave it.

    Parameters
    ----------
    value
        The value.
    source
        In words: ``"argument"``, ``"using()"``, a variable's or a file's name, ``"default"``.
    rank
        Place of the source in the order of precedence: 0 for an argument up to 4 for a default.
    """

    value: Any
    source: str
    rank: int


# Only the default of this context: sessions hold their backend themselves.
_context: ContextVar[Settings] = ContextVar("zqcnn_xp_settings", default=Settings())  # noqa: B039


@contextmanager
def using(
    backend: Any = None, *, device: Any = None, strict: bool | None = None
) -> Iterator[Settings]:
    """Set defaults for the body of a ``with`` block, in this thread or task alone.

    Parameters
    ----------
    backend
        Name of a backend, or a `Backend`.
    device
        A device of that backend.
    strict
        Refuse any fallback.

    Examples
    --------
    >>> with using(backend="numpy") as settings:
    ...     settings.backend
    'numpy'
    """
    outer = _context.get()
    given = Settings(backend, device, strict)
    # A new backend does not inherit the device that was meant for the outer one.
    inherited = outer if backend is None else Settings(strict=outer.strict)
    merged = Settings(
        **{
            f.name: getattr(inherited, f.name)
            if getattr(given, f.name) is None
            else getattr(given, f.name)
            for f in fields(Settings)
        }
    )
    token = _context.set(merged)
    try:
        yield merged
    finally:
        _context.reset(token)


def resolve(name: str, argument: Any = None, default: Any = None) -> Setting:
    """Return a setting's value and the source that gave it.

    Raises
    ------
    ConfigError
        If a variable or a file holds a value of the wrong kind.
    """
    if argument is not None:
        return Setting(argument, "argument", 0)
    held = getattr(_context.get(), name)
    if held is not None:
        return Setting(held, "using()", 1)
    variable = f"ZQCNN_XP_{name.upper()}"
    text = os.environ.get(variable, "")
    if text:
        return Setting(_parse(name, text, variable), variable, 2)
    path, table = _file()
    if name in table:
        return Setting(_parse(name, table[name], str(path)), str(path), 3)
    return Setting(default, "default", 4)


def _file() -> tuple[Path | None, Mapping[str, Any]]:
    """Find the nearest configuration, checking its keys."""
    try:
        folder = Path.cwd()
    except FileNotFoundError:  # the working directory was removed
        return None, {}
    for parent in (folder, *folder.parents):
        own = parent / "zqcnn-xp.toml"
        if own.exists():
            return own, _checked(own, _load(own))
        project = parent / "pyproject.toml"
        if project.exists():
            tool = _load(project).get("tool")
            table = tool.get("zqcnn_xp") if isinstance(tool, dict) else None
            if table is not None:
                return project, _checked(project, table)
    return None, {}


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        msg = f"{path}: cannot be read as TOML: {error}"
        raise ConfigError(msg) from error


def _checked(path: Path, table: Any) -> Mapping[str, Any]:
    known = [f.name for f in fields(Settings)]
    if not isinstance(table, dict):
        msg = f"{path}: found tool.zqcnn_xp = {table!r}, expected a table"
        raise ConfigError(msg)
    unknown = sorted(set(table) - set(known))
    if unknown:
        msg = f"{path}: found settings {', '.join(unknown)}, expected {', '.join(known)}"
        raise ConfigError(msg)
    found: Mapping[str, Any] = table
    return found


def _parse(name: str, value: Any, source: str) -> Any:
    if name == "strict":
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        found = value if isinstance(value, bool) else words.get(str(value).lower())
        if found is None:
            msg = f"{source}: found strict = {value!r}, expected true or false"
            raise ConfigError(msg)
        return found
    if not isinstance(value, str):
        msg = f"{source}: found {name} = {value!r}, expected a string"
        raise ConfigError(msg)
    return value
