"""The four networks behind one call: images in, scores, box offsets and points out.

Which output is which follows from the number of values per cell: 2 are the probabilities of
background and face, 4 the offsets of the box's corners, 10 or 212 the points.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.backend import Backend
from zqcnn_xp.errors import GraphError, InputError
from zqcnn_xp.pipelines.mtcnn.shifts import Window, window
from zqcnn_xp.pipelines.mtcnn.weights import default_files
from zqcnn_xp.session import Session, load

__all__ = ["Answer", "Network", "Networks"]

Float32 = NDArray[np.float32]
Source = Any  # (model, weights), a path, bytes or a Session

_KINDS = {2: "prob", 4: "offsets", 10: "points", 212: "points"}
_NEEDS = {"P": {"prob"}, "R": {"prob", "offsets"}, "O": {"prob", "offsets"}, "L": {"points"}}
_CELLS = 7  # cells a side when probing a network of free size: no count of values equals it


class Answer(NamedTuple):
    """What a network said: maps (H, W, ...) for the P network, else (N, ...)."""

    prob: Float32 | None
    offsets: Float32 | None
    points: Float32 | None


@dataclass(frozen=True)
class Network:
    """A session and the names of its outputs by meaning.

    Parameters
    ----------
    session
        The network.
    names
        Blob name by ``"prob"``, ``"offsets"``, ``"points"``; those the network has.
    size
        Side of the input in pixels.
    last
        Outputs have the values of a cell along the last axis, not along axis 1.
    points
        Number of points, or 0.
    """

    session: Session
    names: dict[str, str]
    size: int
    last: bool
    points: int

    def __call__(self, x: Float32) -> Answer:
        """Run on images (N, H, W, 3), normalised, in the network's channel order."""
        found = self.session(x.transpose(0, 3, 1, 2), outputs=self._outputs)
        return Answer(*(self._cells(found, kind) for kind in Answer._fields))

    @cached_property
    def _outputs(self) -> tuple[str, ...]:
        return tuple(self.names.values())

    def _cells(self, found: dict[str, Any], kind: str) -> Float32 | None:
        """Return (N, H, W, values), or (N, values) for a network that has one cell."""
        if kind not in self.names:
            return None
        values = cast("Float32", found[self.names[kind]])
        if values.ndim == 4 and not self.last:
            values = values.transpose(0, 2, 3, 1)
        return values

    def without(self, kind: str) -> Network:
        """Return the same network, not asked for this output."""
        names = {k: name for k, name in self.names.items() if k != kind}
        return replace(self, names=names, points=0 if kind == "points" else self.points)

    def window(self) -> Window | None:
        """Return what a cell sees, if all cells are alike (`shifts.window`)."""
        graph = self.session.graph
        return window(graph.subgraph([graph.value(name) for name in self.names.values()]))


@dataclass(frozen=True)
class Networks:
    """The networks of one detector, and how they want their images.

    Parameters
    ----------
    p, r, o, l
        The networks; L may be absent.
    bgr
        Channels are blue, green, red.
    transposed
        Rows and columns are exchanged.
    """

    p: Network
    r: Network
    o: Network
    l: Network | None  # noqa: E741  (the field's name)
    bgr: bool
    transposed: bool

    @classmethod
    def load(
        cls,
        sources: tuple[Source, Source, Source, Source],
        *,
        channels: Literal["rgb", "bgr"] | None,
        transposed: bool | None,
        backend: Backend,
        compat: str | None,
        cell: tuple[int, int],
    ) -> Networks:
        """Load the given networks, or the default ones where P, R and O are all None.

        Parameters
        ----------
        sources
            P, R, O, L.
        channels, transposed
            None takes what the networks are known for.
        backend
            Where to run them; a given `Session` keeps its own.
        compat
            Passed to the reader of ZQCNN's files; others state every rule themselves.
        cell
            Side of the P network's window and its stride.

        Raises
        ------
        InputError
            If only some of P, R and O are given.
        GraphError
            If a network's outputs are not those of its stage.
        """
        given = [source is not None for source in sources[:3]]
        if any(given) and not all(given):
            named = ", ".join(f"{n}net" for n, there in zip("pro", given, strict=True) if there)
            raise InputError(f"found {named} alone, expected pnet, rnet and onet, or none of them")
        default = not any(given)
        files: tuple[Source, ...] = (*default_files(), sources[3]) if default else sources
        sessions = [None if s is None else _session(s, backend, compat) for s in files]
        window_side = cell[0] + (_CELLS - 1) * cell[1]
        made = [
            None if s is None else _network(stage, s, window_side if stage == "P" else None)
            for stage, s in zip("PROL", sessions, strict=True)
        ]
        p, r, o = cast("list[Network]", made[:3])
        return cls(
            # The original never moves the P network's boxes, even where the network could.
            p if compat is None else p.without("offsets"),
            r,
            o,
            made[3],
            bgr=(not default) if channels is None else channels == "bgr",
            transposed=default if transposed is None else transposed,
        )

    @property
    def points(self) -> int:
        """Number of landmarks of the last network that has any."""
        return self.l.points if self.l is not None else self.o.points

    def without_points(self) -> Networks:
        """Return the same networks with an O network that computes no points."""
        return replace(self, o=self.o.without("points"))


def _session(source: Source, backend: Backend, compat: str | None) -> Session:
    if isinstance(source, Session):
        return source
    if isinstance(source, str | os.PathLike | bytes):
        # Bytes alone can only be ONNX; saying so spares the other readers' import.
        kind = "onnx" if isinstance(source, bytes) else None
        return _load(source, None, backend, compat, kind)
    try:
        model, weights = source
    except (TypeError, ValueError):
        raise InputError(
            f"found a network given as {type(source).__name__}, expected (model, weights), "
            "the path of an ONNX file, or a Session"
        ) from None
    return _load(model, weights, backend, compat)


def _load(
    model: Any, weights: Any, backend: Backend, compat: str | None, format: str | None = None
) -> Session:
    if compat is not None:
        # Networks of other formats have no other rule, and their readers refuse one.
        from zqcnn_xp.formats import find_reader
        from zqcnn_xp.formats.named import find_named

        model, weights, format, _ = find_named(model, weights, format, {})
        reader, model = find_reader(model, format)
        format = reader.name
        compat = compat if format == "zqcnn" else None
    return load(model, weights, backend=backend, compat=compat, format=format)


def _network(stage: str, session: Session, side: int | None) -> Network:
    """Find out which output is which, from the shapes at one input size."""
    graph = session.graph
    if len(graph.inputs) != 1 or len(session.input_shape) != 4:
        raise GraphError(f"{stage} network: found {session!r}, expected one image as input")
    if side is None:
        side = _side(stage, session)
    shapes = graph.shapes({graph.inputs[0].name: (1, 3, side, side)})
    names: dict[str, str] = {}
    count = 0
    lasts: set[bool] = set()
    values = {name: shapes[graph.value(name)] for name in graph.outputs}
    for name, shape in values.items():
        per_cell, last = _per_cell(shape)
        kind = _KINDS.get(per_cell)
        if kind is None:
            continue
        if kind in names:
            raise GraphError(f"{stage} network: found two outputs of {per_cell} values, {values}")
        names[kind] = name
        count = per_cell // 2 if kind == "points" else count
        lasts |= {last} if len(shape) == 4 else set()
    if not _NEEDS[stage] <= names.keys() or len(lasts) > 1:
        raise GraphError(
            f"{stage} network: found outputs {values}, expected 2 values (face or not), 4 (box "
            "offsets), 10 or 212 (points), as this stage needs them"
        )
    if stage == "L":
        names = {"points": names["points"]}
    return Network(session, names, side, lasts == {True}, count)


def _side(stage: str, session: Session) -> int:
    """Return the side of the square input, from its shape or the size that the file names."""
    shape = session.input_shape
    if None in shape[2:]:
        nominal = session.graph.inputs[0].nominal
        shape = nominal if nominal is not None else shape
    height, width = shape[2:]
    if height is None or height != width or height < 1:
        raise GraphError(f"{stage} network: found input {shape}, expected a square of fixed size")
    return height


def _per_cell(shape: tuple[int, ...]) -> tuple[int, bool]:
    """Return the number of values in a cell, and whether they lie along the last axis."""
    if len(shape) == 4:
        for axis in (1, 3):
            rest = [shape[i] for i in (1, 2, 3) if i != axis]
            if shape[axis] in _KINDS and rest[0] == rest[1]:
                return shape[axis], axis == 3
    return int(np.prod(shape[1:])), False
