"""The least similar pair of each person's features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.gallery.labelled import Labelled, PeopleBlock

__all__ = ["WorstPairs", "find_worst_pairs"]

# Rows of each side where one person has many: 16 MB of scores.
_SIDE = 2048


class WorstPairs(NamedTuple):
    """Each person's least similar pair, the worst first; only persons who have one.

    Attributes
    ----------
    people
        (n,) int64.
    first, second
        (n,) int64 rows.
    score
        (n,) float32 similarity.
    """

    people: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    score: NDArray[np.float32]


def find_worst_pairs(labelled: Labelled) -> WorstPairs:
    """Find the two features of each person that resemble each other least.

    Parameters
    ----------
    labelled
        Features of length 1 with their persons.

    Returns
    -------
    WorstPairs
        Sorted by similarity. A person of one feature has no pair.

    Notes
    -----
    All pairs within each person are computed: for 100,000 features of one person these are 5e9.
    Memory: 28 bytes a person and blocks.

    Examples
    --------
    >>> features = np.eye(2, dtype=np.float32)[[0, 0, 1, 0]]
    >>> found = find_worst_pairs(Labelled.of(features, ["Ann", "Ann", "Ann", "Bo"]))
    >>> found.people.tolist(), found.first.tolist(), found.second.tolist()
    ([0], [0], [2])
    """
    parts: list[WorstPairs] = []
    large: int | None = None
    for block in labelled.blocks(_SIDE):
        person = int(block.people[0])
        if len(block.people) > 1 or labelled.counts[person] == len(block.rows):
            parts += _of_block(block)
        elif person != large:  # its first part; the others follow
            large = person
            parts.append(_of_one(labelled, person))
    if not parts:
        none = np.zeros(0, np.int64)
        return WorstPairs(none, none, none, np.zeros(0, np.float32))
    people, first, second, score = (np.concatenate(c) for c in zip(*parts, strict=True))
    order = np.lexsort((people, score))
    return WorstPairs(people[order], first[order], second[order], score[order])


def _of_block(block: PeopleBlock) -> Iterator[WorstPairs]:
    """Find the worst pairs of persons whose features are all here, those of one size at once."""
    counts = np.diff(np.append(block.starts, len(block.rows)))
    for count in np.unique(counts[counts > 1]):
        chosen = np.flatnonzero(counts == count)
        places = block.starts[chosen][:, None] + np.arange(count)
        features = block.features[places]
        scores = features @ features.transpose(0, 2, 1)
        scores[:, np.arange(count), np.arange(count)] = np.inf
        flat = scores.reshape(len(chosen), -1)
        at = flat.argmin(axis=1)
        rows, each = block.rows[places], np.arange(len(chosen))
        pair = np.sort([rows[each, at // count], rows[each, at % count]], axis=0)
        yield WorstPairs(block.people[chosen], pair[0], pair[1], flat[each, at])


def _of_one(labelled: Labelled, person: int) -> WorstPairs:
    """Find the worst pair of a person whose features do not fit into a block."""
    worst = (np.float32(np.inf), -1, -1)
    for number, (rows, features) in enumerate(labelled.parts(person, _SIDE)):
        for other, (others, more) in enumerate(labelled.parts(person, _SIDE)):
            if other < number:
                continue
            scores = features @ more.T
            if other == number:
                np.fill_diagonal(scores, np.inf)
            one, two = np.unravel_index(int(scores.argmin()), scores.shape)
            # A strict comparison: of equal pairs the first one stays.
            if scores[one, two] < worst[0]:
                worst = (scores[one, two], int(rows[one]), int(others[two]))
    return WorstPairs(
        np.array([person]), np.array([worst[1]]), np.array([worst[2]]), np.array([worst[0]])
    )
