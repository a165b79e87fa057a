"""Attributes of a layer, strings in the file, as numbers: checked, and named where they fail."""

from __future__ import annotations

from math import isfinite

from zqcnn_xp.formats.onnx.call import Call

__all__ = ["boolean", "choice", "floats", "integer", "integers", "number", "text"]

_TRUE, _FALSE = ("true", "1", "True"), ("false", "0", "False")
_LONGEST = 1 << 16


def text(call: Call, name: str, default: str) -> str:
    """Return an attribute as it is."""
    value: str = call.attribute(name, "string", default)
    return value


def choice(call: Call, name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return one of a few words."""
    value = text(call, name, default).strip()
    if value.lower() not in allowed:
        listed = " or ".join(map(repr, allowed))
        raise call.error(f"attribute {name!r} = {value[:40]!r}", listed)
    return value.lower()


def boolean(call: Call, name: str, default: bool) -> bool:
    """Return a truth value."""
    value = text(call, name, _TRUE[0] if default else _FALSE[0]).strip()
    if value not in _TRUE + _FALSE:
        raise call.error(f"attribute {name!r} = {value[:40]!r}", "'true' or 'false'")
    return value in _TRUE


def integers(call: Call, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Return a list of integers; without a default the attribute has to be there."""
    if default is not None and not call.has(name):
        call.ignore(name)
        return default
    words = _words(call, name)
    try:
        values = tuple(int(word) for word in words)
    except ValueError as error:
        shown = text(call, name, "")[:40]
        raise call.error(f"attribute {name!r} = {shown!r}", "integers") from error
    if any(abs(value) >= 1 << 63 for value in values):
        raise call.error(f"attribute {name!r} beyond 64 bits", "smaller integers")
    return values


def integer(call: Call, name: str, default: int | None = None) -> int:
    """Return one integer."""
    values = integers(call, name, None if default is None else (default,))
    if len(values) != 1:
        raise call.error(f"attribute {name!r} of {len(values)} numbers", "one")
    return values[0]


def floats(call: Call, name: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
    """Return a list of finite numbers."""
    if default is not None and not call.has(name):
        call.ignore(name)
        return default
    try:
        values = tuple(float(word) for word in _words(call, name))
    except ValueError as error:
        shown = text(call, name, "")[:40]
        raise call.error(f"attribute {name!r} = {shown!r}", "numbers") from error
    if not all(map(isfinite, values)):
        raise call.error(f"attribute {name!r} = {values[:4]}", "finite numbers")
    return values


def number(call: Call, name: str, default: float | None = None) -> float:
    """Return one finite number."""
    values = floats(call, name, None if default is None else (default,))
    if len(values) != 1:
        raise call.error(f"attribute {name!r} of {len(values)} numbers", "one")
    return values[0]


def _words(call: Call, name: str) -> list[str]:
    if not call.has(name):
        raise call.error(f"no attribute {name!r}", "one")
    value = text(call, name, "")
    if len(value) > _LONGEST:
        raise call.error(
            f"attribute {name!r} of {len(value):,} characters", f"at most {_LONGEST:,}"
        )
    # int() and float() take underscores and digits of other scripts; the format does not.
    if "_" in value or not value.isascii():
        raise call.error(f"attribute {name!r} = {value[:40]!r}", "plain numbers")
    return [word for word in value.replace(",", " ").split() if word]
