"""What the parts of the benchmark are told."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from zqcnn_xp.bench.peers import Peer

__all__ = ["Options", "progress"]


@dataclass(frozen=True)
class Options:
    """Settings of a run.

    Parameters
    ----------
    data
        The folder of test data.
    backends, peers
        Who is compared.
    threads
        Of every side.
    rounds
        Turns of every side.
    clock
        ``"wall"`` or ``"cpu"``.
    quick
        A rough run within a minute.
    plots
        Where plots go, or None.
    """

    data: Path
    backends: tuple[str, ...]
    peers: tuple[Peer, ...]
    threads: int
    rounds: int
    clock: str
    quick: bool
    plots: Path | None

    @property
    def block_ms(self) -> float:
        """Length of a block."""
        return 20.0 if self.quick else 40.0


def progress(what: str) -> None:
    """Say on standard error what is being done."""
    print(what, file=sys.stderr, flush=True)
