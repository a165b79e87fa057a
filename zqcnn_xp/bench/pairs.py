"""Our backends and their peers on one network: outputs compared, then times taken in turns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import numpy as np

from zqcnn_xp.bench.network import Arrays, Network, load_arrays
from zqcnn_xp.bench.peers import Peer
from zqcnn_xp.bench.timing import Timed, Turns, take_turns
from zqcnn_xp.bench.worker import OUTPUTS
from zqcnn_xp.bench.workers import SideError, Worker

__all__ = ["TOLERANCE", "Arena", "Comparison", "Side", "largest_difference"]

TOLERANCE = 1e-3
"""Share of an output's largest value beyond which a side computes something else. Winograd's
rounding and approximated exponentials of the peers stay below it."""


@dataclass(frozen=True)
class Side:
    """One runtime of a comparison.

    Parameters
    ----------
    name
        Of the backend or the peer.
    ours
        Whether it is one of our backends.
    version
        Of the peer's package, or "".
    state
        ``"timed"``, or why not: ``"missing"`` (not installed), ``"refused"`` (it does not take
        the network), ``"crashed"``, ``"different"`` (its outputs are not those of the reference).
    message
        The reason, and for a missing one the pip command.
    difference
        Largest difference from the reference, as a share of the output's largest value.
    ready_s
        Seconds from the network to the first result, the runtime's import included where this
        is its first network.
    times
        Milliseconds a call.
    """

    name: str
    ours: bool
    version: str = ""
    state: str = "timed"
    message: str = ""
    difference: float | None = None
    ready_s: float | None = None
    times: Timed | None = None


@dataclass(frozen=True)
class Comparison:
    """Sides of one network, and the times of their calls."""

    sides: tuple[Side, ...]
    turns: Turns

    def best_peer(self) -> Side | None:
        """Return the quickest peer, or None where none ran."""
        timed = [side for side in self.sides if not side.ours and side.times is not None]
        return min(timed, key=lambda side: side.times.median if side.times else 0.0, default=None)

    def ratios(self) -> dict[tuple[str, str], Timed]:
        """Return our time divided by the peer's, for every pair: below 1 we are quicker."""
        timed = [side for side in self.sides if side.times is not None]
        return {
            (one.name, other.name): self.turns.ratio(one.name, other.name)
            for one in timed
            if one.ours
            for other in timed
            if not other.ours
        }


class Arena:
    r"""Processes of our backends and of peers, to be compared on one network after another.

    Parameters
    ----------
    backends
        Names of our backends.
    peers
        Other runtimes; those that are not installed are reported as missing.
    threads
        Of every side. The caller pins the process (`zqcnn_xp.bench.timing.pinned`), and the
        sides with it.
    device
        Of our backends; None is their own choice.
    resident
        Leave inputs and outputs of our backends on the device. Without, NumPy arrays go in and
        come out.

    Examples
    --------
    >>> from zqcnn_xp.bench.network import sample
    >>> from zqcnn_xp.formats import read_graph
    >>> graph = read_graph(b"Input name=data C=1\nReLU name=r bottom=data top=out", b"")
    >>> with Arena(["numpy"], [], threads=1) as arena:
    ...     found = arena.compare(sample(graph, {"data": (1, 1, 4, 4)}), rounds=2)
    >>> found.sides[0].state
    'timed'
    """

    def __init__(
        self,
        backends: Sequence[str],
        peers: Sequence[Peer],
        *,
        threads: int,
        device: str | None = None,
        resident: bool = False,
    ) -> None:
        self._kept = ExitStack()
        self._ours = [Side(name, ours=True) for name in dict.fromkeys(backends)]
        self._peers = list(peers)
        self._workers = {
            name: self._kept.enter_context(Worker(kind, name, threads, device=device))
            for kind, names in (
                ("resident" if resident else "ours", [side.name for side in self._ours]),
                ("peer", [peer.name for peer in peers if peer.installed]),
            )
            for name in names
        }

    def __enter__(self) -> Arena:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kept.close()

    def compare(
        self, network: Network, *, rounds: int, block_ms: float = 40.0, clock: str = "wall"
    ) -> Comparison:
        """Compare outputs with those of the ops' references, then take times in turns.

        Parameters
        ----------
        network
            What all run.
        rounds, block_ms, clock
            As in `zqcnn_xp.bench.timing.take_turns`.
        """
        sides = [*self._ours]
        for peer in self._peers:
            side = Side(peer.name, ours=False, version=peer.version)
            if not peer.installed:
                side = replace(side, state="missing", message=f"not installed: {peer.pip}")
            sides.append(side)
        wanted = _reference(network)
        with TemporaryDirectory() as folder:
            network.save(Path(folder))
            sides = [
                self._admit(side, Path(folder), wanted) if side.name in self._workers else side
                for side in sides
            ]
        turns = None
        while turns is None:
            able = {side.name: self._workers[side.name] for side in sides if side.state == "timed"}
            try:
                turns = take_turns(able, rounds=rounds, block_ms=block_ms, clock=clock)
            except SideError as error:  # the others start again without it
                state, message = error.state, str(error)
                sides = [
                    replace(side, state=state, message=message) if side.name == error.side else side
                    for side in sides
                ]
        return Comparison(
            tuple(
                replace(side, times=turns.timed(side.name)) if side.state == "timed" else side
                for side in sides
            ),
            turns,
        )

    def _admit(self, side: Side, folder: Path, wanted: Arrays) -> Side:
        """Load the network into a side, and let it take part if its outputs are as wanted."""
        try:
            seconds = self._workers[side.name].load(folder)
        except SideError as error:
            return replace(side, state=error.state, message=str(error))
        found = load_arrays(folder / f"{side.name}-{OUTPUTS}", list(wanted))
        difference = largest_difference(found, wanted)
        side = replace(side, difference=difference, ready_s=seconds)
        if difference <= TOLERANCE:
            return side
        words = f"its outputs differ by {difference:.1e} of the largest value"
        return replace(side, state="different", message=words)


def _reference(network: Network) -> Arrays:
    """Compute the outputs by the references of the ops alone."""
    from array_api_compat import numpy as xp

    from zqcnn_xp.backend import Backend
    from zqcnn_xp.session import Session

    found = Session(network.graph, Backend(xp))(network.inputs)
    return {name: np.asarray(found[name]) for name in network.graph.outputs}


def largest_difference(found: Arrays, wanted: Arrays) -> float:
    """Return the largest difference over all outputs, as a share of each output's largest value.

    Axes may be cut differently; other numbers of values, and values that are not finite, give
    infinity.

    Examples
    --------
    >>> largest_difference({"y": np.float32([1, 4])}, {"y": np.float32([[2, 4]])})
    0.25
    """
    worst = 0.0
    for name, want in wanted.items():
        have = np.asarray(found[name])
        if have.size != want.size:
            return float("inf")
        if not want.size:
            continue
        with np.errstate(invalid="ignore"):
            off = float(np.abs(have.reshape(want.shape) - want).max())
        if not off < float("inf"):
            return float("inf")
        worst = max(worst, off / (float(np.abs(want).max()) or 1.0))
    return worst
