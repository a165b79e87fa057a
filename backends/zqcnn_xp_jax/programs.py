"""Compiled programs kept on disk, for one backend alone.

JAX has a persistent compilation cache of its own, but it is one per process: once a folder is
set, in whatever scope, the programs of everybody in the process go there. This one belongs to
the backend that was given a folder. It stores what
`jax.experimental.serialize_executable` gives, under a hash of the program's text, of the versions
of JAX and of the device, so that a program never runs where it was not compiled for.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
import warnings
from pathlib import Path
from typing import Any

__all__ = ["ProgramStore"]

_MAGIC = b"zqcnn-xp jax program 1\n"
_DIGEST = hashlib.sha256().digest_size


class ProgramStore:
    """A folder of compiled programs.

    Parameters
    ----------
    folder
        Made on the first write, readable by its owner alone. Loading a program means running it:
        the folder must be one that nobody else can write to.

    Notes
    -----
    A file that is damaged, or that this JAX cannot load, counts as absent. Files are written
    under another name first and renamed, so processes may share a folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser()
        self.hits = 0
        self.misses = 0

    def compile(self, lowered: Any, device: Any) -> Any:
        """Return the compiled program of a ``jax.stages.Lowered``, from disk where it is there."""
        path = self.folder / f"jax-{_key(lowered, device)}.bin"
        program = self._load(path, lowered, device)
        if program is None:
            self.misses += 1
            program = lowered.compile()
            self._store(path, program)
        else:
            self.hits += 1
        return program

    def _load(self, path: Path, lowered: Any, device: Any) -> Any:
        import jax
        from jax.experimental import serialize_executable

        try:
            blob = path.read_bytes()
        except OSError:
            return None
        start = len(_MAGIC) + _DIGEST
        if (
            blob[: len(_MAGIC)] != _MAGIC
            or hashlib.sha256(blob[start:]).digest() != blob[len(_MAGIC) : start]
        ):
            return None
        options: dict[str, Any] = {"backend": device.client}
        if len(device.client.devices()) > 1:
            options["execution_devices"] = [device]
        try:
            return serialize_executable.deserialize_and_load(
                blob[start:], lowered.in_tree, jax.tree.structure(lowered.out_info), **options
            )
        except Exception:
            return None

    def _store(self, path: Path, program: Any) -> None:
        from jax.experimental import serialize_executable

        try:
            payload = serialize_executable.serialize(program)[0]
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, prefix=".jax-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_MAGIC + hashlib.sha256(payload).digest() + payload)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except (OSError, ValueError, NotImplementedError) as error:
            msg = f"a compiled program cannot be kept in {self.folder}: {error}"
            warnings.warn(msg, RuntimeWarning, stacklevel=4)


def _key(lowered: Any, device: Any) -> str:
    """Hash everything that decides what the compiler makes."""
    import jax
    import jaxlib

    parts = (
        lowered.as_text(),
        jax.__version__,
        jaxlib.__version__,
        device.client.platform_version,
        device.device_kind,
        str(device.id),
        os.environ.get("XLA_FLAGS", ""),
        _processor() if device.platform == "cpu" else "",
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def _processor() -> str:
    """Name the instruction sets of this machine: programs for the CPU use what it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {platform.processor()} {flags}"
