"""The threads of JAX's CPU client, which every program of the process shares.

XLA makes them once, when JAX looks for its devices for the first time. How many, it takes from the
environment then, and otherwise from the affinity mask: neither a container's quota nor
``OMP_NUM_THREADS`` counts. No call can change it afterwards. So our number is put where XLA looks,
for as long as JAX starts; where somebody else has started it before, that one's number stays.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from zqcnn_xp.config import Setting
from zqcnn_xp.threads import thread_setting

__all__ = ["ClientThreads", "client_threads"]

# Where XLA looks, in its order; versions before 2025 know only the second.
_NAMES = ("PJRT_NPROC", "NPROC")


class ClientThreads:
    """Start JAX with the number of threads that is in force, and remember it.

    JAX has one CPU client in a process, and so there is one instance of this class.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Setting | None = None

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Surround whatever may be the first to look for JAX's devices.

        The environment is as before when the block ends. A number that it holds already
        (``PJRT_NPROC``) stays, unless one of ours was asked for.
        """
        with self._lock:
            if self._found is not None:
                yield
                return
            if _started():
                self._found = Setting(None, "JAX was started before with a number of its own", 4)
                yield
                return
            wanted = thread_setting()
            before = {name: os.environ.get(name) for name in _NAMES}
            theirs = next((name for name, text in before.items() if _number(text)), None)
            if theirs is not None and not wanted.asked:
                wanted = Setting(_number(before[theirs]), theirs, 2)
            try:
                os.environ.update(dict.fromkeys(_NAMES, str(wanted.value)))
                yield
            finally:
                for name, text in before.items():
                    if text is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = text
                # JAX may have refused to start; then the next one who asks decides.
                if _started():
                    self._found = replace(wanted, source=f"{wanted.source}, when JAX started")

    @property
    def setting(self) -> Setting:
        """How many threads the client has, and why; the value is None where that is not known."""
        return Setting(None, "", 4) if self._found is None else self._found


def _number(text: str | None) -> int:
    """Return the number that a variable holds, or 0 where it holds none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _started() -> bool:
    """Tell whether JAX has looked for its devices."""
    # There is no public way to ask. Where this one is gone, nothing is claimed to be known.
    bridge = sys.modules.get("jax._src.xla_bridge")
    ask = getattr(bridge, "backends_are_initialized", None)
    return bridge is not None and (ask is None or bool(ask()))


# One for the process, as JAX has one CPU client for the process.
client_threads = ClientThreads()
