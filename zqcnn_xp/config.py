"""Settings: argument > `using` > environment > configuration file > default.

The environment variables are ``ZQCNN_XP_BACKEND``, ``ZQCNN_XP_DEVICE``, ``ZQCNN_XP_STRICT``,
``ZQCNN_XP_THREADS`` and ``ZQCNN_XP_AUTOTUNE``. The file is ``zqcnn-xp.toml``, or the table
``[tool.zqcnn_xp]`` of ``pyproject.toml``, in the working directory or the nearest folder above it;
nothing is ever written.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from operator import index
from pathlib import Path
from typing import Any

from zqcnn_xp.errors import ConfigError, InputError, ZqcnnError

__all__ = ["Setting", "Settings", "arguments", "resolve", "using"]

# More are a slip of the pen: a library that is told to starts them all.
MAX_THREADS = 1024


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
    threads
        CPU threads to use, 1 to 1024: `zqcnn_xp.threads.thread_count`.
    autotune
        Let a backend that can (``llvm``) measure choices once, and keep what it found.
    """

    backend: Any = None
    device: Any = None
    strict: bool | None = None
    threads: int | None = None
    autotune: bool | None = None


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

    @property
    def asked(self) -> bool:
        """Whether somebody asked for this value: it is no default."""
        return self.rank < 4


# Only the default of this context: sessions hold their backend themselves.
_context: ContextVar[Settings] = ContextVar("zqcnn_xp_settings", default=Settings())  # noqa: B039
_arguments: ContextVar[Settings] = ContextVar("zqcnn_xp_arguments", default=Settings())  # noqa: B039


@contextmanager
def using(
    backend: Any = None,
    *,
    device: Any = None,
    strict: bool | None = None,
    threads: int | None = None,
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
    threads
        CPU threads for backends that are made inside: each keeps the number that it began with.

    Raises
    ------
    InputError
        If ``threads`` is no integer of 1 to 1024.

    Examples
    --------
    >>> with using(backend="numpy") as settings:
    ...     settings.backend
    'numpy'
    """
    outer = _context.get()
    given = Settings(backend, device, strict, _checked_threads(threads, "using()"))
    # A new backend does not inherit the device that was meant for the outer one.
    inherited = outer if backend is None else replace(outer, backend=None, device=None)
    token = _context.set(_merged(inherited, given))
    try:
        yield _context.get()
    finally:
        _context.reset(token)


@contextmanager
def arguments(*, threads: int | None = None) -> Iterator[None]:
    """Let settings count as arguments of everything that is called in a ``with`` block.

    For functions that take a setting on behalf of what they call, which may not know of it. None
    changes nothing.

    Raises
    ------
    InputError
        If ``threads`` is no integer of 1 to 1024.

    Examples
    --------
    >>> with arguments(threads=2):
    ...     resolve("threads")
    Setting(value=2, source='argument', rank=0)
    """
    given = Settings(threads=_checked_threads(threads, "argument"))
    token = _arguments.set(_merged(_arguments.get(), given))
    try:
        yield
    finally:
        _arguments.reset(token)


def _merged(outer: Settings, given: Settings) -> Settings:
    names = [f.name for f in fields(Settings) if getattr(given, f.name) is not None]
    return replace(outer, **{name: getattr(given, name) for name in names})


def resolve(name: str, argument: Any = None, default: Any = None) -> Setting:
    """Return a setting's value and the source that gave it.

    Raises
    ------
    ConfigError
        If a variable or a file holds a value of the wrong kind.
    InputError
        If the argument is of the wrong kind for ``"threads"``.
    """
    if argument is None:
        argument = getattr(_arguments.get(), name)
    elif name == "threads":
        argument = _checked_threads(argument, "argument")
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


def _load(path: Path) -> Mapping[str, Any]:
    try:
        held = path.stat()
        return _parsed(path, held.st_mtime_ns, held.st_size)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        msg = f"{path}: cannot be read as TOML: {error}"
        raise ConfigError(msg) from error


@lru_cache(maxsize=4)
def _parsed(path: Path, changed: int, size: int) -> Mapping[str, Any]:
    """Parse a file anew only when it has changed: a large ``pyproject.toml`` takes 1 ms."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


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
    if name in ("strict", "autotune"):
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        found = value if isinstance(value, bool) else words.get(str(value).lower())
        if found is None:
            msg = f"{source}: found {name} = {value!r}, expected true or false"
            raise ConfigError(msg)
        return found
    if name == "threads":
        digits = value.strip() if isinstance(value, str) else ""
        number = int(digits) if digits.isdecimal() and len(digits) < 9 else value
        return _checked_threads(number, source, ConfigError)
    if not isinstance(value, str):
        msg = f"{source}: found {name} = {value!r}, expected a string"
        raise ConfigError(msg)
    return value


def _checked_threads(value: Any, source: str, error: type[ZqcnnError] = InputError) -> int | None:
    """Check a number of threads; None stays None."""
    if value is None:
        return None
    try:
        number = index(value)
    except TypeError:
        number = 0
    if isinstance(value, bool) or not 1 <= number <= MAX_THREADS:
        msg = f"{source}: found threads = {value!r}, expected an integer of 1 to {MAX_THREADS}"
        raise error(msg)
    return number
