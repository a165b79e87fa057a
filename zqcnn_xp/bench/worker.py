"""The process of one side: it loads networks and runs blocks of calls when told to.

Every side has a process of its own, so that one that crashes is a line in the table and not the
end of it, and threads, thread pools and settings of one are not met by another. Requests and
replies are lines of JSON on standard input and output.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from zqcnn_xp.bench.network import Arrays, Network, Runner, save_arrays
from zqcnn_xp.bench.timing import timed_block

__all__ = ["OUTPUTS", "serve"]

OUTPUTS = "outputs.npz"


def ours(network: Network, backend: str, threads: int, device: str | None = None) -> Runner:
    """Make one of our backends ready to run a network."""
    from zqcnn_xp.registry import get_backend
    from zqcnn_xp.session import Session

    session = Session(network.graph, get_backend(backend, device=device, threads=threads))
    given = dict(network.inputs)
    return lambda: session(given)


def resident(network: Network, backend: str, threads: int, device: str | None = None) -> Runner:
    """Make it run on arrays that stay on the device; a call ends when they are computed."""
    from zqcnn_xp.registry import get_backend
    from zqcnn_xp.session import Session

    made = get_backend(backend, device=device, threads=threads)
    session = Session(network.graph, made)
    given = {name: made.from_numpy(array) for name, array in network.inputs.items()}

    def run() -> Arrays:
        found = session(given)
        made.synchronize(*found.values())
        return found

    return run


class _Side:
    """Answers requests about one runtime."""

    def __init__(self, kind: str, name: str, threads: int, device: str | None) -> None:
        self.kind, self.name, self.threads, self.device = kind, name, threads, device
        self.run: Runner | None = None

    def load(self, folder: str) -> dict[str, Any]:
        """Make ready the network in a folder, run it once, and write the outputs beside it."""
        from zqcnn_xp.backend import host_array
        from zqcnn_xp.bench.peers import GPU_PEERS, PEERS

        self.run = None  # frees the network before
        network = Network.load(Path(folder))
        start = time.perf_counter()
        if self.kind == "peer":
            self.run = {**PEERS, **GPU_PEERS}[self.name].prepare(network, self.threads)
        else:
            make = ours if self.kind == "ours" else resident
            self.run = make(network, self.name, self.threads, self.device)
        found = self.run()
        seconds = time.perf_counter() - start
        outputs = {name: host_array(found[name]) for name in network.graph.outputs}
        save_arrays(Path(folder, f"{self.name}-{OUTPUTS}"), outputs)
        return {"seconds": seconds}

    def block(self, lead: int, count: int, clock: str) -> dict[str, Any]:
        """Run some calls that do not count, then some that do; return their milliseconds."""
        if self.run is None:
            msg = "no network is loaded"
            raise RuntimeError(msg)
        return {"ms": timed_block(self.run, count, lead=lead, clock=clock)}


def serve(arguments: Sequence[str], requests: TextIO, replies: TextIO) -> None:
    """Answer requests until they end.

    Parameters
    ----------
    arguments
        ``"ours"``, ``"resident"`` (ours, on arrays of the device) or ``"peer"``; its name, its
        number of threads, its device or "".
    requests, replies
        Lines of JSON.
    """
    from zqcnn_xp.errors import BackendUnavailable

    kind, name, threads, device = arguments
    side = _Side(kind, name, int(threads), device or None)
    for line in requests:
        request = json.loads(line)
        try:
            reply = getattr(side, request.pop("do"))(**request)
        except BackendUnavailable as error:
            reply = {"error": str(error), "state": "missing"}
        except Exception as error:  # whatever a runtime raises is its answer
            words = f"{type(error).__name__}: {error}".strip()
            reply = {"error": words, "state": "refused"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def main() -> None:
    """Serve on the process's own pipes."""
    # C++ libraries print to descriptor 1: what they say goes where errors go.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.argv[1:], sys.stdin, replies)


if __name__ == "__main__":
    main()
