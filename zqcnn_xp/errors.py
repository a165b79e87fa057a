"""Every error this library raises on purpose, as one small tree.

All derive from `ZqcnnError`; each also derives from the built-in exception a caller
would expect (`ValueError` for bad values, `RuntimeError` for a missing device, and so on).
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BackendUnavailable",
    "ConfigError",
    "DatasetError",
    "FormatError",
    "GraphError",
    "ImageError",
    "InputError",
    "KernelError",
    "LicenceNotAccepted",
    "ModelUnavailable",
    "PackageMissing",
    "PrecisionError",
    "ShapeError",
    "StoreError",
    "StoreLocked",
    "TrailingWeightsWarning",
    "UnknownKeyWarning",
    "ZqcnnError",
]


class ZqcnnError(Exception):
    """Base of all errors of this library."""


class _FileError(ZqcnnError, ValueError):
    """A file does not hold what it should; the subclasses say what kind of file.

    Parameters
    ----------
    file
        Name of the file (or ``"<bytes>"``).
    where
        Line, byte offset, node or row, in words: ``"line 12"``, ``"byte 4096"``.
    found, expected
        What stood there, and what should have.
    """

    def __init__(self, file: str, where: str, found: str, expected: str) -> None:
        self.file = file
        self.where = where
        self.found = found
        self.expected = expected
        place = f"{file}, {where}" if where else file
        super().__init__(f"{place}: found {found}, expected {expected}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the parts: process pools send errors home by pickling them."""
        return type(self), (self.file, self.where, self.found, self.expected)


class FormatError(_FileError):
    """A model file does not say what its format requires.

    Parameters
    ----------
    file
        Name of the file (or ``"<bytes>"``).
    where
        Line, byte offset or node, in words: ``"line 12"``, ``"byte 4096"``.
    found, expected
        What stood there, and what should have.

    Examples
    --------
    >>> print(FormatError("a.zqparams", "line 3", "layer type 'Convolve'", "a known layer type"))
    a.zqparams, line 3: found layer type 'Convolve', expected a known layer type
    """


class DatasetError(_FileError):
    """A file of an evaluation protocol, or of labelled images or features, is not as it should be.

    Parameters
    ----------
    file, where, found, expected
        As in `FormatError`.

    Examples
    --------
    >>> print(DatasetError("pairs.txt", "line 3", "2 fields", "3 or 4"))
    pairs.txt, line 3: found 2 fields, expected 3 or 4
    """


class StoreError(_FileError):
    """A feature store is damaged, or was asked for what does not fit it.

    Parameters
    ----------
    file, where, found, expected
        As in `FormatError`.

    Examples
    --------
    >>> print(StoreError("faces.store", "rows 0 to 64", "checksum 1", "2"))
    faces.store, rows 0 to 64: found checksum 1, expected 2
    """


class StoreLocked(StoreError, RuntimeError):  # noqa: N818 - reads as what it is
    """Another writer holds a feature store."""


class GraphError(ZqcnnError, ValueError):
    """A graph is not well formed: an unknown value, a duplicate name, a missing weight."""


class ShapeError(ZqcnnError, ValueError):
    """Shapes do not fit an op or a network's input."""


class InputError(ZqcnnError, ValueError, TypeError):
    """An argument has the wrong type, dtype or value."""


class KernelError(ZqcnnError, RuntimeError):
    """A kernel of this library touched memory that is not its own: a fault of ours.

    Parameters
    ----------
    kernel, step
        The kernel's kind, and what it was computing.
    value
        Whose memory it was given.
    found, expected
        What it did, and what it may do.

    Examples
    --------
    >>> print(KernelError("Turn", "conv1", "x", "a write at byte 64", "bytes 0 to 64"))
    Turn in conv1, x: found a write at byte 64, expected bytes 0 to 64
    """

    def __init__(self, kernel: str, step: str, value: str, found: str, expected: str) -> None:
        self.kernel = kernel
        self.step = step
        self.value = value
        self.found = found
        self.expected = expected
        super().__init__(f"{kernel} in {step}, {value}: found {found}, expected {expected}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the parts: process pools send errors home by pickling them."""
        return type(self), (self.kernel, self.step, self.value, self.found, self.expected)


class PrecisionError(ZqcnnError, ValueError):
    """A floating-point type is too short for what a network holds."""


class ImageError(ZqcnnError, ValueError):
    """An image cannot be decoded, or its array has no defined meaning as an image."""


class ConfigError(ZqcnnError, ValueError):
    """A configuration file, environment variable or option has a wrong value."""


class BackendUnavailable(ZqcnnError, RuntimeError):  # noqa: N818 - reads as what it is
    """A backend cannot run here.

    Parameters
    ----------
    reason
        What is missing.
    pip
        The command that would bring it, if one would.

    Examples
    --------
    >>> print(BackendUnavailable("jax is not installed", pip="pip install 'zqcnn-xp[jax]'"))
    jax is not installed; install it with: pip install 'zqcnn-xp[jax]'
    """

    def __init__(self, reason: str, pip: str | None = None) -> None:
        self.reason = reason
        self.pip = pip
        super().__init__(f"{reason}; install it with: {pip}" if pip else reason)

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the parts: process pools send errors home by pickling them."""
        return type(self), (self.reason, self.pip)


class ModelUnavailable(ZqcnnError, RuntimeError):  # noqa: N818 - reads as what it is
    """A file of a named model is not here and cannot be had.

    Parameters
    ----------
    what
        The model and the file.
    reasons
        What each source answered.
    hint
        What would help.

    Examples
    --------
    >>> print(ModelUnavailable("det, a.onnx", ["404 Not Found"], "name another mirror"))
    det, a.onnx: 404 Not Found; name another mirror
    """

    def __init__(self, what: str, reasons: list[str], hint: str) -> None:
        self.what = what
        self.reasons = list(reasons)
        self.hint = hint
        super().__init__(f"{what}: {'; '.join([*reasons, hint])}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the parts: process pools send errors home by pickling them."""
        return type(self), (self.what, self.reasons, self.hint)


class PackageMissing(ZqcnnError, ImportError):  # noqa: N818 - reads as what it is
    """A package that one function needs is not installed.

    Parameters
    ----------
    reason
        What needs it.
    pip
        The command that installs it.

    Examples
    --------
    >>> print(PackageMissing("plots need matplotlib", "pip install 'zqcnn-xp[plot]'"))
    plots need matplotlib; install it with: pip install 'zqcnn-xp[plot]'
    """

    def __init__(self, reason: str, pip: str) -> None:
        self.reason = reason
        self.pip = pip
        super().__init__(f"{reason}; install it with: {pip}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the parts: process pools send errors home by pickling them."""
        return type(self), (self.reason, self.pip)


class LicenceNotAccepted(ModelUnavailable):
    """A model's licence has limits that nobody accepted yet, so nothing is fetched.

    Parameters
    ----------
    name
        The model.
    licence, terms
        Its licence, and the limits in words.
    """

    def __init__(self, name: str, licence: str, terms: str) -> None:
        self.name = name
        self.licence = licence
        self.terms = terms
        reason = f"found the licence {licence!r}, which nobody accepted yet: {terms}"
        hint = f"accept it: zqcnn-xp models pull {name}, or ZQCNN_XP_ACCEPT_LICENCE={name}"
        super().__init__(name, [reason], hint)

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the parts."""
        return type(self), (self.name, self.licence, self.terms)


class TrailingWeightsWarning(UserWarning):
    """A weight file holds more bytes than its network reads."""


class UnknownKeyWarning(UserWarning):
    """A model file has a key that its layer type does not; it is ignored."""
