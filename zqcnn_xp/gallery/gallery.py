"""A gallery of known persons: who somebody is (1:N), and whether he is this person (1:1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.identities import Identities, best_people
from zqcnn_xp.gallery.labelled import Labelled
from zqcnn_xp.gallery.probes import batched, grouped
from zqcnn_xp.gallery.search import Found, search
from zqcnn_xp.gallery.work import checked_queries

__all__ = ["Gallery"]

# Rows found for all probes of a pass: 64 MB of indices, scores and persons.
_FOUND = 1 << 22


class Gallery:
    """Features of known persons.

    Parameters
    ----------
    source
        A feature store, a `Labelled` set, or (n, d) features of length 1 each.
    labels
        For features: the person of each; ``None`` and ``""`` are of nobody.
    **options
        Passed to each `search`: backend, engine, threads.

    Raises
    ------
    InputError
        If labels are missing.

    Notes
    -----
    It sees a store as it is now: for what is appended later make another.

    Examples
    --------
    >>> gallery = Gallery(np.eye(3, dtype=np.float32), ["Ann", "Ann", "Bo"])
    >>> probes = np.array([[0.1, 0.9, 0.0], [0.3, 0.3, 0.3]], np.float32)
    >>> gallery.identify(probes, threshold=0.5).best
    ['Ann', None]
    >>> gallery.verify("Bo", probes)
    array([0. , 0.3], dtype=float32)
    """

    def __init__(
        self, source: Any, labels: Sequence[str | None] | None = None, **options: Any
    ) -> None:
        if isinstance(source, Labelled) and labels is None:
            self.labelled = source
        else:
            self.labelled = Labelled.of(source, labels)
        self.people = self.labelled.people
        self._options = options
        self._number = {name: number for number, name in enumerate(self.people)}

    def __len__(self) -> int:
        return len(self.labelled)

    def __repr__(self) -> str:
        return f"<Gallery of {len(self.people)} persons, {len(self)} features>"

    def search(self, probes: NDArray[Any], k: int = 10, *, threshold: float | None = None) -> Found:
        """Return the most similar features of each probe, whosever they are.

        Parameters
        ----------
        probes
            (q, d) float32, of length 1 each.
        k, threshold
            As in `zqcnn_xp.gallery.search.search`.
        """
        return search(
            self._checked(probes), self.labelled.rows, k, threshold=threshold, **self._options
        )

    def identify(
        self,
        probes: NDArray[Any],
        k: int = 5,
        *,
        threshold: float | None = None,
        groups: Sequence[Any] | NDArray[Any] | None = None,
    ) -> Identities:
        """Return the most similar persons of each probe: the best over each person's features.

        Parameters
        ----------
        probes
            (q, d) float32, of length 1 each.
        k
            How many persons, at least 1.
        threshold
            Smallest similarity of a candidate. A probe without one is unknown. None names whoever
            is most similar, were it an utter stranger.
        groups
            (q,) which probes show one person, as several photos of him: the best over all of them
            counts. Results are then one a group, in the order in which the groups come first.

        Returns
        -------
        Identities

        Raises
        ------
        InputError
            If a shape or number is not as described.

        Notes
        -----
        Exact: enough rows are searched that ``k`` persons are among them for certain, and more
        where persons with many features crowd out the others. Memory: about 64 MB of what is
        found, beyond the search's own.

        Examples
        --------
        >>> gallery = Gallery(np.eye(3, dtype=np.float32), ["Ann", "Ann", "Bo"])
        >>> probes = np.array([[0.0, 0.6, 0.5], [0.0, 0.0, 0.9]], np.float32)
        >>> gallery.identify(probes, groups=[0, 0]).best
        ['Bo']
        """
        probes = self._checked(probes)
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InputError(f"k={k!r}: expected an integer of at least 1")
        members = grouped(groups, len(probes))
        k = min(int(k), max(1, int(np.count_nonzero(self.labelled.counts))))
        people = np.full((len(members), k), -1, np.int64)
        rows = np.full((len(members), k), -1, np.int64)
        scores = np.full((len(members), k), -np.inf, np.float32)
        open_groups = list(range(len(members)))
        reach = min(len(self), max(4 * k, 16))
        while open_groups and reach:
            left: list[int] = []
            for some in batched(open_groups, members, max(1, _FOUND // reach)):
                index = np.concatenate([members[group] for group in some])
                found = search(
                    probes[index], self.labelled.rows, reach, threshold=threshold, **self._options
                )
                at = 0
                for group in some:
                    part = slice(at, at + len(members[group]))
                    at = part.stop
                    best = self._best(found.indices[part], found.scores[part], k)
                    if best is None:
                        left.append(group)
                        continue
                    count = len(best[0])
                    people[group, :count], scores[group, :count], rows[group, :count] = best
            open_groups = left
            reach = min(len(self), 4 * reach)
        return Identities(people, scores, rows, self.people)

    def _best(
        self, indices: NDArray[np.int64], scores: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]] | None:
        """Return the ``k`` best persons among the rows found; None where more must be searched."""
        full = indices.shape[1] < len(self) and (indices[:, -1] >= 0).any()
        # What was not found of any probe is no better than this.
        unseen = scores[indices[:, -1] >= 0, -1].max() if full else -np.inf
        there = indices >= 0
        rows, values = indices[there], scores[there]
        people = self.labelled.ids[rows].astype(np.int64)
        named = people >= 0
        rows, values, people = rows[named], values[named], people[named]
        best = best_people(people, values, rows)
        if full and np.count_nonzero(values[best] > unseen) < k:
            return None
        best = best[:k]
        return people[best], values[best], rows[best]

    def verify(self, person: str, probes: NDArray[Any]) -> NDArray[np.float32]:
        """Return the best similarity of each probe to a person's features.

        Parameters
        ----------
        person
            A name of ``people``.
        probes
            (q, d) float32, of length 1 each.

        Returns
        -------
        NDArray[float32]
            (q,)

        Raises
        ------
        InputError
            If the gallery has no such person.
        """
        probes = self._checked(probes)
        if person not in self._number:
            raise InputError(f"found no person {person!r} in this gallery")
        best = np.full(len(probes), -np.inf, np.float32)
        for _, features in self.labelled.parts(self._number[person], 4096):
            np.maximum(best, (probes @ features.T).max(axis=1), out=best)
        return best

    def _checked(self, probes: NDArray[Any]) -> NDArray[np.float32]:
        """Check probes against the gallery."""
        probes = np.asarray(probes)
        size = self.labelled.rows.shape[1]
        if probes.ndim != 2 or probes.shape[1] != size or probes.dtype.kind != "f":
            found = f"{probes.dtype} of shape {probes.shape}"
            raise InputError(f"found probes of {found}, expected (q, {size}) of a float type")
        return checked_queries(probes, size)
