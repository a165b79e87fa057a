"""How many CPU threads this process may use, and how many it was told to use.

The number of the machine's CPUs is wrong in a container with a quota and under an affinity mask:
threads beyond either only wait for each other. So both count, and ``OMP_NUM_THREADS``, unless the
setting ``threads`` says a number: that one is taken as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from zqcnn_xp.config import Setting, resolve

__all__ = ["cpu_count", "cpu_limit", "cpu_quota", "thread_count", "thread_setting"]

_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def thread_count(threads: int | None = None) -> int:
    """Return how many threads to use: 1 or more.

    The setting ``threads`` if there is one: the argument, ``using(threads=...)``,
    ``ZQCNN_XP_THREADS``, ``threads = ...`` in the configuration file; else `cpu_count`. A number
    that was asked for is not bounded by `cpu_count`, so that one can have more than
    ``OMP_NUM_THREADS`` says, or than there are CPUs, to test with.

    Parameters
    ----------
    threads
        The argument of the caller; None leaves it to the other sources.

    Raises
    ------
    InputError
        If ``threads`` is no integer of 1 to 1024.
    ConfigError
        If the variable or the file says something else.

    Examples
    --------
    >>> thread_count(3)
    3
    """
    found: int = thread_setting(threads).value
    return found


def thread_setting(threads: int | None = None) -> Setting:
    """Return `thread_count` with its source; by default that is what `cpu_limit` names.

    Examples
    --------
    >>> thread_setting(3)
    Setting(value=3, source='argument', rank=0)
    """
    found = resolve("threads", threads)
    return found if found.value is not None else Setting(*cpu_limit(), found.rank)


def cpu_count(
    environ: Mapping[str, str] | None = None,
    *,
    groups: Path = _GROUPS,
    membership: Path = _MEMBERSHIP,
) -> int:
    """Return how many threads can run at once: 1 or more.

    This is the least of the CPUs in the affinity mask, the control group's quota (rounded down)
    and ``OMP_NUM_THREADS``.

    Parameters
    ----------
    environ
        Where to look for ``OMP_NUM_THREADS``; None is the process's environment. Of a list
        (one number for each nesting level) the first counts; what is no number is ignored.
    groups, membership
        As in `cpu_quota`.

    Examples
    --------
    >>> cpu_count({"OMP_NUM_THREADS": "1"})
    1
    """
    return cpu_limit(environ, groups=groups, membership=membership)[0]


def cpu_limit(
    environ: Mapping[str, str] | None = None,
    *,
    groups: Path = _GROUPS,
    membership: Path = _MEMBERSHIP,
) -> tuple[int, str]:
    """Return `cpu_count` and which of the three it comes from, in words.

    Parameters
    ----------
    environ, groups, membership
        As in `cpu_count`.

    Examples
    --------
    >>> cpu_limit({})[1] in ("affinity", "control group quota")
    True
    """
    bounds = [(_affinity(), "affinity")]
    quota = cpu_quota(groups=groups, membership=membership)
    if quota is not None:
        bounds.append((max(int(quota), 1), "control group quota"))
    text = (os.environ if environ is None else environ).get("OMP_NUM_THREADS", "")
    first = text.split(",")[0].strip()
    if first.isascii() and first.isdigit() and int(first) > 0:
        bounds.append((int(first), "OMP_NUM_THREADS"))
    return min(bounds, key=lambda bound: bound[0])


def cpu_quota(*, groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> float | None:
    """Return the CPU time that control groups allow, in CPUs, or None without a limit.

    The group and all above it count: the tightest wins. Reads version 2 (``cpu.max``) and
    version 1 (``cpu.cfs_quota_us`` and ``cpu.cfs_period_us``).

    Parameters
    ----------
    groups
        Where the control group file systems are mounted.
    membership
        The file that names this process's groups, ``/proc/self/cgroup`` on Linux.
    """
    found = [
        quota
        for folder, version in _folders(groups, membership)
        if (quota := _quota_v2(folder) if version == 2 else _quota_v1(folder)) is not None
    ]
    return min(found, default=None)


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _folders(groups: Path, membership: Path) -> Iterator[tuple[Path, int]]:
    """Name the folders of this process's groups and of all groups above them."""
    for line in (_read(membership) or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            # On a machine with both versions, version 2 is mounted as "unified".
            roots, version = [groups, groups / "unified"], 2
        elif "cpu" in controllers.split(","):
            roots, version = [groups / controllers, groups / "cpu"], 1
        else:
            continue
        inner = PurePosixPath("/") / path
        for root in dict.fromkeys(roots):
            # In a container the path may be the host's, which is not mounted here: the
            # root is then the container's own group, and it is read in any case.
            for part in (inner, *inner.parents):
                yield root / part.relative_to("/"), version


def _quota_v2(folder: Path) -> float | None:
    fields = (_read(folder / "cpu.max") or "").split()
    return _ratio(fields[0], fields[1]) if len(fields) == 2 else None


def _quota_v1(folder: Path) -> float | None:
    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return None if quota is None or period is None else _ratio(quota, period)


def _ratio(quota: str, period: str) -> float | None:
    try:
        amount, length = int(quota), int(period)
    except ValueError:  # "max"
        return None
    return amount / length if amount > 0 and length > 0 else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
