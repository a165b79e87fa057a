"""Compiled programs kept on disk, by JAX's own persistent cache.

That cache is one per process: once it has a folder, the programs of everybody in the process are
kept there. So it is switched on only where a folder was asked for, and never taken from somebody
who has set one already. A store of our own could be private to a backend, but the only public way
to write a program down goes through a pickle, which this library never loads.
"""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path

__all__ = ["keep_programs"]

_lock = threading.Lock()


def keep_programs(folder: str | os.PathLike[str]) -> Path:
    """Let JAX keep compiled programs in ``folder``, unless it keeps them elsewhere already.

    Parameters
    ----------
    folder
        Made when it is absent, readable by its owner alone: to load a program is to run it, so
        nobody else should be able to write there.

    Returns
    -------
    Path
        Where programs are kept: another folder than the one asked for if the process had set one
        before (``JAX_COMPILATION_CACHE_DIR``, ``jax.config``, an earlier backend).

    Warns
    -----
    RuntimeWarning
        If the folder cannot be used; programs are then compiled anew in each process.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    wanted = Path(folder).expanduser().absolute()
    with _lock:
        held = jax.config.jax_compilation_cache_dir
        if held:
            return Path(held)
        try:
            wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            msg = f"compiled programs cannot be kept in {wanted}: {error}"
            warnings.warn(msg, RuntimeWarning, stacklevel=3)
            return wanted
        jax.config.update("jax_compilation_cache_dir", str(wanted))
        # JAX leaves out what compiles within a second: all of our networks.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
        # It looks for a folder once, at the first compilation; somebody may have had one.
        compilation_cache.reset_cache()
    return wanted
