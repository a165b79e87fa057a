"""A labelled set: which person each feature is of, and passes over them person by person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zqcnn_xp.errors import InputError
from zqcnn_xp.gallery.picked import gathered, refuse_infinite
from zqcnn_xp.gallery.rows import Features, as_rows

__all__ = ["Labelled", "PeopleBlock"]

# Rows in memory at a time: 8 MB of 128 float32.
_BLOCK = 1 << 14


class PeopleBlock(NamedTuple):
    """Some persons with all their features, or a part of one person who has many.

    Attributes
    ----------
    people
        (p,) person of each group of rows, ascending.
    starts
        (p,) where each group begins in ``rows``.
    rows
        (m,) rows of the set, ascending within a person.
    features
        (m, d) float32.
    """

    people: NDArray[np.int64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    features: NDArray[np.float32]

    @property
    def groups(self) -> NDArray[np.int64]:
        """(m,) which of ``people`` each row is of."""
        counts = np.diff(np.append(self.starts, len(self.rows)))
        return np.repeat(np.arange(len(self.people)), counts)


class Labelled:
    """Features with the person of each.

    Parameters
    ----------
    features
        (n, d) rows or array, of length 1 each: similarities are dot products.
    ids
        (n,) integers, person of each row: an index of ``people``, or -1 for none.
    people
        Names of the persons, no two the same. One may have no row.

    Raises
    ------
    InputError
        If sizes differ or an id names no person.

    Examples
    --------
    >>> faces = Labelled(np.eye(4, dtype=np.float32), np.array([1, 0, 1, -1]), ["Ann", "Bo"])
    >>> faces.counts.tolist(), faces.members(1).tolist()
    ([1, 2], [0, 2])

    Notes
    -----
    Memory: 16 bytes a feature, and blocks of 16,384 features, however many a person has.
    """

    def __init__(
        self, features: Features, ids: NDArray[np.integer[Any]], people: Sequence[str]
    ) -> None:
        self.rows = as_rows(features)
        self.ids = np.asarray(ids)
        self.people = people
        count = self.rows.shape[0]
        if self.ids.shape != (count,) or self.ids.dtype.kind not in "iu":
            found = f"{self.ids.dtype} of shape {self.ids.shape}"
            raise InputError(f"found ids of {found}, expected integers of shape ({count},)")
        if count and not (self.ids.min() >= -1 and self.ids.max() < len(people)):
            found = f"{self.ids.min()} to {self.ids.max()}"
            raise InputError(f"found ids of {found}, expected -1 to {len(people) - 1}")

    @classmethod
    def of(cls, source: Any, labels: Sequence[str | None] | None = None) -> Labelled:
        """Return a labelled set of a feature store, or of features and a label for each.

        Parameters
        ----------
        source
            A store (its own labels count), or (n, d) features.
        labels
            For features: n names of persons; ``None`` and ``""`` are of nobody.

        Raises
        ------
        InputError
            If there is no label for each feature.

        Examples
        --------
        >>> Labelled.of(np.eye(3, dtype=np.float32), ["Bo", "", "Ann"]).ids.tolist()
        [0, -1, 1]
        """
        if labels is None:
            if not hasattr(source, "label_ids"):
                raise InputError("found features without labels, expected one for each")
            ids, people = source.label_ids()
            names = ["" if name is None else str(name) for name in people]
            ids = np.asarray(ids)
            if "" in names:  # the label of what has none
                ids = np.where(ids == names.index(""), -1, ids)
            return cls(source.rows, ids, names)
        rows = as_rows(getattr(source, "rows", source))
        if len(labels) != rows.shape[0]:
            found = f"{len(labels)} labels for {rows.shape[0]} features"
            raise InputError(f"found {found}, expected one for each")
        numbers: dict[str, int] = {}
        ids = np.fromiter(
            (numbers.setdefault(str(name), len(numbers)) if name else -1 for name in labels),
            np.int64,
            len(labels),
        )
        return cls(rows, ids, list(numbers))

    def __len__(self) -> int:
        return self.rows.shape[0]

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Rows by person, ascending within each; what is of nobody is left out."""
        order = np.argsort(self.ids, kind="stable")
        return order[np.count_nonzero(self.ids < 0) :]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(p,) features of each person."""
        return np.bincount(self.ids[self.ids >= 0], minlength=len(self.people))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(p + 1,) where each person begins in ``order``."""
        return np.append(0, np.cumsum(self.counts))

    def members(self, person: int) -> NDArray[np.int64]:
        """Return the rows of one person, ascending."""
        return self.order[self.starts[person] : self.starts[person + 1]]

    def blocks(self, size: int = _BLOCK) -> Iterator[PeopleBlock]:
        """Yield all persons who have features, in order, ``size`` features at a time at most.

        Who has more comes alone, in several blocks that follow each other.

        Raises
        ------
        InputError
            If a feature is infinite or no number: it names the row. As `parts` does.
        """
        present = np.flatnonzero(self.counts)
        ends = self.starts[present + 1]
        at = 0
        while at < len(present):
            begin = self.starts[present[at]]
            # The persons whose last feature is within reach.
            end = int(np.searchsorted(ends, begin + size, side="right"))
            if end == at:
                person = present[at : at + 1]
                for part in self.parts(int(person[0]), size):
                    yield PeopleBlock(person, np.zeros(1, np.int64), *part)
                at += 1
                continue
            people = present[at:end]
            rows = self.order[begin : ends[end - 1]]
            starts = self.starts[people] - begin
            yield PeopleBlock(people, starts, rows, self._finite(rows))
            at = end

    def parts(
        self, person: int, size: int = _BLOCK
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield the rows of one person and their features, ``size`` at a time at most."""
        members = self.members(person)
        for start in range(0, len(members), size):
            rows = members[start : start + size]
            yield rows, self._finite(rows)

    def _finite(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the features of rows, none of them infinite or no number."""
        features = gathered(self.rows, rows)
        refuse_infinite(features, rows)
        return features
