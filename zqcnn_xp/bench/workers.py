"""Handles of the sides' processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

__all__ = ["SideError", "Worker"]

_PATIENCE = 600.0


class SideError(Exception):
    """A side could not do what it was asked; a comparison turns it into the side's state.

    Parameters
    ----------
    side
        Its name.
    state
        ``"missing"``: not installed; ``"refused"``: it does not take the network; ``"crashed"``:
        its process ended or did not answer.
    message
        In words.
    """

    def __init__(self, side: str, state: str, message: str) -> None:
        super().__init__(message)
        self.side, self.state = side, state


class Worker:
    """A process that runs one runtime.

    It inherits the processors that the caller is pinned to, and starts with the first request;
    after a crash the next request starts another.

    Parameters
    ----------
    kind
        ``"ours"``, ``"resident"`` (ours, on arrays that stay on the device) or ``"peer"``.
    name
        Of the backend or the peer.
    threads
        That it may use.
    device
        Of a backend of ours.
    patience
        Seconds that an answer may take.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        threads: int,
        *,
        device: str | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        self.kind, self.name, self.threads = kind, name, threads
        self.device, self.patience = device, patience
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def load(self, folder: Path) -> float:
        """Make it ready for the network in a folder; seconds to the first result.

        Raises
        ------
        SideError
            If it does not run the network.
        """
        return float(self._ask(do="load", folder=str(folder))["seconds"])

    def block(self, count: int, *, lead: int = 1, clock: str = "wall") -> tuple[float, ...]:
        """Run ``lead`` calls and then ``count``; milliseconds of each of the latter.

        Raises
        ------
        SideError
            If it does not.
        """
        return tuple(self._ask(do="block", lead=lead, count=count, clock=clock)["ms"])

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
            self._errors.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        if self._process is None:
            self._errors = TemporaryFile()  # noqa: SIM115 - closed with the worker
            command = [sys.executable, "-P", "-m", "zqcnn_xp.bench.worker"]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*command, self.kind, self.name, str(self.threads), self.device or ""],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
            )
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process was started without the pipes that were asked for")
        clock = threading.Timer(self.patience, process.kill)
        clock.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            clock.cancel()
        if not line:
            raise SideError(self.name, "crashed", self._last_words(process))
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise SideError(self.name, reply["state"], reply["error"])
        return reply

    def _last_words(self, process: subprocess.Popen[str]) -> str:
        """Say how the process ended; the next request starts another."""
        process.kill()
        process.communicate()
        self._process = None
        with self._errors:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"its process ended with code {process.returncode}{': ' * bool(last)}{last[:200]}"
