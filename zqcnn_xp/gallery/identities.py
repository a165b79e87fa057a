"""Who the probes are: persons by their best similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Candidate", "Identities", "best_people"]

_SHOWN = 5  # probes, and persons of each, in a printed result


class Candidate(NamedTuple):
    """A person whom a probe resembles.

    Attributes
    ----------
    person
        Name.
    score
        The best similarity between the probe's features and the person's.
    row
        The person's feature that has it.
    """

    person: str
    score: float
    row: int


class Identities:
    """The most similar persons of each probe, best first: a sequence of lists.

    Attributes
    ----------
    people, rows
        (q, k) int64 person and its row; -1 where there is none, or none above the threshold.
    scores
        (q, k) float32; -inf where there is none.
    names
        Names of the persons.

    Examples
    --------
    >>> people, rows = np.array([[1, 0], [-1, -1]]), np.array([[4, 2], [-1, -1]])
    >>> scores = np.array([[0.75, 0.5], [-np.inf, -np.inf]], np.float32)
    >>> found = Identities(people, scores, rows, ["Ann", "Bo"])
    >>> found[0]
    [Candidate(person='Bo', score=0.75, row=4), Candidate(person='Ann', score=0.5, row=2)]
    >>> found.best
    ['Bo', None]
    >>> print(found)
    2 probes, 1 known
    probe 0: Bo (0.7500), Ann (0.5000)
    probe 1: unknown
    """

    def __init__(
        self,
        people: NDArray[np.int64],
        scores: NDArray[np.float32],
        rows: NDArray[np.int64],
        names: Sequence[str],
    ) -> None:
        self.people = people
        self.scores = scores
        self.rows = rows
        self.names = names

    def __repr__(self) -> str:
        return f"<Identities of {self._summary()}>"

    def __str__(self) -> str:
        """Return the best persons of the first probes, a line each."""
        lines = [self._summary()]
        for probe in range(min(len(self), _SHOWN)):
            people = self[probe]
            said = [f"{one.person} ({one.score:.4f})" for one in people[:_SHOWN]]
            said += [f"and {len(people) - _SHOWN} more"] * (len(people) > _SHOWN)
            lines.append(f"probe {probe}: {', '.join(said) or 'unknown'}")
        if len(self) > _SHOWN:
            lines.append(f"and {len(self) - _SHOWN} more probes")
        return "\n".join(lines)

    def _summary(self) -> str:
        named = int((self.people[:, 0] >= 0).sum()) if self.people.shape[1] else 0
        return f"{len(self)} probe{'s' * (len(self) != 1)}, {named} known"

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, probe: int) -> list[Candidate]:
        """Return the candidates of one probe, best first; none for an unknown person."""
        found = zip(self.people[probe], self.scores[probe], self.rows[probe], strict=True)
        return [Candidate(self.names[p], float(s), int(r)) for p, s, r in found if p >= 0]

    def __iter__(self) -> Iterator[list[Candidate]]:
        return (self[probe] for probe in range(len(self)))

    @property
    def best(self) -> list[str | None]:
        """Name of the best person of each probe; None for unknown."""
        return [self.names[people[0]] if people[0] >= 0 else None for people in self.people]


def best_people(
    people: NDArray[np.int64], scores: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.intp]:
    """Return the places of each person's best row, best person first.

    Parameters
    ----------
    people, scores, rows
        (m,) of one probe. Of equal scores the lower row counts, and comes first.

    Examples
    --------
    >>> best_people(np.array([3, 7, 3]), np.float32([0.5, 0.6, 0.7]), np.array([0, 1, 2]))
    array([2, 1])
    """
    order = np.lexsort((rows, -scores))
    first = np.unique(people[order], return_index=True)[1]
    best: NDArray[np.intp] = order[np.sort(first)]
    return best
