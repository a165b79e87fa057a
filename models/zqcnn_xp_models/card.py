"""What a model card holds, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from zqcnn_xp.errors import InputError

__all__ = ["WEIGHTS", "Card", "CardFile", "OperatingPoint"]

WEIGHTS = ".weights"
"""End of the role of a file that holds the weights of the network named before it."""


@dataclass(frozen=True)
class CardFile:
    """One file of a model.

    Parameters
    ----------
    role
        The network it describes (``"net"``, ``"pnet"``, ...), or that name and ``".weights"``, or
        that name and another word for files that no reader takes.
    path
        Below the folder of the package that carries it; its last part is the name in the cache.
    size
        In bytes.
    sha256
        Of its content, 64 hexadecimal digits.
    parameters
        Numbers in it that its network reads.
    url
        Where it is published, at a fixed commit; empty where no such address is known.
    """

    role: str
    path: str
    size: int
    sha256: str
    parameters: int = 0
    url: str = ""

    @property
    def name(self) -> str:
        """The file's own name.

        Examples
        --------
        >>> CardFile("net", "models/a.onnx", 1, "0" * 64).name
        'a.onnx'
        """
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold of a face network, and what it was measured on.

    Parameters
    ----------
    threshold
        Cosine of two embeddings; at least so much is the same person.
    dataset, protocol
        What decided it.
    source
        Who measured it, or where it is published.
    far
        Share of the pairs of different people that it accepts there; None where nobody says.
    tar
        Share of the pairs of one person that it accepts there; None where nobody says.
    flip
        The flip rule of the embeddings.
    """

    threshold: float
    dataset: str
    protocol: str
    source: str
    far: float | None = None
    tar: float | None = None
    flip: str = "none"


@dataclass(frozen=True)
class Card:
    """What a model is, where its files come from and how it is fed.

    Parameters
    ----------
    name, task, summary
        For people.
    format
        Name of the reader: ``"zqcnn"``, ``"onnx"``, ...
    licence, licence_source, commercial, terms
        Licence, where it is stated, whether it allows commercial use, and its limits in words.
    home
        The page of the project that publishes the model.
    pip, module
        The requirement that brings the files, and the package's import name; empty where no
        package has them.
    files
        In the order in which the pipeline takes them.
    preprocessing, outputs, figures
        The card's tables of these names: how an image becomes the input (``(x - mean) * scale``;
        sizes are width, height; ``layout`` is the file's own, a session takes NCHW always;
        ``alignment`` of a face recognition network is the name of its template), what comes out
        (the first blob is the result), and what the authors published about it.
    note
        What else a user has to know.
    compat
        Rules that the network needs, as `zqcnn_xp.load` takes them; empty for none.
    default
        The pipeline takes this model when it is given none.
    builder
        Module of this package and variant that build the network for weights of one's own,
        ``"lightcnn:9"``; empty where the files say it all.
    operating_points
        Thresholds of a face recognition network.
    """

    name: str
    task: str
    summary: str
    format: str
    licence: str
    licence_source: str
    commercial: bool
    terms: str
    home: str
    pip: str
    module: str
    files: tuple[CardFile, ...]
    preprocessing: Mapping[str, Any]
    outputs: Mapping[str, Any]
    figures: Mapping[str, Any]
    note: str = ""
    compat: str = ""
    default: bool = False
    builder: str = ""
    operating_points: tuple[OperatingPoint, ...] = ()

    @property
    def folder(self) -> Path | None:
        """Where the carrying package is installed, found without importing it, or None."""
        spec = find_spec(self.module) if self.module else None
        places = (spec.submodule_search_locations or []) if spec else []
        return next((Path(place) for place in places), None)

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of the card's networks, each of one file or of two."""
        return tuple(file.role for file in self.files if "." not in file.role)

    def file(self, role: str) -> CardFile:
        """Return the file of this role.

        Raises
        ------
        InputError
            The model has no file of this role.
        """
        roles = {file.role: file for file in self.files}
        if role not in roles:
            known = ", ".join(roles) or "no files"
            raise InputError(f"model {self.name!r} has no {role!r}; it has {known}")
        return roles[role]

    def path(self, role: str) -> Path | None:
        """Return where the file of this role is (package or cache), or None where it is not here.

        Raises
        ------
        InputError
            The model has no file of this role.
        """
        from zqcnn_xp_models.cache import Cache

        return Cache.configured().locate(self, self.file(role))

    def verify(self) -> dict[str, str]:
        """Say of each file, by role, whether it is ``"present"``, ``"missing"`` or ``"changed"``.

        A file is changed when its size or SHA-256 is not the card's; at most one byte more than the
        card says is read of it.
        """
        from zqcnn_xp_models.cache import Cache

        cache = Cache.configured()
        return {file.role: cache.state(self, file) for file in self.files}
