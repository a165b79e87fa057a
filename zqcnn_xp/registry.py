"""Finding backends: plugins by entry point, and the choice among them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from typing import Any

from zqcnn_xp.backend import Availability, Backend, Choice
from zqcnn_xp.config import Setting, arguments, resolve
from zqcnn_xp.errors import BackendUnavailable, ConfigError, InputError, ZqcnnError
from zqcnn_xp.plugins import entry_points

__all__ = ["DeviceReport", "Listed", "device_report", "get_backend", "list_backends"]

GROUP = "zqcnn_xp.backends"


@dataclass(frozen=True)
class Listed:
    """One installed backend plugin: its name, and whether it can run."""

    name: str
    availability: Availability


@dataclass(frozen=True)
class DeviceReport:
    """Which backend is in force, and why.

    Parameters
    ----------
    backend, version, device
        Name, version of its array library, device.
    dtype
        Type of the activations.
    threads
        CPU threads that one call may use, or None where the library decides.
    threads_source
        Who decided that, in words: a source of the setting ``threads``, or what leaves no more
        than these (the affinity mask, the control group's quota, ``OMP_NUM_THREADS``).
    source, reason
        Where the choice came from.
    fallback
        Something better was wanted and could not be had.
    """

    backend: str
    version: str
    device: str
    dtype: str
    threads: int | None
    threads_source: str
    source: str
    reason: str
    fallback: bool


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


def _load(point: EntryPoint) -> type[Backend]:
    found = point.load()
    if not (isinstance(found, type) and issubclass(found, Backend)):
        msg = f"backend plugin {point.name!r} ({point.value}) is no subclass of Backend"
        raise ConfigError(msg)
    return found


def _loaded(points: Iterable[EntryPoint]) -> Iterable[tuple[str, type[Backend]]]:
    """Load plugins one by one; a broken one warns and does not break the rest."""
    for point in points:
        try:
            yield point.name, _load(point)
        except Exception as error:
            warnings.warn(
                f"backend plugin {point.name!r} ({point.value}) cannot be loaded: {error}",
                RuntimeWarning,
                stacklevel=3,
            )


def list_backends() -> list[Listed]:
    """Return every installed backend plugin with what it needs.

    Examples
    --------
    >>> [b.availability.ready for b in list_backends() if b.name == "numpy"]
    [True]
    """
    return [Listed(name, _probed(plugin)) for name, plugin in _loaded(_plugins().values())]


def _probed(plugin: type[Backend]) -> Availability:
    try:
        return plugin.probe()
    except Exception as error:
        return Availability(ready=False, reason=f"its probe failed: {_words(error)}")


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, ZqcnnError) else f"{type(error).__name__}: {error}"


def get_backend(
    backend: str | Backend | None = None,
    *,
    device: Any = None,
    strict: bool | None = None,
    threads: int | None = None,
    **options: Any,
) -> Backend:
    """Return the backend in force.

    Parameters
    ----------
    backend
        A name, ``"auto"``, a `Backend` (returned as it is), or None for the configured one:
        `using` > ``ZQCNN_XP_BACKEND`` > configuration file > ``"auto"``.
    device
        A device of that backend.
    strict
        Under ``"auto"``, refuse to take a lesser backend when the best one fails.
    threads
        CPU threads that it may use, 1 to 1024; None: `using` > ``ZQCNN_XP_THREADS`` >
        configuration file > what affinity, quota and ``OMP_NUM_THREADS`` allow. A backend to
        which CPU threads mean nothing takes no notice.
    **options
        Handed to the backend's constructor.

    Raises
    ------
    BackendUnavailable
        If it cannot run; says why, and the pip command.
    InputError
        If no backend has this name; lists those there are.

    Examples
    --------
    >>> get_backend("numpy").name
    'numpy'
    """
    wanted = resolve("backend", backend, "auto")
    if isinstance(wanted.value, Backend):
        if device is not None or threads is not None or options:
            msg = (
                "found a Backend together with device, threads or options, "
                "expected them in the Backend"
            )
            raise InputError(msg)
        return wanted.value
    with arguments(threads=threads):
        resolve("threads")  # a wrong number is refused here, or "auto" would blame the backends
        return _made(wanted, device, strict, options)


def _made(wanted: Setting, device: Any, strict: bool | None, options: dict[str, Any]) -> Backend:
    """Make the backend of a name."""
    if not isinstance(wanted.value, str):
        msg = f"found a backend of type {type(wanted.value).__name__}, expected a name or a Backend"
        raise InputError(msg)
    if device is None:
        # A device counts only where its source is no weaker than the one that named the backend:
        # the file's "gpu:1" is not meant for the backend of an environment variable.
        setting = resolve("device") if wanted.rank > 0 else None
        device = setting.value if setting is not None and setting.rank <= wanted.rank else None
    if wanted.value == "auto":
        refuse = bool(resolve("strict", strict, default=False).value)
        return _auto(wanted.source, device, refuse, options)
    points = _plugins()
    if wanted.value not in points:
        near = get_close_matches(wanted.value, points, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        names = ", ".join(["auto", *points])
        msg = f"found backend {wanted.value!r} ({wanted.source}), expected one of {names}{hint}"
        raise InputError(msg)
    try:
        plugin = _load(points[wanted.value])
        made = plugin(device=device, **options)
    except ZqcnnError:
        raise
    except Exception as error:
        if isinstance(error, TypeError) and options:
            msg = f"backend {wanted.value!r} refused its options {sorted(options)}: {error}"
            raise InputError(msg) from error
        msg = f"backend {wanted.value!r} cannot start: {_words(error)}"
        raise BackendUnavailable(msg) from error
    made.choice = Choice(wanted.source, f"asked for by {wanted.source}")
    return made


def _auto(source: str, device: Any, strict: bool, options: dict[str, Any]) -> Backend:
    """Take the best-scored backend that starts."""
    failed: list[str] = []
    scored: list[tuple[int, str, str, type[Backend]]] = []
    for name, plugin in _loaded(_plugins().values()):
        try:
            score, reason = plugin.auto_score()
        except Exception as error:
            failed.append(f"{name}: {_words(error)}")
            continue
        if score > 0:
            scored.append((-score, name, reason, plugin))
    for _, name, reason, plugin in sorted(scored, key=lambda s: s[:2]):
        try:
            made = plugin(device=device, **options)
        except Exception as error:
            failed.append(f"{name}: {_words(error)}")
            if strict:
                msg = f"auto would have taken {name} ({reason}), but: {_words(error)}"
                raise BackendUnavailable(msg, pip=getattr(error, "pip", None)) from error
            continue
        passed = f"; passed over {'; '.join(failed)}" if failed else ""
        made.choice = Choice(
            "auto" if source == "default" else f"auto ({source})",
            f"{reason}{passed}",
            fallback=bool(failed),
        )
        return made
    msg = f"no backend can run here ({'; '.join(failed) or 'none is installed'})"
    raise BackendUnavailable(msg)


def device_report(backend: str | Backend | None = None) -> DeviceReport:
    """Say which backend would run now (or what this one is), on what, and why.

    Examples
    --------
    >>> device_report("numpy").device
    'cpu'
    """
    made = get_backend(backend)
    choice = made.choice
    if not choice.reason:  # a Backend that its user constructed
        choice = Choice(resolve("backend", backend).source, "given as a Backend object")
    return DeviceReport(
        backend=made.name,
        version=_probed(type(made)).version or str(getattr(made.xp, "__version__", "")),
        device=str(made.device) if made.device is not None else "default",
        dtype=made.dtype,
        threads=made.threads,
        threads_source=made.thread_setting.source,
        source=choice.source,
        reason=choice.reason,
        fallback=choice.fallback,
    )
