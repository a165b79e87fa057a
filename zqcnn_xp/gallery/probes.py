"""Probes that show one person are searched together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError

__all__ = ["batched", "grouped"]


def grouped(groups: Sequence[Any] | NDArray[Any] | None, count: int) -> list[NDArray[np.int64]]:
    """Return the probes of each group, groups in the order in which they come first.

    Parameters
    ----------
    groups
        (count,) what a probe is of, numbers or names; None for each by itself.
    count
        How many probes there are.

    Raises
    ------
    InputError
        If there is not one for each.

    Examples
    --------
    >>> [probes.tolist() for probes in grouped(["Bo", "Ann", "Bo"], 3)]
    [[0, 2], [1]]
    """
    if groups is None:
        return [np.array([probe]) for probe in range(count)]
    if len(groups) != count:
        raise InputError(f"found {len(groups)} groups for {count} probes, expected one for each")
    found: dict[Any, list[int]] = {}
    for probe, group in enumerate(np.asarray(groups).tolist()):
        found.setdefault(group, []).append(probe)
    return [np.array(probes) for probes in found.values()]


def batched(groups: list[int], members: list[NDArray[np.int64]], probes: int) -> list[list[int]]:
    """Cut groups into batches of ``probes`` at most, or of one group.

    Parameters
    ----------
    groups
        Numbers of groups.
    members
        The probes of every group.
    probes
        How many a batch has at most, where no single group has more.

    Examples
    --------
    >>> batched([0, 1, 2], [np.arange(2), np.arange(1), np.arange(5)], 3)
    [[0, 1], [2]]
    """
    batches: list[list[int]] = []
    held = probes
    for group in groups:
        size = len(members[group])
        if held + size > probes:
            batches.append([])
            held = 0
        batches[-1].append(group)
        held += size
    return batches
